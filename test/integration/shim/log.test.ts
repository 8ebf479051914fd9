import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../../../src/linux/process/run.ts";
import { Containers, bytesOf, everything } from "./container.ts";

/** Runs `cat` with this input and returns what the log holds. */
const logged = async (containers: Containers, id: string, input: Uint8Array | string, log = {}): Promise<void> => {
  const { connection, attached } = await containers.start(id, ["cat"], {
    stdin: "once",
    log: { path: containers.log(id), ...log },
    attach: [{ ...everything, stdout: false, stderr: false }],
  });
  attached[0]!.end(input);
  assert.equal((await connection.exited)?.exitCode, 0);
};

test("a record is what dockerd writes, byte for byte", async () => {
  await using containers = new Containers();
  await logged(containers, "a", '<a href="x">&\\ \t\r\u0001\u007f é \u{1f600} \u2028\n\nno end', {
    attributes: '{"env":"A=b","tag":"x"}',
  });
  const text = readFileSync(containers.log("a"), "utf8");
  const time = /"time":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z)"\}$/;
  const lines = text.split("\n");
  assert.equal(lines.pop(), "");
  for (const line of lines) assert.match(line, time);
  const attributes = '"attrs":{"env":"A=b","tag":"x"},';
  assert.deepEqual(
    lines.map((line) => line.replace(time, "")),
    [
      `{"log":"\\u003ca href=\\"x\\"\\u003e\\u0026\\\\ \\u0009\\r\\u0001\u007f é \u{1f600} \\u2028\\n","stream":"stdout",${attributes}`,
      `{"log":"\\n","stream":"stdout",${attributes}`,
      `{"log":"no end","stream":"stdout",${attributes}`,
    ],
  );
});

test("what is not UTF-8 is replaced in log and exact in raw", async () => {
  await using containers = new Containers();
  const bad = [
    [0xff],
    [0xc0, 0x80],
    [0xe0, 0x80, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xf8],
    [0xc3],
    [0xe2, 0x82],
  ].map((bytes) => Buffer.from([0x61, ...bytes, 0x62, 0x0a]));
  await logged(containers, "bad", Buffer.concat(bad));
  const records = containers.records("bad");
  assert.deepEqual(
    records.map(({ raw }) => Buffer.from(raw ?? "", "base64")),
    bad,
  );
  // Go replaces each byte of a broken sequence.
  assert.deepEqual(
    records.map(({ log }) => log),
    bad.map((line) => `a${"\ufffd".repeat(line.length - 3)}b\n`),
  );
});

test("a line longer than 16 KiB is written in pieces", async () => {
  await using containers = new Containers();
  const lines = [16_383, 16_384, 40_000].map((size) => "y".repeat(size));
  await logged(containers, "long", `${lines.join("\n")}\n`);
  const records = containers.records("long");
  assert.deepEqual(
    records.map(({ log }) => [log.length, log.endsWith("\n")]),
    [
      [16_384, true],
      [16_384, false],
      [1, true],
      [16_384, false],
      [16_384, false],
      [40_001 - 32_768, true],
    ],
  );
  assert.equal(new Set(records.slice(3).map(({ time }) => time)).size, 1, "the pieces of a line share its time");
});

test("any bytes are exact, however they are cut", async () => {
  await using containers = new Containers();
  const input = Buffer.concat([randomBytes(400_000), Buffer.from("\u00e9".repeat(20_001)), Buffer.from("end")]);
  await logged(containers, "bytes", input);
  assert.ok(bytesOf(containers.records("bytes")).equals(input));
});

test("the log rotates, keeps so many files, and loses only what rotation drops", async () => {
  await using containers = new Containers();
  const input = Array.from({ length: 5000 }, (_, i) => `line ${i}\n`).join("");
  await logged(containers, "kept", input, { maxSizeBytes: 100_000, maxFiles: 10 });
  assert.ok(bytesOf(containers.records("kept")).toString() === input);
  await logged(containers, "dropped", input, { maxSizeBytes: 50_000, maxFiles: 3 });
  const files = readdirSync(containers.dir("dropped")).filter((name) => /-json\.log(\.\d+)?$/.test(name));
  assert.deepEqual(files.sort(), ["dropped-json.log", "dropped-json.log.1", "dropped-json.log.2"]);
  for (const name of files) assert.ok(statSync(join(containers.dir("dropped"), name)).size < 50_200);
  const kept = bytesOf(containers.records("dropped")).toString();
  assert.ok(kept.length > 12_000 && input.endsWith(kept));
  await logged(containers, "one", input, { maxSizeBytes: 50_000, maxFiles: 1 });
  assert.ok(statSync(containers.log("one")).size < 50_200);
  assert.equal(existsSync(`${containers.log("one")}.1`), false);
});

