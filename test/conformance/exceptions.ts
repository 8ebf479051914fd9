import type { Difference } from "./compare.ts";
import type { Result } from "./run.ts";

interface WireEvent {
  Type: string;
  Action: string;
  Actor: unknown;
}

/** A difference from dockerd 28.5 that is meant, or that says nothing. */
export interface Exception {
  group?: string;
  /** Which cases; every case when absent. */
  step?: RegExp;
  /** Which key paths of the result. */
  path: RegExp;
  /** What the recorded value is with Berth; without it every other value will do. */
  becomes?: (recorded: unknown) => unknown;
  reason: string;
}

const ofCrun = (recorded: unknown): unknown =>
  typeof recorded === "string" ? recorded.replace(": runc create failed:", ": crun create failed:") : recorded;

export const exceptions: Exception[] = [
  { path: /^body\.(message|State\.Error|Error\.Message)$/, becomes: ofCrun, reason: "messages name the runtime" },
  { path: /HostConfig\.Runtime$/, reason: "Berth's default runtime is crun" },
  { path: /LogConfig\.Config\.max-(file|size)$/, reason: "Berth rotates logs by default, and shows that it does" },
  {
    step: /\/stats/,
    path: /blkio_stats/,
    reason: "whether a container read from the disk or from the page cache is the machine's doing",
  },
  {
    step: /\/system\/df/,
    path: /(SizeRw|UsageData\.Size)$/,
    reason: "sizes of df are what is on the disk, directories and logs included: they add up to what du says",
  },
  { group: "system", path: /^headers\.builder-version$/, reason: "2 once /session and /grpc are there" },
  { group: "system", step: /\/version$/, path: /^body\./, reason: "Berth is made of other parts than dockerd" },
  {
    group: "system",
    step: /\/info$/,
    path: /^body\.(Runtimes|RuncCommit|Containerd|ContainerdCommit|CDISpecDirs)/,
    reason: "Berth runs crun, and no containerd",
  },
  {
    step: /^GET \/(swarm|nodes|services|tasks|secrets|configs)$/,
    path: /^(status|statusText|body)/,
    reason: "swarm routes answer 501",
  },
  { step: /^GET \/plugins/, path: /^(status|statusText|body)/, reason: "plugin routes answer 501" },
  { step: /^PUT \/volumes/, path: /^(status|statusText|body)/, reason: "cluster volumes belong to swarm" },
  {
    group: "container-life",
    step: /^GET \/containers\/life\/json \([456]\)$/,
    path: /DNSNames$/,
    reason: "dockerd's rename gives the default bridge names that it never uses",
  },
  {
    group: "container-life",
    step: /^GET \/containers\/port-two\/json$/,
    path: /(Path|NetworkID)$/,
    reason: "Berth connects the network before it writes a container's files: where that fails there are none",
  },
  {
    group: "archive",
    step: /\/changes$/,
    path: /^body\.length$/,
    reason: "dockerd counts /etc as changed because its own layer in between touches it",
  },
  {
    group: "archive",
    step: /path=\/tmp \([56]\)$/,
    path: /^body\.message$/,
    reason: "an archive that reaches out is refused in other words",
  },
  {
    group: "images",
    step: /^load (an empty body|a tar without manifest|a broken manifest|a manifest without files)$/,
    path: /^body\.(error|errorDetail\.message)$/,
    reason: "Berth unpacks no archive into a directory that its messages could name",
  },
  {
    group: "images",
    step: /^load (bare|for a platform that is not there)$/,
    path: /^body/,
    reason: "when a bar is drawn, and whether nothing is an empty line, is chance in dockerd",
  },
  {
    group: "images",
    step: /^POST \/images\/busybox\/tag(\?repo=)?$/,
    path: /^(status|statusText|headers|body)/,
    reason: "dockerd says that it has given an image no name; Berth refuses",
  },
  {
    group: "images",
    step: /^GET \/images\/(bare:1\/)?get/,
    path: /^body\.tar\.length$/,
    reason: "dockerd adds a configuration of image format v1 for every layer",
  },
  {
    path: /com\.docker\.network\.bridge\.name$/,
    becomes: (recorded) => (recorded === "docker0" ? "berth0" : recorded),
    reason: "where another engine has docker0, Berth's bridge is berth0",
  },
  {
    group: "versions",
    step: /^GET \/(version|info)$/,
    path: /^body\./,
    reason: "Berth is made of other parts than dockerd",
  },
  {
    group: "versions",
    step: /\/_ping$/,
    path: /^headers\.builder-version$/,
    reason: "2 once /session and /grpc are there",
  },
  {
    group: "versions",
    step: /^GET \/images\/versioned\/json$/,
    path: /^body\.(Container|ContainerConfig\..*|DockerVersion)$/,
    reason: "an image of Berth's does not say which container it was made of, and which Docker by",
  },
  {
    group: "networks",
    path: /IPAM\.Config\.0\.Gateway$/,
    reason: "Berth tells the IPv6 gateway that it chose; dockerd keeps it to itself",
  },
  {
    group: "networks",
    step: /^GET \/(networks\/host|containers\/hosted)/,
    path: /(<hosted>|EndpointID|SandboxID|SandboxKey)$/,
    reason: "on the host's network Berth makes no endpoint and no sandbox",
  },
  {
    group: "volumes",
    path: /UsageData\.RefCount$/,
    reason: "Berth counts the containers that have a volume through --volumes-from, too",
  },
  { group: "bad-input", step: /^auth: two values$/, path: /^body/, reason: "what follows the credentials is refused" },
  {
    group: "events",
    step: /^replay of images$/,
    path: /^body/,
    reason: "how far back a replay reaches depends on what happened before",
  },
];

/**
 * An answer without the order that chance or the engine's own way of working gives it. Of events, the order between a
 * container and its network and volumes says nothing to a client, and dockerd mounts volumes for every copy while
 * Berth need not.
 */
export const ordered = (group: string, result: Result | undefined): Result | undefined => {
  const { lines } = (result?.body ?? {}) as { lines?: WireEvent[] };
  if (!["events", "versions"].includes(group) || result === undefined || lines === undefined) return result;
  const seen = new Set<string>();
  const sorted = lines
    .map((line) => ({ line, text: `${line.Type} ${line.Action} ${JSON.stringify(line.Actor)}` }))
    .toSorted((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
    .filter(({ line, text }) => {
      const isRepeated = line.Type === "volume" && seen.has(text);
      seen.add(text);
      return !isRepeated;
    });
  return { ...result, body: { lines: sorted.map(({ line }) => line) } };
};

export const exceptionFor = (group: string, step: string, difference: Difference): Exception | undefined =>
  exceptions.find(
    (exception) =>
      (exception.group ?? group) === group &&
      (exception.step?.test(step) ?? true) &&
      exception.path.test(difference.path) &&
      (exception.becomes === undefined || Object.is(exception.becomes(difference.recorded), difference.answered)),
  );
