import { isIP } from "node:net";
import { invalidParameter, messageOf, systemError } from "../../../base/errors.ts";
import type { HostConfig } from "../../../wire/engine/container.ts";
import { checkAnnotations } from "../../runtime/spec/annotations.ts";
import { checkCgroupParent } from "../../runtime/spec/cgroup-path.ts";
import { normalizeCapabilities } from "../../runtime/spec/capabilities.ts";
import type { HostFacts } from "../../runtime/spec/input.ts";
import { parseSecurityOptions } from "../../runtime/spec/security-options.ts";
import type { ContainerSettings } from "../settings.ts";

const policies = ["no", "always", "on-failure", "unless-stopped"];

/** Refuses options that make no sense by themselves. @throws EngineError in Docker's words and kinds */
export const checkOptions = (own: HostConfig, settings: ContainerSettings, host: HostFacts): void => {
  if (own.AutoRemove && own.RestartPolicy?.Name && own.RestartPolicy.Name !== "no") {
    throw invalidParameter("can't create 'AutoRemove' container with restart policy");
  }
  checkRestartPolicy(own.RestartPolicy);
  checkCapabilities(own, host);
  checkPorts(own.PortBindings);
  checkAnnotations(own.Annotations);
  for (const entry of own.ExtraHosts ?? []) {
    const [name, address] = splitOnce(entry);
    if (name === "" || address === "") throw invalidParameter(`bad format for add-host: ${JSON.stringify(entry)}`);
    if (address !== "host-gateway" && isIP(address.replace(/^\[|\]$/g, "")) === 0) {
      throw invalidParameter(`invalid IP address in add-host: ${JSON.stringify(address)}`);
    }
  }
  checkCgroupParent(own.CgroupParent ?? "", settings.cgroupDriver);
  if (own.Runtime && !settings.runtimes.includes(own.Runtime)) {
    throw invalidParameter(`unknown or invalid runtime name: ${own.Runtime}`);
  }
  try {
    parseSecurityOptions(own.SecurityOpt);
  } catch (error) {
    // dockerd calls this its own failure, and clients see the status.
    throw systemError(messageOf(error), error);
  }
};

const splitOnce = (entry: string): [string, string] => {
  const at = entry.search(/[:=]/);
  return at < 0 ? [entry, ""] : [entry.slice(0, at), entry.slice(at + 1)];
};

/** @throws EngineError invalid-parameter in Docker's words */
export const checkRestartPolicy = (policy: HostConfig["RestartPolicy"]): void => {
  const name = policy?.Name ?? "";
  const retries = policy?.MaximumRetryCount ?? 0;
  const invalid = (why: string): Error => invalidParameter(`invalid restart policy: ${why}`);
  if (name !== "" && !policies.includes(name)) {
    throw invalid(`unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`);
  }
  if (retries < 0) throw invalid("maximum retry count cannot be negative");
  if (retries > 0 && name !== "on-failure") throw invalid("maximum retry count can only be used with 'on-failure'");
};

const checkCapabilities = ({ CapAdd, CapDrop }: HostConfig, host: HostFacts): void => {
  for (const [key, names] of Object.entries({ CapAdd, CapDrop })) {
    try {
      normalizeCapabilities(names ?? [], host.capabilities);
    } catch (error) {
      throw invalidParameter(`invalid ${key}: ${messageOf(error)}`, error);
    }
  }
};

const isPortRange = (text: string): boolean => {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  return match !== null && Number(match[1]) <= Number(match[2] ?? match[1]) && Number(match[2] ?? match[1]) <= 65_535;
};

const checkPorts = (bindings: HostConfig["PortBindings"]): void => {
  for (const [key, hosts] of Object.entries(bindings ?? {})) {
    const [port = ""] = key.split("/");
    if (!isPortRange(port)) throw invalidParameter(`invalid port specification: ${JSON.stringify(port)}`);
    for (const { HostPort } of hosts ?? []) {
      if (HostPort && !isPortRange(HostPort)) {
        throw invalidParameter(`invalid port specification: ${JSON.stringify(HostPort)}`);
      }
    }
  }
};
