import { MirrorHealth } from "../../oci/distribution/mirror.ts";
import { defaultRetry } from "../../oci/distribution/retry.ts";
import type { ImageConfig } from "../config/config.ts";
import type { RegistryAccess } from "../image/context.ts";
import { engineVersion } from "../system/identity.ts";

/** Where no proxy is asked, as Go has it whatever the configuration says. */
const neverProxied = "localhost,127.0.0.0-127.255.255.255,::1";

const proxiesOf = ({ httpProxy, httpsProxy, noProxy }: ImageConfig): Record<string, string> | undefined =>
  httpProxy === "" && httpsProxy === ""
    ? undefined
    : {
        ...(httpProxy === "" ? {} : { HTTP_PROXY: httpProxy }),
        ...(httpsProxy === "" ? {} : { HTTPS_PROXY: httpsProxy }),
        NO_PROXY: noProxy === "" ? neverProxied : `${noProxy},${neverProxied}`,
      };

/** How registries are reached. What a reload changes is seen by the next pull or push. */
export const registryAccess = (images: ImageConfig): RegistryAccess => {
  const proxyEnvironment = proxiesOf(images);
  return {
    settings: {
      ...(proxyEnvironment === undefined ? {} : { proxyEnvironment }),
      get insecureRegistries() {
        return images.insecureRegistries;
      },
      get mirrors() {
        return images.registryMirrors;
      },
      certificatesDirectory: "/etc/docker/certs.d",
      mirrorHealth: new MirrorHealth(),
    },
    userAgent: `berth/${engineVersion}`,
    get retry() {
      return { ...defaultRetry, attempts: images.maxDownloadAttempts };
    },
    maxDownloads: images.maxConcurrentDownloads,
    get maxUploads() {
      return images.maxConcurrentUploads;
    },
    get uploadChunkBytes() {
      return images.uploadChunkBytes;
    },
    get allowNondistributable() {
      return images.allowNondistributable;
    },
  };
};
