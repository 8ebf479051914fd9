import type { IdRange } from "../../../linux/namespace/id-mapping.ts";
import { existing } from "./existing.ts";
import { annotations } from "./annotations.ts";
import { cgroupsPath } from "./cgroup-path.ts";
import { deviceRules } from "./devices.ts";
import type { SpecInput } from "./input.ts";
import { maskedPaths, readonlyPaths } from "./masked-paths.ts";
import { createMounts, rootPropagation } from "./mounts.ts";
import { createNamespaces } from "./namespaces.ts";
import { createProcess } from "./process.ts";
import { createResources } from "./resources.ts";
import { createSysctls } from "./sysctls.ts";
import type { OciIdMapping, OciSpec } from "../../../wire/oci/runtime.ts";

const ociVersion = "1.0.2";

/**
 * The config.json of a container: Docker's defaults, then what the container says. Pure: whatever had to be looked up
 * on the machine is in `input`.
 *
 * @throws EngineError invalid-parameter for options that contradict each other.
 *
 * **Source:** OCI runtime-spec config.md and config-linux.md; defaults of Docker Engine 28.2.
 */
export const createSpec = (input: SpecInput): OciSpec => {
  const { config, hostConfig, host } = input;
  const privileged = hostConfig.Privileged === true;
  return {
    ociVersion,
    process: createProcess(input),
    root: { path: input.rootfs, ...(hostConfig.ReadonlyRootfs === true ? { readonly: true } : {}) },
    ...(hostConfig.UTSMode === "host" ? {} : { hostname: config.Hostname ?? "" }),
    mounts: createMounts(input),
    ...existing("annotations", annotations(input)),
    linux: {
      namespaces: createNamespaces(input),
      ...existing("uidMappings", input.idMapping?.uids.map(ociMapping)),
      ...existing("gidMappings", input.idMapping?.gids.map(ociMapping)),
      devices: [...input.devices.nodes],
      cgroupsPath: cgroupsPath(input),
      resources: { devices: deviceRules(privileged, input.devices.rules), ...createResources(input) },
      ...existing("rootfsPropagation", rootPropagation(input.mounts)),
      ...existing("seccomp", input.seccomp?.section),
      ...existing("sysctl", createSysctls(input)),
      maskedPaths: maskedPaths(hostConfig, host),
      readonlyPaths: readonlyPaths(hostConfig),
    },
  };
};

const ociMapping = ({ containerId, hostId, size }: IdRange): OciIdMapping => ({
  containerID: containerId,
  hostID: hostId,
  size,
});
