import { invalidParameter } from "../../../base/errors.ts";
import type { LinkRecord } from "../../network/record.ts";
import type { ContainerContext } from "../context.ts";
import { endpointsOf } from "../networks.ts";
import type { ContainerRecord } from "../record.ts";

/** The `--link`s of a container on the default bridge, and the variables they bring. */
export const linksOf = (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
): { links: LinkRecord[]; env: string[] } => {
  const links: LinkRecord[] = [];
  const env: string[] = [];
  for (const text of record.hostConfig.Links ?? []) {
    const [reference = "", alias = reference] = text.split(":");
    const other = context.containers.find(reference);
    if (other.state.status !== "running") {
      throw invalidParameter(`Cannot link to a non running container: /${other.name} AS /${record.name}/${alias}`);
    }
    const exposedPorts = Object.keys(other.config.ExposedPorts ?? {});
    links.push({ containerId: other.id, name: other.name, alias: alias.split("/").at(-1) ?? alias, exposedPorts });
    const address = endpointsOf(context, other)["bridge"]?.IPAddress ?? "";
    env.push(...linkEnv(record.name, alias.split("/").at(-1) ?? alias, address, exposedPorts, other.config.Env ?? []));
  }
  return { links, env };
};

const linkEnv = (
  child: string,
  alias: string,
  address: string,
  ports: readonly string[],
  otherEnv: readonly string[],
): string[] => {
  const prefix = alias.replaceAll("-", "_").toUpperCase();
  const env = [`${prefix}_NAME=/${child}/${alias}`];
  const sorted = ports.toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  sorted.forEach((key, i) => {
    const [port = "", proto = "tcp"] = key.split("/");
    const url = `${proto}://${address}:${port}`;
    if (i === 0) env.push(`${prefix}_PORT=${url}`);
    const name = `${prefix}_PORT_${port}_${proto.toUpperCase()}`;
    env.push(`${name}=${url}`, `${name}_ADDR=${address}`, `${name}_PORT=${port}`, `${name}_PROTO=${proto}`);
  });
  // What every container has says nothing about the other one.
  const own = otherEnv.filter((entry) => !/^(PATH|HOME|HOSTNAME|TERM)=/.test(entry));
  return [...env, ...own.map((entry) => `${prefix}_ENV_${entry}`)];
};
