import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { FrameType } from "../../../src/wire/shim/protocol.ts";
import { encodeFrame } from "../../../src/daemon/runtime/shim/frame.ts";
import { findBinary } from "../../../src/linux/process/find-binary.ts";
import { run } from "../../../src/linux/process/run.ts";
import { Containers, bytesOf, crun, demultiplex, everything, readAll } from "./container.ts";
import { socketOfShim } from "./raw-socket.ts";

const runtimes = [crun, findBinary("runc") ?? "runc"];

for (const runtime of runtimes) {
  const root = (containers: Containers): string[] => ["--root", join(containers.root, "other")];

  test(`${runtime} runs a container and an exec, with pipes and with a terminal`, async () => {
    await using containers = new Containers();
    const runtimeArguments = root(containers);
    const main = await containers.start("c", ["sh", "-c", "cat; exit 3"], {
      runtime,
      runtimeArguments,
      stdin: "once",
      attach: [everything],
    });
    const exec = await containers.exec("c", "e", ["sh", "-c", "echo in exec; exit 4"], {
      runtime,
      runtimeArguments,
      attach: [{ ...everything, stdin: false }],
    });
    assert.equal(demultiplex(await readAll(exec.attached[0]!)).stdout.toString(), "in exec\n");
    assert.equal((await exec.connection.exited)?.exitCode, 4);
    const terminal = await containers.exec("c", "t", ["sh", "-c", "sleep 0.1; stty size; exit 5"], {
      runtime,
      runtimeArguments,
      terminal: { rows: 7, columns: 8 },
      attach: [{ ...everything, raw: true }],
    });
    assert.equal((await terminal.connection.exited)?.exitCode, 5);
    assert.match((await readAll(terminal.attached[0]!)).toString(), /^7 8\r\n$/);
    main.attached[0]!.end("bye\n");
    assert.equal(demultiplex(await readAll(main.attached[0]!)).stdout.toString(), "bye\n");
    assert.equal((await main.connection.exited)?.exitCode, 3);
    await run([runtime, ...runtimeArguments, "delete", "--force", "c"]);
  });

  test(`${runtime}'s words reach a failed start`, async () => {
    await using containers = new Containers();
    const runtimeArguments = root(containers);
    await assert.rejects(containers.start("c", ["/nope"], { runtime, runtimeArguments }), /\/nope/);
    assert.equal(existsSync(join(containers.root, "other/c")), false);
  });
}

test("sixty short containers, four at a time: every byte, every status", async () => {
  await using containers = new Containers();
  const worker = async (number: number): Promise<void> => {
    for (let i = number; i < 60; i += 4) {
      const id = `s${i}`;
      const { connection, attached } = await containers.start(
        id,
        ["sh", "-c", `seq 1 ${i * 50}; echo -n e${i} >&2; exit ${i}`],
        {
          attach: [{ ...everything, stdin: false }],
        },
      );
      const { stdout, stderr } = demultiplex(await readAll(attached[0]!));
      const expected = Array.from({ length: i * 50 }, (_, n) => `${n + 1}\n`).join("");
      assert.ok(stdout.toString() === expected, `stdout of ${id}`);
      assert.equal(stderr.toString(), `e${i}`);
      assert.equal((await connection.exited)?.exitCode, i);
      assert.ok(bytesOf(containers.records(id), "stdout").toString() === expected, `log of ${id}`);
      assert.equal(bytesOf(containers.records(id), "stderr").toString(), `e${i}`);
    }
  };
  await Promise.all([0, 1, 2, 3].map(worker));
});

test("a client that talks nonsense is hung up on, and nothing else happens", async () => {
  await using containers = new Containers();
  const { connection } = await containers.start("n", ["cat"], { stdin: "once" });
  const nonsense = [
    Buffer.from("GET / HTTP/1.1\r\n\r\n"),
    Buffer.alloc(4096, 0xff),
    encodeFrame(FrameType.resize, Buffer.alloc(4)),
    encodeFrame(FrameType.hello, Buffer.alloc(3)),
    encodeFrame(FrameType.hello, Buffer.alloc(65)),
  ];
  for (const bytes of nonsense) {
    const socket = await socketOfShim(containers.dir("n"));
    socket.on("error", () => {}).write(bytes);
    await new Promise((resolve) => socket.resume().once("close", resolve));
  }
  // What is unknown in a connection that said hello is passed over: a newer daemon may send it.
  const control = await socketOfShim(containers.dir("n"));
  control.on("error", () => {}).resume();
  control.write(
    Buffer.concat([
      encodeFrame(FrameType.hello, Buffer.from([9, 0, 0, 0, 0, 0])),
      encodeFrame(99, "new"),
      encodeFrame(FrameType.closeStdin),
    ]),
  );
  assert.equal((await connection.exited)?.exitCode, 0);
});

test("clients beyond the bound are turned away, and the container runs on", async () => {
  await using containers = new Containers();
  const { connection } = await containers.start("b", ["cat"], { stdin: "once" });
  const attaches = await Promise.allSettled(
    Array.from({ length: 80 }, () => connection.attach({ ...everything, stdin: false })),
  );
  const open = attaches.filter((attach) => attach.status === "fulfilled");
  assert.equal(open.length, 63);
  for (const { value } of open) value.destroy();
  connection.closeStdin();
  assert.equal((await connection.exited)?.exitCode, 0);
});
