import type { VersionStep } from "../version-step.ts";

/** Every step from the newest API to what older clients know. */
export const versionSteps: readonly VersionStep[] = [];
