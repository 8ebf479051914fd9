import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFileSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, docker, sleep, systemd, until } from "./engine.ts";

const socket = "/run/berth-userns.sock";
const dataRoot = "/data-userns";
const log = "/run/berthd-userns.log";
const first = 200_000;

const on = (...args: string[]): ReturnType<typeof docker> => docker("-H", `unix://${socket}`, ...args);
const ok = (...args: string[]): string => {
  const { status, stdout, stderr } = on(...args);
  assert.equal(status, 0, `docker ${args.join(" ")}: ${stderr}`);
  return stdout;
};

/** Debian's kernel is the oldest that people have whose overlay takes idmapped layers; it names them by mount(2). */
export const usernsChecks = async (): Promise<void> => {
  if (systemd) return;
  await check("userns-remap: owners are mapped, stored unshifted, and copied as they are seen", async () => {
    appendFileSync("/etc/passwd", "mapped:x:1000:1000::/:/bin/sh\n");
    appendFileSync("/etc/group", "mapped:x:1000:\n");
    for (const path of ["/etc/subuid", "/etc/subgid"]) writeFileSync(path, `mapped:${first}:65536\n`);
    const output = openSync(log, "a");
    const roots = ["--data-root", dataRoot, "--exec-root", "/run/berth-userns", "--pidfile", "/run/berth-userns.pid"];
    const args = ["--host", `unix://${socket}`, ...roots, "--userns-remap", "mapped"];
    const daemon = spawn("/berth/bin/berthd", args, { stdio: ["ignore", output, output] });
    try {
      await until("the engine with userns-remap", () => {
        if (daemon.exitCode !== null) throw new Error(readFileSync(log, "utf8"));
        return on("version").status === 0;
      });
      ok("load", "-q", "-i", "/tmp/image.tar");
      for (const runtime of ["crun", "runc"]) use(runtime);
    } catch (error) {
      console.log(readFileSync(log, "utf8").split("\n").slice(-20).join("\n"));
      throw error;
    } finally {
      daemon.kill("SIGTERM");
      while (daemon.exitCode === null && daemon.signalCode === null) await sleep(200);
    }
  });
};

const use = (runtime: string): void => {
  const name = `mapped-${runtime}`;
  const script =
    "cat /proc/self/uid_map; echo a >/a; chown 5:6 /a; rm -r /www; ping -c1 127.0.0.1 >/dev/null; sleep 1000";
  ok(
    "run",
    "-d",
    "--name",
    name,
    "--runtime",
    runtime,
    "-v",
    `${name}:/v`,
    "-w",
    "/w",
    "-m",
    "64m",
    "busybox",
    "sh",
    "-c",
    script,
  );
  const stats = (...paths: string[]): string => ok("exec", name, "stat", "-c", "%n %u:%g", ...paths);
  assert.equal(
    stats("/", "/v", "/w", "/etc/hosts", "/bin/busybox"),
    "/ 0:0\n/v 0:0\n/w 0:0\n/etc/hosts 0:0\n/bin/busybox 0:0",
  );
  assert.equal(stats("/a"), "/a 5:6");
  assert.equal(ok("logs", name).trim().replace(/\s+/g, " "), `0 ${first} 65536`);
  assert.match(ok("stats", "--no-stream", "--format", "{{.MemUsage}}", name), /64MiB/);
  writeFileSync("/tmp/copied", "in\n");
  ok("cp", "/tmp/copied", `${name}:/v/copied`);
  ok("cp", "/tmp/copied", `${name}:/copied`);
  assert.equal(stats("/v/copied", "/copied"), "/v/copied 0:0\n/copied 0:0");
  const layers = join(dataRoot, "overlay2");
  const owners = readdirSync(layers).flatMap((id) => {
    const found = statSync(join(layers, id, "diff/a"), { throwIfNoEntry: false });
    return found === undefined ? [] : [`${found.uid}:${found.gid}`];
  });
  assert.deepEqual(owners, ["5:6"]);
  ok("restart", "-t", "0", name);
  assert.equal(stats("/a"), "/a 5:6");
  ok("rm", "-f", name);
};
