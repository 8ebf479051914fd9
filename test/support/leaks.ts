// What an engine may leave behind, by kind: taken before and after, and compared.
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { mountTable } from "../../src/linux/mount/table.ts";

/** What is looked at: everything of this mount and network namespace, and these places of the machine. */
export interface Scope {
  /** Data and exec roots. */
  folders: readonly string[];
  /** Containers' cgroups are below this, in every hierarchy. */
  cgroupParent: string;
  /** Not a leak: the daemon itself, which may have been started again. */
  daemonPid?: number | undefined;
}

export type LeakKind =
  | "mount"
  | "namespace"
  | "link"
  | "rule"
  | "conntrack"
  | "cgroup"
  | "process"
  | "file"
  | "port"
  | "descriptor";

/** Everything there is, each kind with the names of its things. */
export type Inventory = Record<LeakKind, ReadonlySet<string>>;

/** How long kernel objects may take to be gone after the answer that they will be. */
const settleMs = 5000;
const pollMs = 100;
/** A daemon's connections come and go: so many more descriptors than before are not yet a leak. */
export const descriptorSlack = 6;

const lines = (program: string, ...args: string[]): string[] =>
  execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], maxBuffer: 1 << 26 })
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

const links = (): string[] =>
  (JSON.parse(lines("/usr/sbin/ip", "-j", "link").join("")) as { ifname: string }[]).map(({ ifname }) => ifname);

/**
 * Counters change by themselves. An engine that turns forwarding on also sets the chain's policy, for as long as the machine
 * runs, as Docker does: it comes with the first network of a family, unless forwarding was on before.
 */
const rules = (): string[] => [
  ...["iptables-save", "ip6tables-save"].flatMap((program) =>
    lines(`/usr/sbin/${program}`)
      .filter((line) => /^-[AN]/.test(line))
      .map((line) => `${program} ${line}`),
  ),
  ...lines("/usr/sbin/nft", "list", "ruleset").map(
    (line) => `nft ${line.replace(/counter packets \d+ bytes \d+|policy (?:accept|drop);/g, "")}`,
  ),
];

/** Connections of the host with itself, and what the kernel sends to groups of its own accord, are not the engine's. */
const conntrack = (): string[] =>
  lines("/usr/sbin/conntrack", "-L")
    .map((line) => [...line.matchAll(/\b(?:src|dst|sport|dport)=\S+/g)].map(([match]) => match).join(" "))
    .filter((line) => !/dst=(224\.|ff0)/.test(line))
    .filter((line) =>
      [...line.matchAll(/(?:src|dst)=(\S+)/g)].some(([, address]) => !/^(127\.|::1$)/.test(address ?? "")),
    );

const hierarchies = (): string[] =>
  mountTable()
    .filter(({ type }) => type === "cgroup" || type === "cgroup2")
    .map(({ target }) => target);

const below = (folder: string, keep: (path: string) => boolean = () => true): string[] => {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    try {
      return [...(keep(path) ? [path] : []), ...(lstatSync(path).isDirectory() ? below(path, keep) : [])];
    } catch {
      return []; // went between two looks
    }
  });
};

const cgroups = (parent: string): string[] =>
  hierarchies().flatMap((root) => below(join(root, parent), (path) => lstatSync(path).isDirectory()));

const read = (path: string): string => {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
};

const link = (path: string): string => {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
};

/**
 * Of the whole machine: what runs in this mount namespace, in a cgroup of the engine's, or with one of its folders among
 * its arguments. The test, its runner and what the test itself runs at the moment are not meant.
 */
const processes = ({ folders, cgroupParent, daemonPid }: Scope): string[] => {
  const own = link("/proc/self/ns/mnt");
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && Number(name) !== daemonPid)
    .flatMap((pid) => {
      const stat = read(`/proc/${pid}/stat`);
      if (stat === "" || / [ZX] /.test(stat.slice(stat.lastIndexOf(")")))) return [];
      const command = read(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
      const ours =
        link(`/proc/${pid}/ns/mnt`) === own ||
        read(`/proc/${pid}/cgroup`).includes(`:${cgroupParent}/`) ||
        folders.some((folder) => command.includes(folder));
      return ours ? [`${pid} ${command}`] : [];
    });
};

/** The sockets of a daemon, numbered because they have no lasting name. Idle worker threads keep what else is open. */
const descriptors = (pid: number | undefined): string[] => {
  if (pid === undefined || !existsSync(`/proc/${pid}/fd`)) return [];
  return readdirSync(`/proc/${pid}/fd`)
    .filter((fd) => link(`/proc/${pid}/fd/${fd}`).startsWith("socket:"))
    .map((_, index) => `socket ${index + 1} of process ${pid}`);
};

/** The database and its log grow and shrink by themselves; a temporary name is not there twice. */
const files = (folders: readonly string[]): string[] =>
  folders.flatMap((folder) => below(folder)).filter((path) => !/\/engine\.(db|lock)[^/]*$/.test(path));

export const takeInventory = (scope: Scope): Inventory => {
  const mounts = mountTable().map(({ type, target }) => ({ type, target }));
  const set = (names: string[]): ReadonlySet<string> => new Set(names);
  return {
    // Processes first: the programs that look at the rest are then not there.
    process: set(processes(scope)),
    mount: set(mounts.filter(({ type }) => type !== "nsfs").map(({ type, target }) => `${type} ${target}`)),
    namespace: set(mounts.filter(({ type }) => type === "nsfs").map(({ target }) => target)),
    link: set(links()),
    rule: set(rules()),
    conntrack: set(conntrack()),
    cgroup: set(cgroups(scope.cgroupParent)),
    file: set(files(scope.folders)),
    descriptor: set(descriptors(scope.daemonPid)),
    port: set(lines("/usr/bin/ss", "-Hlntu").map((line) => line.split(/\s+/)[4] ?? "")),
  };
};

export interface Leak {
  kind: LeakKind;
  name: string;
}

/** What of one kind is there now and was not before. */
export const surplus = (kind: LeakKind, before: ReadonlySet<string>, now: ReadonlySet<string>): string[] => {
  // Those of a daemon that was started again have other names, and count all the same.
  if (kind === "descriptor") return now.size > before.size + descriptorSlack ? [...now].slice(before.size) : [];
  return [...now].filter((name) => !before.has(name));
};

/** What is there now of `kinds` and was not before, as soon as nothing is, else after five seconds. */
export const leaksSince = async (before: Inventory, scope: Scope, kinds?: readonly LeakKind[]): Promise<Leak[]> => {
  for (const end = Date.now() + settleMs; ;) {
    const now = takeInventory(scope);
    const leaks = (kinds ?? (Object.keys(now) as LeakKind[])).flatMap((kind) =>
      surplus(kind, before[kind], now[kind]).map((name) => ({ kind, name })),
    );
    if (leaks.length === 0 || Date.now() > end) return leaks;
    await sleep(pollMs);
  }
};
