// Two engines in one process, and an engine beside what another one left on the machine. Beside one that runs:
// dockerd.test.ts.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import type { Network } from "../../src/wire/engine/network.ts";
import { loadConfig } from "../../src/daemon/config/load.ts";
import { createEngine, type Engine } from "../../src/daemon/engine.ts";
import { Daemon, removeCgroupParent } from "../support/daemon.ts";
import { Docker, runProgram } from "../support/docker.ts";
import { empty, loadBusybox } from "../support/engine.ts";
import { Http, waitUntil } from "../support/http.ts";

const run = (...argv: string[]): string => execFileSync(argv[0] ?? "", argv.slice(1), { encoding: "utf8" });
const curl = async (url: string): Promise<string> =>
  (await runProgram(["/usr/bin/curl", "-s", "--max-time", "2", url])).stdout;
const foreign = (): string =>
  [
    run("/usr/sbin/iptables-save", "-t", "nat"),
    run("/usr/sbin/iptables-save", "-t", "filter"),
    run("/usr/sbin/ip", "-4", "-o", "addr", "show", "docker0"),
  ]
    .join("")
    .split("\n")
    .filter((line) => !line.includes("berth") && !line.includes("BERTH") && !/^[:#]/.test(line))
    .filter((line) => line.includes("DOCKER") || line.includes("docker0"))
    .join("\n");

const plantForeignEngine = (): void => {
  run("/usr/sbin/ip", "link", "add", "docker0", "type", "bridge");
  run("/usr/sbin/ip", "addr", "add", "172.17.0.1/16", "dev", "docker0");
  run("/usr/sbin/ip", "link", "set", "docker0", "up");
  for (const rule of [
    "-t nat -N DOCKER",
    "-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
    "-t nat -A DOCKER -i docker0 -j RETURN",
    "-t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
    "-t filter -N DOCKER",
    "-t filter -A FORWARD -o docker0 -j DOCKER",
    "-t filter -A DOCKER ! -i docker0 -o docker0 -j DROP",
    "-t filter -P FORWARD DROP",
  ]) {
    run("/usr/sbin/iptables", ...rule.split(" "));
  }
};

const removeForeignEngine = (): void => {
  for (const table of ["nat", "filter", "raw"]) {
    run("/usr/sbin/iptables", "-t", table, "-F");
    run("/usr/sbin/iptables", "-t", table, "-X");
  }
  run("/usr/sbin/iptables", "-P", "FORWARD", "ACCEPT");
  for (const { ifname } of JSON.parse(run("/usr/sbin/ip", "-j", "link", "show", "type", "bridge")) as {
    ifname?: string;
  }[]) {
    if (ifname) run("/usr/sbin/ip", "link", "del", ifname);
  }
};
after(removeForeignEngine);

test("an engine beside another's docker0 and DOCKER chains takes names of its own and touches nothing", async () => {
  plantForeignEngine();
  try {
    const before = foreign();
    await using daemon = await Daemon.start();
    const api = new Http(daemon.socketPath);
    using docker = new Docker(daemon.socketPath);
    await loadBusybox(api);
    await docker.ok("run", "-d", "-p", "8080:80", "busybox", "httpd", "-f", "-h", "/www");
    await waitUntil(async () => (await curl("http://127.0.0.1:8080/")) === "hello from busybox\n", "the web server");
    assert.equal(
      await docker.ok("network", "inspect", "bridge", "-f", '{{index .Options "com.docker.network.bridge.name"}}'),
      "berth0",
    );
    assert.equal(foreign(), before);
    await daemon.killAndStart();
    await empty(api);
    assert.equal(foreign(), before);
  } finally {
    removeForeignEngine();
  }
});

const openEngine = async (folder: string): Promise<{ engine: Engine; api: Http }> => {
  const socketPath = join(folder, "berth.sock");
  const { config } = loadConfig([
    ...["--host", `unix://${socketPath}`, "--data-root", join(folder, "data"), "--exec-root", join(folder, "exec")],
    ...["--pidfile", join(folder, "pid"), "--cgroup-parent", `/${basename(folder)}`],
  ]);
  return { engine: await createEngine(config, { log: () => {} }), api: new Http(socketPath) };
};

test("two engines in one process serve side by side", async () => {
  const folders = [1, 2].map(() => mkdtempSync(join(tmpdir(), "berth-test-")));
  try {
    await using stack = new AsyncDisposableStack();
    const open = async (folder: string): Promise<Awaited<ReturnType<typeof openEngine>>> => {
      const opened = await openEngine(folder);
      stack.use(opened.engine);
      return opened;
    };
    // At the same time: neither has made anything yet when the other looks what there is.
    const [first, second] = await Promise.all([open(folders[0] ?? ""), open(folders[1] ?? "")]);
    const bridges = [first, second].map(({ api }) => api.ok<Network>("GET", "/networks/bridge"));
    assert.deepEqual(
      new Set((await Promise.all(bridges)).map(({ Options }) => Options?.["com.docker.network.bridge.name"])),
      new Set(["berth0", "docker0"]),
    );
    for (const [i, { api }] of [first, second].entries()) {
      await loadBusybox(api);
      await api.ok("POST", "/containers/create?name=web", {
        Image: "busybox",
        Cmd: ["sh", "-c", `echo engine ${i} >/www/index.html; exec httpd -f -h /www`],
        ExposedPorts: { "80/tcp": {} },
        HostConfig: { PortBindings: { "80/tcp": [{ HostPort: String(8080 + i) }] } },
      });
      await api.ok("POST", "/containers/web/start");
    }
    for (const i of [0, 1]) {
      await waitUntil(async () => (await curl(`http://127.0.0.1:${8080 + i}/`)) === `engine ${i}\n`, `engine ${i}`);
    }
    await empty(first.api);
    assert.equal(await curl("http://127.0.0.1:8081/"), "engine 1\n", "the other one's rules are as they were");
    await empty(second.api);
  } finally {
    for (const folder of folders) {
      rmSync(folder, { recursive: true, force: true });
      await removeCgroupParent(`/${basename(folder)}`);
    }
    removeForeignEngine();
  }
});
