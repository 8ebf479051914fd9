// What --userns-remap asks of the machine, and what a daemon says that does not find it.
import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { Daemon } from "../../support/daemon.ts";
import { Docker } from "../../support/docker.ts";
import { loadBusybox } from "../../support/engine.ts";
import { Http } from "../../support/http.ts";
import { privateEtc, ranges } from "../../support/private-etc.ts";

const failure = async (...args: string[]): Promise<string> => {
  let said = "";
  await assert.rejects(Daemon.start({ args }), (error: Error) => {
    said = error.message;
    return true;
  });
  return said;
};

test("`default` makes the user dockremap with the machine's own tools", async () => {
  using _etc = privateEtc([]);
  for (const name of ["/etc/subuid", "/etc/subgid"]) writeFileSync(name, "someone:100000:65536\n");
  await using daemon = await Daemon.start({ args: ["--userns-remap", "default"] });
  assert.match(readFileSync("/etc/passwd", "utf8"), /^dockremap:x:\d+:\d+:.*:\/bin\/false$/m);
  assert.match(readFileSync("/etc/group", "utf8"), /^dockremap:x:\d+:$/m);
  for (const name of ["/etc/subuid", "/etc/subgid"]) {
    assert.equal(readFileSync(name, "utf8"), "someone:100000:65536\ndockremap:165536:65536\n");
  }
  await loadBusybox(new Http(daemon.socketPath));
  using docker = new Docker(daemon.socketPath);
  const map = await docker.ok("run", "--rm", "busybox", "cat", "/proc/self/uid_map");
  assert.equal(map.trim().replace(/\s+/g, " "), "0 165536 65536");
  await daemon.killAndStart();
  assert.equal(readFileSync("/etc/subuid", "utf8").split("\n").length, 3, "made once");
});

test("several ranges are one mapping", async () => {
  using _etc = privateEtc([`daemon:${ranges.first}:1000`, `daemon:${ranges.second}:64536`]);
  await using daemon = await Daemon.start({ args: ["--userns-remap", "1:1"] });
  await loadBusybox(new Http(daemon.socketPath));
  using docker = new Docker(daemon.socketPath);
  const script = "touch /a; chown 2000:999 /a; stat -c '%u:%g' /data/seed /a; sleep 0";
  assert.equal(await docker.ok("run", "--rm", "busybox", "sh", "-c", script), "1000:1000\n2000:999");
});

test("root is not remapped, with a warning", async () => {
  await using daemon = await Daemon.start({ args: ["--userns-remap", "root"] });
  assert.match(await daemon.output(), /User namespaces: root cannot be remapped with itself; user namespaces are OFF/);
  const { SecurityOptions } = await new Http(daemon.socketPath).ok<{ SecurityOptions: string[] }>("GET", "/info");
  assert.ok(!SecurityOptions.includes("name=userns"));
});

test("what keeps the daemon from starting", async () => {
  using _etc = privateEtc([]);
  assert.match(
    await failure("--userns-remap", "daemon"),
    /Can't create ID mappings: no subuid ranges found for user "daemon": add a line/,
  );
  assert.match(
    await failure("--userns-remap", "zz-none"),
    /Error during uid lookup for "zz-none": getent unable to find entry/,
  );
  writeFileSync("/etc/subuid", "daemon:100000:10\n");
  writeFileSync("/etc/subgid", "daemon:100000:10\n");
  const folder = await Daemon.start({});
  await using _folder = folder;
  await folder.stop();
  chmodSync(folder.folder, 0o700);
  const child = folder.spawn(["--userns-remap", "daemon"]);
  assert.notEqual(await new Promise((resolve) => child.once("exit", resolve)), 0);
  assert.match(
    await folder.output(),
    /restricts access to the remapped root uid\/gid; please fix by allowing 'o\+x' permissions/,
  );
});
