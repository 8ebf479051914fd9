// What a container can do and see, from end to end: the client, the daemon, and both runtimes.
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { Engine, attackImage, attackLayer, probe } from "./engine.ts";
import { imageOf, layerOf } from "../support/image.ts";

const EPERM = "1";
// Source: asm/unistd_64.h, unistd_32.h, sys/socket.h.
const calls = { mount: 165, unshare: 272, keyctl: 250, socket: 41, socket32: 359 };
const [AF_ALG, AF_VSOCK, AF_UNIX] = [38, 40, 1];
const SOCK_SEQPACKET = 5;

const denied = [
  `probe native ${calls.mount}`,
  `probe native ${calls.unshare} 0x10000000`,
  `probe native ${calls.keyctl}`,
];
const sockets = [AF_ALG, AF_VSOCK].flatMap((family) => [
  `probe native ${calls.socket} ${family} ${SOCK_SEQPACKET}`,
  `probe x32 ${calls.socket} ${family} ${SOCK_SEQPACKET}`,
  `probe int80 ${calls.socket32} ${family} ${SOCK_SEQPACKET}`,
]);
// runc's filter is libseccomp's, which opens socketcall(SYS_SOCKET) wherever it opens socket.
const multiplexed = [AF_ALG, AF_VSOCK].map((family) => `probe socketcall ${family}`);
const facts = "grep -E '^(Seccomp|CapInh|CapEff|CapBnd|CapAmb|NoNewPrivs|Groups):' /proc/self/status";
const expectedFacts = [
  "Groups:\t0 ",
  "CapInh:\t0000000000000000",
  "CapEff:\t00000000a80425fb",
  "CapBnd:\t00000000a80425fb",
  "CapAmb:\t0000000000000000",
  "NoNewPrivs:\t0",
  "Seccomp:\t2",
];

// Known attacks, and Docker's own list: written down again, so that a shorter list in the engine is noticed.
const masked = [
  ...["acpi", "asound", "interrupts", "kcore", "keys", "latency_stats", "sched_debug", "scsi", "timer_list"].map(
    (name) => `/proc/${name}`,
  ),
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
  "/sys/devices/system/cpu/cpu0/thermal_throttle",
];
const readOnly = ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/sysrq", "/proc/sys/kernel/hostname"];

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");