test("compressed files shift too, and a held lock puts rotation off", async () => {
  await using containers = new Containers();
  const log = containers.log("gz");
  mkdirSync(containers.dir("gz"), { recursive: true, mode: 0o700 });
  writeFileSync(`${log}.1.gz`, "older");
  await logged(containers, "gz", "x\n".repeat(1000), { maxSizeBytes: 40_000, maxFiles: 4 });
  assert.ok(existsSync(`${log}.1`));
  assert.equal(
    readFileSync(
      `${log}.${readdirSync(containers.dir("gz")).filter((n) => /\.log\.\d$/.test(n)).length + 1}.gz`,
      "utf8",
    ),
    "older",
  );

  const lock = `${containers.log("locked")}.lock`;
  mkdirSync(containers.dir("locked"), { recursive: true, mode: 0o700 });
  closeSync(openSync(lock, "w"));
  const holder = run(["/usr/bin/flock", lock, "/bin/sleep", "1"]);
  await logged(containers, "locked", "x\n".repeat(1000), { maxSizeBytes: 10_000, maxFiles: 3 });
  assert.equal(containers.records("locked").length, 1000);
  assert.equal(existsSync(`${containers.log("locked")}.1`), false);
  await holder;
});

test("a container that starts again appends, and half a record of a killed shim does not spoil the next", async () => {
  await using containers = new Containers();
  mkdirSync(containers.dir("again"), { recursive: true, mode: 0o700 });
  writeFileSync(containers.log("again"), '{"log":"hal');
  await logged(containers, "again", "whole\n");
  const lines = readFileSync(containers.log("again"), "utf8").split("\n");
  assert.equal(lines[0], '{"log":"hal');
  assert.equal((JSON.parse(lines[1] ?? "") as { log: string }).log, "whole\n");
});

test("a full disk costs output, counted and marked, and does not stop the container", async () => {
  await using containers = new Containers();
  const folder = join(containers.root, "small");
  mkdirSync(folder);
  await run(["/bin/mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]);
  try {
    writeFileSync(join(folder, "ballast"), Buffer.alloc(500_000));
    const path = join(folder, "x.log");
    const { connection, attached } = await containers.start("full", ["cat"], {
      stdin: "once",
      log: { path },
      attach: [everything],
    });
    attached[0]!.resume();
    const first = Array.from({ length: 20_000 }, (_, i) => `first ${i} \u2028<\n`).join("");
    await new Promise<void>((resolve) => attached[0]!.write(first, () => resolve()));
    await new Promise((resolve) => setTimeout(resolve, 300));
    rmSync(join(folder, "ballast"));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    attached[0]!.end("last\n");
    const exit = await connection.exited;
    const records = readFileSync(path, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { log: string });
    const gaps = records.filter(({ log }) => log.startsWith("[berth:"));
    const counted = gaps.reduce((sum, { log }) => sum + Number(/\d+/.exec(log)?.[0]), 0);
    const kept = records
      .filter((record) => !gaps.includes(record))
      .map(({ log }) => log)
      .join("");
    assert.equal(exit?.exitCode, 0);
    assert.ok(gaps.length >= 1);
    assert.equal(exit.logDroppedBytes, counted);
    assert.equal(
      Buffer.byteLength(kept) + counted,
      Buffer.byteLength(first) + 5,
      "every byte is in the log or counted",
    );
    assert.equal(records.at(-1)?.log, "last\n");
    assert.match(kept, /^first 0 /);
  } finally {
    await run(["/bin/umount", folder]);
  }
});

test("no log when none is asked for", async () => {
  await using containers = new Containers();
  const options = containers.prepare("none", ["echo", "x"]);
  delete options.log;
  const { connection } = await containers.start("none", ["echo", "x"], { log: undefined });
  assert.equal((await connection.exited)?.exitCode, 0);
  assert.equal(existsSync(containers.log("none")), false);
});
