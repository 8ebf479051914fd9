import type { VersionStep } from "../version-step.ts";
import { containerSteps } from "./container.ts";
import { imageSteps } from "./image.ts";
import { networkSteps } from "./network.ts";
import { systemSteps } from "./system.ts";
import { volumeSteps } from "./volume.ts";

/** Every step from the newest API to what older clients know. */
export const versionSteps: readonly VersionStep[] = [
  ...containerSteps,
  ...imageSteps,
  ...networkSteps,
  ...systemSteps,
  ...volumeSteps,
];
