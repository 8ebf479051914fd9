// What an engine has on its host, so that two can be told apart and each be compared before and after the other acted.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Http } from "./http.ts";

export interface Owner {
  api: Http;
  /** Its roots are below it, and so are its mounts. */
  folder: string;
  /** Host ports that its containers publish. */
  ports: readonly number[];
  /** The mark of a Berth (`berth:<instance>`) and the prefix of its chains; undefined: what no Berth has marked. */
  berth?: { mark: string; chainPrefix: string };
}

/** Every line names one thing as it is; nothing in it changes by itself. */
export type Footprint = Record<"rules" | "links" | "mounts" | "ports" | "containers", string[]>;

const lines = (program: string, ...args: string[]): string[] =>
  execFileSync(program, args, { encoding: "utf8", maxBuffer: 1 << 26 })
    .split("\n")
    .filter((line) => line !== "");

/** Rules and chains in their order, without counters, each with its family and table. */
const allRules = (): string[] =>
  ["iptables-save", "ip6tables-save"].flatMap((program) => {
    let table = "";
    return lines(`/usr/sbin/${program}`).flatMap((line) => {
      if (line.startsWith("*")) table = line.slice(1);
      // A table that somebody looked at for the first time has its chains from then on.
      if (!/^[:-]/.test(line) || /^:\S+ ACCEPT/.test(line)) return [];
      return [`${program} ${table} ${line.replace(/ \[\d+:\d+\]$/, "")}`];
    });
  });

const rulesOf = ({ berth }: Owner): string[] =>
  allRules().filter((line) => {
    // Programs differ in whether they quote a comment.
    const comment = /--comment "?(berth:\w+)/.exec(line)?.[1];
    if (berth === undefined) return comment === undefined && !/ :BERTH/.test(line);
    return comment === berth.mark || new RegExp(` :${berth.chainPrefix}(-\\S+)? -$`).test(line);
  });

interface LinkEntry {
  ifindex: number;
  ifname: string;
  flags: string[];
  mtu: number;
  master?: string;
  address: string;
  ifalias?: string;
  addr_info?: { family: string; local: string; prefixlen: number }[];
}

/** Addresses that IPv6 gives a link come when they come. */
const linksOf = ({ berth }: Owner): string[] => {
  const text = execFileSync("/usr/sbin/ip", ["-j", "-d", "addr"], { encoding: "utf8" });
  return (JSON.parse(text) as LinkEntry[])
    .filter(({ ifname, ifalias = "" }) => {
      if (berth !== undefined) return ifalias === berth.mark || ifalias.startsWith(`${berth.mark}:`);
      return !ifalias.startsWith("berth:") && !/^(lo|lan0)$/.test(ifname);
    })
    .map(({ ifindex, ifname, ifalias, flags, mtu, master, address, addr_info = [] }) => {
      const addresses = addr_info.flatMap(({ family, local, prefixlen }) =>
        family === "inet" ? [`${local}/${prefixlen}`] : [],
      );
      return [ifindex, ifname, ifalias, ...flags, mtu, master, address, ...addresses].join(" ");
    });
};

const mountsOf = ({ folder }: Owner): string[] =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(` ${folder}/`));

/** With the processes that hold them; how full their queues are is of the moment. */
const portsOf = ({ ports }: Owner): string[] =>
  lines("/usr/bin/ss", "-Hlntup")
    .map((line) => line.split(/\s+/))
    .filter((fields) => ports.includes(Number(fields[4]?.split(":").at(-1))))
    .map((fields) => [fields[0], fields[1], fields[4], fields[6]].join(" "))
    .sort();

const containersOf = async ({ api }: Owner): Promise<string[]> => {
  const running = await api.ok<{ Id: string }[]>("GET", "/containers/json");
  const states = running.map(async ({ Id }) => {
    const { Name, RestartCount, State } = await api.ok<{
      Name: string;
      RestartCount: number;
      State: { Pid: number; StartedAt: string };
    }>("GET", `/containers/${Id}/json`);
    return [Id, Name, RestartCount, State.Pid, State.StartedAt].join(" ");
  });
  return (await Promise.all(states)).sort();
};

/** What an engine, whose daemon must run, has on the host now. */
export const footprint = async (owner: Owner): Promise<Footprint> => ({
  rules: rulesOf(owner),
  links: linksOf(owner),
  mounts: mountsOf(owner),
  ports: portsOf(owner),
  containers: await containersOf(owner),
});
