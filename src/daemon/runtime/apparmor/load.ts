import { existsSync, readFileSync } from "node:fs";
import { systemError } from "../../../base/errors.ts";
import { isCode } from "../../../linux/error.ts";
import { findBinary } from "../../../linux/process/find-binary.ts";
import { run } from "../../../linux/process/run.ts";
import { defaultAppArmorProfile, profileText } from "./profile.ts";

const enabledPath = "/sys/module/apparmor/parameters/enabled";
/** Where the kernel tells what is loaded; missing in a container and where securityfs is not mounted. */
const profilesPath = "/sys/kernel/security/apparmor/profiles";

/**
 * Makes the default profile ready, by loading it unless one of its name is there.
 *
 * @returns whether containers are confined by AppArmor: the kernel enforces it and its tools are installed, as Docker
 * asks for too.
 * @throws EngineError system when the profile is not taken.
 *
 * **Source:** apparmor_parser(8), securityfs of AppArmor.
 */
export const prepareAppArmor = async (): Promise<boolean> => {
  if (!isEnabled()) return false;
  if (isLoaded(defaultAppArmorProfile)) return true;
  const parser = findBinary("apparmor_parser");
  if (parser === null) return false;
  const input = profileText(defaultAppArmorProfile);
  const { code, stderr } = await run([parser, "--skip-cache", "--replace"], { input });
  if (code !== 0) throw systemError(`AppArmor does not take the ${defaultAppArmorProfile} profile: ${stderr.trim()}`);
  return true;
};

const isEnabled = (): boolean => {
  try {
    return readFileSync(enabledPath, "utf8").startsWith("Y") && existsSync(profilesPath);
  } catch (error) {
    if (isCode(error, "ENOENT")) return false;
    throw error;
  }
};

const isLoaded = (name: string): boolean =>
  readFileSync(profilesPath, "utf8")
    .split("\n")
    .some((line) => line.startsWith(`${name} (`));
