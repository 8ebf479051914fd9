// Runs inside the guest of `npm run test:guest`: the engine on a kernel with cgroup v2 alone, with both runtimes.
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { busyboxArchive } from "../support/busybox-image.ts";
import { check, daemonLog, failed, ok, sleep, startDaemon, systemd, tellFailure } from "./engine.ts";
import { limitChecks } from "./limits.ts";
import { quotaChecks } from "./quota.ts";
import { scopeChecks } from "./scope.ts";
import { startChecks } from "./start.ts";
import { usernsChecks } from "./userns.ts";

try {
  assert.ok(existsSync("/sys/fs/cgroup/cgroup.controllers"));
  console.log(`controllers: ${readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf8").trim()}`);
  await quotaChecks();
  let daemon = await startDaemon();
  writeFileSync("/tmp/image.tar", busyboxArchive());
  ok("load", "-q", "-i", "/tmp/image.tar");
  await check("info knows cgroup v2", () => {
    assert.equal(
      ok(
        "info",
        "-f",
        "{{.CgroupVersion}} {{.CgroupDriver}} {{.MemoryLimit}} {{.PidsLimit}} {{.CPUCfsQuota}} {{.CPUSet}}",
      ),
      `2 ${systemd ? "systemd" : "cgroupfs"} true true true true`,
    );
    const { Warnings } = JSON.parse(ok("info", "-f", "{{json .}}"));
    assert.deepEqual(
      (Warnings ?? []).filter((text: string) => /cgroup|memory|cpu|swap/i.test(text)),
      [],
    );
  });
  for (const runtime of ["crun", "runc"]) {
    await limitChecks(runtime);
    await startChecks(runtime, daemon);
    if (systemd) await scopeChecks(runtime);
  }
  await usernsChecks();
  await check("a new daemon adopts a limited container, and notices its end", async () => {
    const id = ok("run", "-d", "-m", "64m", "busybox", "sleep", "1000");
    process.kill(daemon, "SIGKILL");
    await sleep(500);
    daemon = await startDaemon();
    assert.match(ok("stats", "--no-stream", "--format", "{{.MemUsage}}", id), /64MiB/);
    ok("kill", id);
    assert.equal(ok("wait", id), "137");
    assert.equal(ok("inspect", "-f", "{{.State.OOMKilled}}", id), "false");
    ok("rm", id);
  });
  await check("a published port is reached", async () => {
    const id = ok("run", "-d", "-p", "8080:80", "busybox", "httpd", "-f", "-h", "/www");
    const get = () => fetch("http://127.0.0.1:8080/", { signal: AbortSignal.timeout(5000) }).then((one) => one.text());
    // Emulated, the server takes its time.
    let text = "";
    for (let tries = 0; text === "" && tries < 10; tries++) text = await get().catch(() => sleep(500).then(() => ""));
    ok("rm", "-f", id);
    assert.match(text, /hello/);
    await assert.rejects(get());
  });
} catch (error) {
  tellFailure(String(error));
}
if (failed() > 0) console.log(daemonLog().split("\n").slice(-40).join("\n"));
process.exit(failed() === 0 ? 0 : 1);
