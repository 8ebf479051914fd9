import type { Route } from "../router.ts";
import type { Services } from "../../services.ts";
import { containerFileRoutes } from "./container-files.ts";
import { containerStreamRoutes } from "./container-stream.ts";
import { containerRoutes } from "./container.ts";
import { debugRoutes } from "./debug.ts";
import { eventRoutes } from "./event.ts";
import { execRoutes } from "./exec.ts";
import { imageTransferRoutes } from "./image-transfer.ts";
import { imageRoutes } from "./image.ts";
import { networkRoutes } from "./network.ts";
import { systemRoutes } from "./system.ts";
import { unsupportedRoutes } from "./unsupported.ts";
import { volumeRoutes } from "./volume.ts";

/** Every operation of the Engine API. */
export const allRoutes = (services: Services): Route[] => [
  ...systemRoutes(services.system),
  ...eventRoutes(services.events),
  ...containerRoutes(services.containers),
  ...containerStreamRoutes(services.containers),
  ...containerFileRoutes(services.containers),
  ...execRoutes(services.containers),
  ...imageRoutes(services.images),
  ...imageTransferRoutes(services.images),
  ...networkRoutes(services.networks, services.containers),
  ...volumeRoutes(services.volumes),
  ...debugRoutes,
  ...unsupportedRoutes,
];
