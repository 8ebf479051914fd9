import { invalidParameter } from "../../../base/errors.ts";
import type { OciDeviceRule } from "../../../wire/oci/runtime.ts";

const allow = (type: "c" | "b", major: number, minor: number): OciDeviceRule => ({
  allow: true,
  type,
  major,
  minor,
  access: "rwm",
});

// null, zero, random, urandom, tty, console. The runtime adds full, the pseudo-terminals and what it makes in /dev.
const defaultRules: readonly OciDeviceRule[] = [
  { allow: false, access: "rwm" },
  allow("c", 1, 5),
  allow("c", 1, 3),
  allow("c", 1, 9),
  allow("c", 1, 8),
  allow("c", 5, 0),
  allow("c", 5, 1),
  // fuse
  { allow: false, type: "c", major: 10, minor: 229, access: "rwm" },
];

/** Which devices the container's cgroup lets it use. `rules` are those of `--device` and `--device-cgroup-rule`. */
export const deviceRules = (privileged: boolean, rules: readonly OciDeviceRule[]): OciDeviceRule[] =>
  privileged ? [{ allow: true, access: "rwm" }] : [...defaultRules, ...rules];

const rulePattern = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/;

/**
 * Reads one `--device-cgroup-rule`, such as `c 42:* rmw`.
 *
 * @throws EngineError invalid-parameter in Docker's words.
 */
export const parseDeviceRule = (text: string): OciDeviceRule => {
  const match = rulePattern.exec(text);
  if (match === null) throw invalidParameter(`invalid device cgroup rule format: '${text}'`);
  const [, type, major, minor, access] = match;
  return {
    allow: true,
    type: type as "a" | "c" | "b",
    ...(major === "*" ? {} : { major: Number(major) }),
    ...(minor === "*" ? {} : { minor: Number(minor) }),
    access: access ?? "",
  };
};
