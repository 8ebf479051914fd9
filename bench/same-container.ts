import { existsSync, readFileSync } from "node:fs";
import type { Engine } from "./engines.ts";
import { must } from "./process.ts";

/** What a container sees and is held to; a fast engine that leaves one of these out has not run a container. */
const probe = [
  "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\\t' ' '",
  "echo dev $(ls /dev | tr '\\n' ' ')",
  "echo masked $(awk '$5 ~ \"^/proc/|^/sys/firmware\" {print $5}' /proc/self/mountinfo | sort | tr '\\n' ' ')",
  "echo ro $(awk '$5 ~ \"^/proc/(bus|fs|irq|sys|sysrq)\" {print $5 \":\" substr($6,1,2)}' /proc/self/mountinfo | sort | tr '\\n' ' ')",
  "echo hostname-is-id $(test ${#HOSTNAME} = 12 && echo yes)",
  "echo resolv $(grep -c . /etc/resolv.conf | sed 's/^[1-9].*/some/')",
  "echo hosts $(grep -c localhost /etc/hosts | sed 's/^[1-9].*/some/')",
  "echo mounts $(awk '$5 ~ \"^/etc/\" {print $5}' /proc/self/mountinfo | sort | tr '\\n' ' ')",
  "echo pid $$",
  "ip -o link | awk '{print $2}' | cut -d@ -f1 | tr '\\n' ' '",
];

const dockers = {
  CapEff: "00000000a80425fb",
  CapBnd: "00000000a80425fb",
  NoNewPrivs: "0",
  Seccomp: "2",
};

const memoryBytes = 67_108_864;

const limitOf = (pid: number, controller: string, file: string): string => {
  const line = readFileSync(`/proc/${pid}/cgroup`, "utf8")
    .split("\n")
    .find((text) => text.split(":")[1]?.split(",").includes(controller) ?? false);
  const v2 = readFileSync(`/proc/${pid}/cgroup`, "utf8").match(/^0::(.*)$/m)?.[1] ?? "";
  const path = line ? `/sys/fs/cgroup/${controller}${line.split(":")[2]}/${file}` : `/sys/fs/cgroup${v2}/${file}`;
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    return `unreadable: ${String(error)}`;
  }
};

/**
 * crun links /dev/core to /proc/kcore always, runc only where the kernel has it: on a kernel without it the link leads
 * nowhere, and says nothing about the engine.
 */
const withoutDanglingCore = (devices: string): string =>
  existsSync("/proc/kcore")
    ? devices
    : devices
        .split(" ")
        .filter((name) => name !== "core")
        .join(" ");

/** The lines of the probe from one engine, with what the host says about its limits and its log. */
export const observe = async (engine: Engine): Promise<Record<string, string>> => {
  const cli = (...args: string[]) => must([...engine.cli, ...args], { env: engine.env });
  const limits = ["--memory", "64m", "--cpus", "0.5", "--pids-limit", "50"];
  const id = (
    await cli("run", "-d", ...limits, "busybox", "sh", "-c", `{ ${probe.join("; ")}; } 2>&1; sleep 1000`)
  ).stdout.trim();
  try {
    await cli("exec", id, "true");
    const seen: Record<string, string> = {};
    const deadline = Date.now() + 5000;
    let log = "";
    while (!/^lo /m.test(log) && Date.now() < deadline) log = (await cli("logs", id)).stdout;
    for (const line of log.trim().split("\n"))
      seen[line.split(" ")[0]?.replace(/:$/, "") ?? ""] = line.slice(line.indexOf(" ") + 1).trim();
    seen["dev"] = withoutDanglingCore(seen["dev"] ?? "");
    const pid = Number((await cli("inspect", "--format", "{{.State.Pid}}", id)).stdout);
    const v2 = limitOf(pid, "memory", "memory.max");
    seen["memory limit"] = /^\d+$/.test(v2) ? v2 : limitOf(pid, "memory", "memory.limit_in_bytes");
    const quota = limitOf(pid, "cpu", "cpu.cfs_quota_us");
    seen["cpu quota"] = /^\d+$/.test(quota) ? quota : (limitOf(pid, "cpu", "cpu.max").split(" ")[0] ?? "");
    seen["pids limit"] = limitOf(pid, "pids", "pids.max");
    const execStatus = (await cli("exec", id, "grep", "-E", "^(CapEff|Seccomp):", "/proc/self/status")).stdout;
    seen["exec"] = execStatus.trim().replaceAll(/\s+/g, " ");
    return seen;
  } finally {
    await cli("rm", "-f", id);
  }
};

/** What is missing of a container as dockerd makes it; empty when nothing is. `reference`: dockerd's own, when it takes part. */
export const faults = (seen: Record<string, string>, reference: Record<string, string> | undefined): string[] => {
  const expected: Record<string, string> = {
    ...reference,
    ...dockers,
    "memory limit": String(memoryBytes),
    "cpu quota": "50000",
    "pids limit": "50",
    exec: `CapEff: ${dockers.CapEff} Seccomp: 2`,
    resolv: "some",
    hosts: "some",
    pid: "1",
    mounts: "/etc/hostname /etc/hosts /etc/resolv.conf",
  };
  const wrong = Object.entries(expected).filter(([key, value]) => seen[key] !== value);
  // What this kernel has of the masked paths in every configuration.
  const masked = ["/proc/keys", "/proc/timer_list", "/sys/firmware"].filter((path) => !seen["masked"]?.includes(path));
  const devices = [
    "null",
    "zero",
    "full",
    "random",
    "urandom",
    "tty",
    "pts",
    "shm",
    "mqueue",
    "ptmx",
    "stdin",
    "stdout",
    "stderr",
    "fd",
  ].filter((name) => !seen["dev"]?.split(" ").includes(name));
  return [
    ...wrong.map(([key, value]) => `${key}: ${seen[key] ?? "(absent)"}, dockerd has ${value}`),
    ...masked.map((path) => `${path} is not masked`),
    ...devices.map((name) => `/dev/${name} is missing`),
  ];
};
