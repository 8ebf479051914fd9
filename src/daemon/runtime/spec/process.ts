import type { OciProcess } from "../../../wire/oci/runtime.ts";
import { defaultAppArmorProfile } from "../apparmor/profile.ts";
import { capabilitySets, effectiveCapabilities } from "./capabilities.ts";
import { createEnvironment } from "./environment.ts";
import { existing } from "./existing.ts";
import type { SpecInput } from "./input.ts";
import { createRlimits } from "./rlimits.ts";
import { parseSecurityOptions } from "./security-options.ts";

/** Where docker-init lies in a container started with `--init`. */
export const initDestination = "/sbin/docker-init";

/** True when the container's first process is docker-init: asked for, and the container has a pid namespace of its own. */
export const usesInit = ({ hostConfig, defaults }: Pick<SpecInput, "hostConfig" | "defaults">): boolean =>
  (hostConfig.Init ?? defaults.init) && (hostConfig.PidMode ?? "") === "";

/** The process section of config.json. */
export const createProcess = (
  input: Pick<SpecInput, "config" | "hostConfig" | "user" | "host" | "defaults">,
): OciProcess => {
  const { config, hostConfig, user, host, defaults } = input;
  const security = parseSecurityOptions(hostConfig.SecurityOpt);
  const tty = config.Tty === true;
  const [height = 0, width = 0] = hostConfig.ConsoleSize ?? [];
  const command = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  const noNewPrivileges = security.noNewPrivileges ?? defaults.noNewPrivileges;
  const rlimits = createRlimits(hostConfig, host, defaults).rlimits;
  return {
    terminal: tty,
    ...(tty && height > 0 && width > 0 ? { consoleSize: { height, width } } : {}),
    user: { uid: user.uid, gid: user.gid, additionalGids: [...user.additionalGids] },
    args: usesInit(input) ? [initDestination, "--", ...command] : command,
    env: createEnvironment(config, user.home),
    cwd: config.WorkingDir || "/",
    capabilities: capabilitySets(effectiveCapabilities(hostConfig, host.capabilities), user.uid),
    ...existing("rlimits", rlimits.length > 0 ? rlimits : undefined),
    ...existing("noNewPrivileges", noNewPrivileges ? true : undefined),
    oomScoreAdj: hostConfig.OomScoreAdj ?? 0,
    ...existing(
      "apparmorProfile",
      host.apparmor ? appArmorProfile(hostConfig.Privileged, security.apparmor) : undefined,
    ),
  };
};

/** The profile of a container on a host with AppArmor. @param own what `--security-opt apparmor=` names */
export const appArmorProfile = (privileged: boolean | undefined, own: string | undefined): string =>
  own ?? (privileged ? "unconfined" : defaultAppArmorProfile);
