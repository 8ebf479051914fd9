import type { ContainerSummary, MountPoint, Port } from "../../../wire/engine/container.ts";
import type { EndpointSettings } from "../../../wire/engine/network.ts";
import type { ContainerContext } from "../context.ts";
import { inspectMounts } from "../inspect/mounts.ts";
import { rootSize } from "../inspect/inspect.ts";
import { endpointsOf, portsOf as publishedPorts } from "../networks.ts";
import { type ContainerRecord, slashed } from "../record.ts";
import { type HealthStatus, statusText } from "../status.ts";
import { statusWord } from "../state.ts";

/** One line of `docker ps` as the API tells it. **Source:** Engine API, ContainerSummary. */
export const summarize = async (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  withSize: boolean,
): Promise<ContainerSummary> => {
  const summary: ContainerSummary = {
    Id: record.id,
    Names: [slashed(record)],
    Image: imageName(context, record),
    ImageID: record.imageId,
    Command: commandText(record),
    Created: Number(BigInt(record.createdNs) / 1_000_000_000n),
    Ports: portsOf(context, record),
    Labels: record.config.Labels ?? {},
    State: statusWord(record.state) as NonNullable<ContainerSummary["State"]>,
    Status: statusText(record, healthOf(context, record), context.clock.now()),
    HostConfig: {
      NetworkMode: record.hostConfig.NetworkMode ?? "",
      ...(record.hostConfig.Annotations ? { Annotations: record.hostConfig.Annotations } : {}),
    },
    // The names and the source of a volume that has none yet are told by inspect only.
    NetworkSettings: { Networks: withoutNames(endpointsOf(context, record)) },
    Mounts: listMounts(record),
  };
  const manifest = context.images.manifestOf(record.imageId);
  if (manifest !== undefined) summary.ImageManifestDescriptor = manifest;
  if (withSize) {
    const rw = await context.layers.writable.size(record.id);
    if (rw !== 0) summary.SizeRw = rw;
    summary.SizeRootFs = rw + (await rootSize(context, record));
  }
  return summary;
};

export const healthOf = (context: ContainerContext, record: Readonly<ContainerRecord>): HealthStatus =>
  context.live.find(record.id)?.health?.status ?? "none";

/** What the user called the image, as long as that name still means the same image; else the image's id. */
const imageName = (context: ContainerContext, record: Readonly<ContainerRecord>): string => {
  const name = record.config.Image ?? "";
  return context.images.isNamed(name, record.imageId) ? name : record.imageId;
};

const withoutNames = (endpoints: Record<string, EndpointSettings>): Record<string, EndpointSettings> =>
  Object.fromEntries(Object.entries(endpoints).map(([name, endpoint]) => [name, { ...endpoint, DNSNames: null }]));

/** dockerd's list knows the place of a volume without a name only once it was mounted. */
const listMounts = (record: Readonly<ContainerRecord>): MountPoint[] =>
  inspectMounts(record).map((mount, i) =>
    record.mounts[i]?.anonymous && !record.startedBefore ? { ...mount, Source: "" } : mount,
  );

const commandText = ({ path, args }: Readonly<ContainerRecord>): string =>
  [path, ...args.map((arg) => (arg.includes(" ") ? `'${arg}'` : arg))].join(" ");

/** Published ports with their bindings, and exposed ones without. Empty when it does not run. */
export const portsOf = (context: ContainerContext, record: Readonly<ContainerRecord>): Port[] => {
  return Object.entries(publishedPorts(context, record)).flatMap(([key, bindings]) => {
    const [port = "", type = "tcp"] = key.split("/");
    const base = { PrivatePort: Number(port), Type: type as NonNullable<Port["Type"]> };
    if (!bindings || bindings.length === 0) return [base];
    return bindings.map(({ HostIp, HostPort }) => ({
      ...(HostIp ? { IP: HostIp } : {}),
      ...base,
      PublicPort: Number(HostPort),
    }));
  });
};
