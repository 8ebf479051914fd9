import type { Owner } from "../../../linux/namespace/id-mapping.ts";
import { streamBits } from "./attach.ts";
import type { AttachStreams } from "./attach.ts";

/** Where the shim writes the container's log, in Docker's json-file format. */
export interface ShimLog {
  /** Absolute path; rotated files get `.1`, `.2` … behind it. */
  path: string;
  /** A file that has reached this size is rotated before the next line; none or -1: never. */
  maxSizeBytes?: number;
  /** Files kept, the current one included; 1 when absent. */
  maxFiles?: number;
  /** A JSON object's text that every record carries as `attrs`. */
  attributes?: string;
}

/** A listening TCP socket, or a bound UDP one, whose traffic the shim passes on to the container's IPv4 address. */
export interface ShimRelay {
  fd: number;
  protocol: "tcp" | "udp";
  address: string;
  port: number;
}

export interface ShimOptions {
  /** The shim's binary, absolute. */
  shim: string;
  /** The OCI runtime's binary, absolute. */
  runtime: string;
  /** The same program open for reading, to be executed instead of the path. */
  runtimeFd?: number;
  /** Arguments before the runtime's command: `--root`, `--systemd-cgroup`. */
  runtimeArguments?: readonly string[];
  /** Arguments behind it: `--no-pivot`. */
  commandArguments?: string[];
  /** The container's id, for an exec that of the container it runs in. */
  id: string;
  /** The task's folder, absolute, mode 0700: socket, pid, state and exit files are written here. */
  dir: string;
  /** A container's bundle, or an exec's process.json; absolute. */
  start: { bundle: string } | { process: string };
  /** A PTY of this size instead of pipes. The spec must say `terminal` as well. */
  terminal?: { rows: number; columns: number };
  /** Keeps stdin open, else it is /dev/null. `once`: it is closed when the first attached client's ends. */
  stdin?: "open" | "once";
  /** To whom the process's pipes belong; the daemon's user when absent. */
  owner?: Owner;
  /** Stands for /dev/null wherever the runtime would get the host's; the shim gets a duplicate. */
  nullFd?: number;
  /** None: nothing is logged. */
  log?: ShimLog;
  /** Attaches that see every byte from the first. */
  attach?: AttachStreams[];
  /** Reserved sockets that the shim keeps open. */
  holdFds?: number[];
  relays?: ShimRelay[];
}

/** Says which descriptor in the shim an attach, or one of ours, becomes. */
interface Descriptors {
  attach: () => number;
  inherit: (fd: number) => number;
}

/** The shim's command line. */
export const shimArguments = (options: ShimOptions, descriptors: Descriptors): string[] => [
  options.shim,
  "--id",
  options.id,
  "--dir",
  options.dir,
  "--runtime",
  options.runtime,
  ...(options.runtimeFd === undefined ? [] : ["--runtime-fd", String(descriptors.inherit(options.runtimeFd))]),
  ...(options.owner === undefined ? [] : ["--owner", `${options.owner.uid}:${options.owner.gid}`]),
  ...(options.nullFd === undefined ? [] : ["--null-fd", String(descriptors.inherit(options.nullFd))]),
  ...("process" in options.start ? ["--exec", "--process", options.start.process] : ["--bundle", options.start.bundle]),
  ...(options.terminal ? ["--tty", `${options.terminal.rows}x${options.terminal.columns}`] : []),
  ...(options.stdin ? ["--stdin"] : []),
  ...(options.stdin === "once" ? ["--stdin-once"] : []),
  ...(options.log ? logArguments(options.log) : []),
  ...(options.runtimeArguments ?? []).flatMap((argument) => ["--runtime-arg", argument]),
  ...(options.commandArguments ?? []).flatMap((argument) => ["--command-arg", argument]),
  ...(options.attach ?? []).flatMap((streams) => ["--attach", `${descriptors.attach()}:${streamBits(streams)}`]),
  ...(options.holdFds ?? []).flatMap((fd) => ["--hold-fd", String(descriptors.inherit(fd))]),
  ...(options.relays ?? []).flatMap(({ fd, protocol, address, port }) => [
    "--relay",
    `${descriptors.inherit(fd)}:${protocol}:${address}:${port}`,
  ]),
];

const logArguments = (log: ShimLog): string[] => [
  "--log",
  log.path,
  "--log-max-size",
  String(log.maxSizeBytes ?? -1),
  "--log-max-file",
  String(log.maxFiles ?? 1),
  ...(log.attributes === undefined ? [] : ["--log-attrs", log.attributes]),
];