suite("confinement", () => {
  let engine: Engine;
  before(async () => {
    engine = await Engine.start();
    await engine.load("attack", attackImage([probe()]));
  });
  after(() => engine[Symbol.asyncDispose]());

  for (const runtime of ["crun", "runc"]) {
    const run = (args: string[], ...command: string[]) =>
      engine.ok("run", "--rm", "--runtime", runtime, ...args, "attack", ...command);

    test(`${runtime}: the filter and the capabilities hold in run and in exec`, async () => {
      const checked = [...denied, ...sockets, ...(runtime === "crun" ? multiplexed : [])];
      const script = [facts, ...checked, `probe native ${calls.socket} ${AF_UNIX} ${SOCK_SEQPACKET}`].join("; ");
      const wanted = [...expectedFacts, ...checked.map(() => EPERM), "0"];
      assert.deepEqual(lines(await run([], "sh", "-c", script)), wanted);
      const id = await engine.ok("run", "-d", "--runtime", runtime, "attack", "sleep", "100");
      assert.deepEqual(lines(await engine.ok("exec", id, "sh", "-c", script)), wanted);
    });

    test(`${runtime}: only the standard descriptors are open, in run, with a terminal and in exec`, async () => {
      // The shell's glob needs a descriptor of its own for the folder: the process asked about is another.
      // It closes and opens its own stdin first.
      const script = "sleep 5 & sleep 0.3; ls /proc/$!/fd; kill $!";
      assert.deepEqual(lines(await run([], "sh", "-c", script)), ["0", "1", "2"]);
      const id = await engine.ok("run", "-d", "-t", "--runtime", runtime, "attack", "sleep", "100");
      assert.deepEqual(lines(await engine.ok("exec", id, "ls", "/proc/1/fd")), ["0", "1", "2"]);
      assert.deepEqual(lines(await engine.ok("exec", id, "sh", "-c", script)), ["0", "1", "2"]);
    });

    test(`${runtime}: masked paths are empty, the kernel's own settings are read-only`, async () => {
      const read = masked.map(
        (path) => `if [ -d ${path} ]; then ls ${path}; else cat ${path} 2>/dev/null; fi | head -c 9 | wc -c`,
      );
      // What is there is written back: an attack that succeeds on a broken build must not change this machine.
      const write = readOnly.map((path) => `v=$(cat ${path}); (echo "$v" > ${path}) 2>/dev/null; echo $?`);
      // "h" asks the kernel for help alone.
      const trigger = "(echo h > /proc/sysrq-trigger) 2>/dev/null; echo $?";
      const stdout = await run([], "sh", "-c", [...read, ...write, trigger].join("; "));
      assert.deepEqual(lines(stdout), [...read.map(() => "0"), ...readOnly.map(() => "1"), "1"]);
    });

    test(`${runtime}: a working directory below /proc/self/fd is refused, from the image, in run and in exec`, async () => {
      const id = await engine.ok("run", "-d", "--runtime", runtime, "attack", "sleep", "100");
      for (const fd of [3, 5, 7, 8, 9, 12, 64]) {
        const directory = `/proc/self/fd/${fd}`;
        const ran = await engine.docker(["run", "--rm", "--runtime", runtime, "-w", directory, "attack", "pwd"]);
        assert.match(ran.stderr, /not allowed/, directory);
        assert.equal(ran.stdout, "");
        const executed = await engine.docker(["exec", "-w", directory, id, "sh", "-c", "ls ../../../../../../etc"]);
        assert.notEqual(executed.code, 0, `exec ${directory}`);
      }
      const entries = [{ name: "link", type: "2", linkname: "/proc/self/fd/7" }];
      await engine.load("workdir", attackImage(entries, { WorkingDir: "/link" }));
      const linked = await engine.docker(["run", "--rm", "--runtime", runtime, "workdir", "ls", "../../../../etc"]);
      assert.notEqual(linked.code, 0);
    });
  }

  test("a user is who is asked for, whatever names the image gives", async () => {
    const id = await engine.ok("run", "-d", "attack", "sleep", "100");
    const table: [string, string][] = [
      ["1", "uid=1 gid=0(root) groups=0(root)"],
      ["1:1", "uid=1 gid=1 groups=1"],
      ["0001", "uid=1 gid=0(root) groups=0(root)"],
      ["1000", "uid=1000 gid=0(root) groups=0(root)"],
      ["user", "uid=1234(user) gid=100(users) groups=10(wheel),100(users)"],
      ["user:10", "uid=1234(user) gid=10(wheel) groups=10(wheel)"],
    ];
    for (const [user, expected] of table) {
      assert.equal(await engine.ok("run", "--rm", "-u", user, "attack", "id"), expected, `run ${user}`);
      assert.equal(await engine.ok("exec", "-u", user, id, "id"), expected, `exec ${user}`);
    }
    for (const user of ["-1", "4294967296", "2147483648", "nobody", "1:nobody"]) {
      assert.notEqual((await engine.docker(["run", "--rm", `--user=${user}`, "attack", "id"])).code, 0, user);
      assert.notEqual((await engine.docker(["exec", `--user=${user}`, id, "id"])).code, 0, `exec ${user}`);
    }
  });

  test("capabilities of a user other than root are none, and no file brings them back", async () => {
    const script = "grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status";
    const none = ["CapInh", "CapPrm", "CapEff", "CapAmb"].map((name) => `${name}:\t0000000000000000`);
    assert.deepEqual(lines(await engine.ok("run", "--rm", "-u", "1234", "attack", "sh", "-c", script)), none);
  });

  test("a group file of a gibibyte is an error, and costs the daemon no memory", async () => {
    // A PAX sparse member: a gibibyte from a few bytes.
    const sparse = {
      name: "etc/group",
      content: "x",
      pax: {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.size": String(2 ** 30),
        "GNU.sparse.map": "0,1",
      },
    };
    await engine.load("groups", attackImage([sparse]));
    const before = engine.resetPeak();
    const { code, stderr } = await engine.docker(["run", "--rm", "-u", "user", "groups", "id"]);
    assert.notEqual(code, 0);
    assert.match(stderr, /larger than/);
    assert.ok(engine.peakBytes() - before < 128 * 2 ** 20, "the daemon grew");
  });

  test("an image with a volume over /proc is refused", async () => {
    for (const path of ["/proc", "/proc/sys"]) {
      await engine.load("over", attackImage([], { Volumes: { [path]: {} } }));
      const { stdout, stderr } = await engine.docker(["run", "--rm", "over", "echo", "ran"]);
      assert.match(stderr, /(?:over|inside) \/proc/, path);
      assert.equal(stdout, "");
    }
  });

  test("an image without /etc/passwd runs as the number it is given", async () => {
    const bare = attackLayer().filter(({ name }) => !name.startsWith("etc/"));
    await engine.load("bare", imageOf({ layers: [layerOf(bare, "none")], config: { config: { User: "7:8" } } }));
    assert.equal(await engine.ok("run", "--rm", "bare", "/bin/id"), "uid=7 gid=8 groups=8");
  });
});
