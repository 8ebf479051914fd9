import assert from "node:assert/strict";
import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { tryLock } from "../../linux/file/data.ts";
import { keepCompressed } from "./json-file/compress.ts";
import { open } from "./reader.ts";
import type { LogRequest } from "./reader.ts";

interface Options {
  stream?: string;
  time?: string;
  attrs?: Record<string, string>;
  raw?: Buffer;
}
/** A record as the shim writes it. */
const record = (
  log: string,
  { stream = "stdout", time = "2026-01-02T03:04:05.6Z", attrs, raw }: Options = {},
): string => {
  const text = JSON.stringify(log).replace(/[<>&]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`);
  const middle = attrs === undefined ? "" : `,"attrs":${JSON.stringify(attrs)}`;
  const bytes = raw === undefined ? "" : `,"raw":"${raw.toString("base64")}"`;
  return `{"log":${text},"stream":"${stream}"${middle}${bytes},"time":"${time}"}\n`;
};

/** Runs work with a log file of its own, and sees that no descriptor is left open on it. */
const withLog = async (text: string | null, work: (path: string) => Promise<void>): Promise<void> => {
  const directory = mkdtempSync(join(tmpdir(), "berth-log-"));
  const path = join(directory, "x-json.log");
  try {
    if (text !== null) writeFileSync(path, text);
    await work(path);
    assert.deepEqual(
      openFiles().filter((name) => name.startsWith(directory)),
      [],
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
};

const openFiles = (): string[] =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });

const read = (
  path: string,
  request: Partial<LogRequest> = {},
  tty = true,
  ended: Promise<unknown> = Promise.resolve(),
) => open({ logPath: path, tty, ended }).read({ stdout: true, stderr: true, ...request });
const text = async (path: string, request: Partial<LogRequest> = {}): Promise<string> =>
  (await buffer(read(path, request))).toString();

const frames = (bytes: Buffer): [number, string][] => {
  const found: [number, string][] = [];
  for (let at = 0; at < bytes.length;) {
    const size = bytes.readUInt32BE(at + 4);
    found.push([bytes[at] ?? 0, bytes.toString("utf8", at + 8, at + 8 + size)]);
    at += 8 + size;
  }
  return found;
};

describe("what is read", () => {
  test("frames name the stream, a terminal has none", () =>
    withLog(record("a\n") + record("b\n", { stream: "stderr" }) + record("c") + record("d\n"), async (path) => {
      const expected = [
        [1, "a\n"],
        [2, "b\n"],
        [1, "c"],
        [1, "d\n"],
      ];
      assert.deepEqual(frames(await buffer(read(path, {}, false))), expected);
      assert.equal(await text(path), "a\nb\ncd\n");
      assert.equal(await text(path, { stdout: false }), "b\n");
      assert.equal(await text(path, { stderr: false }), "a\ncd\n");
    }));

  test("every escape, and every layout of a record, gives the bytes that were written", async () => {
    const lines = [
      "plain\n",
      "\n",
      "",
      'say "hi"\\\n',
      "tab\tcr\r<&>\u2028é€😀\n",
      "no newline",
      "\\n\n",
      '","stream":"stderr","time":"\n',
      "\u0001\u001f\u007f\n",
    ];
    const odd = [
      `{"time":"2026-01-02T03:04:05Z","stream":"stdout","log":"turned round\\n"}\n`,
      ` {"log": "spaced\\n", "stream": "stdout", "time": "2026-01-02T04:04:05+01:00"}\n`,
      `{"log":"\\ud83d\\ude00\\n","stream":"stdout","time":"2026-01-02T03:04:05Z"}\n`,
    ];
    const written = lines.join("");
    // Twice, so that each line is met with its layout already known.
    const file = [...lines, ...lines].map((line) => record(line)).join("") + odd.join("");
    await withLog(file, async (path) => {
      assert.equal(await text(path), `${written}${written}turned round\nspaced\n😀\n`);
    });
  });

  test("what is not UTF-8 comes back as its exact bytes", () =>
    withLog(record("a\n") + record("\ufffd\n", { raw: Buffer.from([0xff, 0x0a]) }) + record("b\n"), async (path) => {
      assert.deepEqual(await buffer(read(path)), Buffer.from([0x61, 0x0a, 0xff, 0x0a, 0x62, 0x0a]));
    }));

  test("timestamps have nine digits, details are sorted and escaped", () => {
    const attrs = { c: "d e", a: "b/(x)" };
    const log = record("a\n", { attrs }) + record("b\n", { attrs, time: "2026-01-02T03:04:06Z" }) + record("c\n");
    return withLog(log, async (path) => {
      const at = "2026-01-02T03:04:0";
      assert.equal(
        await text(path, { timestamps: true, details: true }),
        `${at}5.600000000Z a=b%2F%28x%29,c=d+e a\n${at}6.000000000Z a=b%2F%28x%29,c=d+e b\n${at}5.600000000Z  c\n`,
      );
      assert.equal(await text(path, { details: true, tail: "1" }), " c\n");
    });
  });

  test("torn and foreign lines are passed over, an unfinished last line is left out", () =>
    withLog(
      `${record("a\n")}{"log":"torn\0\0\n\0\0\0\nnull\n[]\n{"log":1}\n${record("b\n")}{"log":"unfin`,
      async (path) => {
        assert.equal(await text(path), "a\nb\n");
        assert.equal(await text(path, { tail: "1" }), "b\n");
      },
    ));

  test("a log of many blocks, and a line that is no record however long", async () => {
    const lines = Array.from({ length: 30_000 }, (_, index) => `${index} ${"x".repeat(index % 97)}\n`);
    const file = lines.map((line) => record(line)).join("");
    await withLog(`${file}${"y".repeat(1_200_000)}\n${record("end\n")}`, async (path) => {
      assert.equal(await text(path), `${lines.join("")}end\n`);
    });
  });
});

describe("bounds", () => {
  const at = (second: number, log: string): string => record(log, { time: `2026-01-02T03:04:0${second}.5Z` });
  const log = at(1, "a\n") + at(2, "b\n") + at(3, "c\n") + at(4, "d\n");
  const unix = Date.parse("2026-01-02T03:04:02Z") / 1000;

  test("since and until as seconds, with a fraction, and as RFC 3339", () =>
    withLog(log, async (path) => {
      assert.equal(await text(path, { since: `${unix}` }), "b\nc\nd\n");
      assert.equal(await text(path, { since: `${unix}.500000001` }), "c\nd\n");
      assert.equal(await text(path, { since: `${unix}.5` }), "b\nc\nd\n");
      assert.equal(await text(path, { until: `${unix}.500000000` }), "a\nb\n");
      assert.equal(await text(path, { since: "2026-01-02T04:04:03+01:00", until: "2026-01-02T03:04:03.5Z" }), "c\n");
      assert.equal(await text(path, { since: "0", until: "0" }), "a\nb\nc\nd\n");
      assert.throws(() => read(path, { since: "abc" }), {
        kind: "system",
        message: 'strconv.ParseInt: parsing "abc": invalid syntax',
      });
    }));

  test("tail counts records before they are chosen by stream and time", () =>
    withLog(log + record("e\n", { stream: "stderr", time: "2026-01-02T03:04:09Z" }), async (path) => {
      assert.equal(await text(path, { tail: "2" }), "d\ne\n");
      assert.equal(await text(path, { tail: "2", stderr: false }), "d\n");
      assert.equal(await text(path, { tail: "3", until: "2026-01-02T03:04:03.9Z" }), "c\n");
      assert.equal(await text(path, { tail: "0" }), "");
      for (const all of ["all", "-1", "", "7", "x"]) assert.equal(await text(path, { tail: all }), "a\nb\nc\nd\ne\n");
    }));

  test("tail over blocks and files, compressed ones too", async () => {
    const part = (from: number) =>
      Array.from({ length: 5000 }, (_, index) => record(`${from + index} ${"z".repeat(60)}\n`)).join("");
    await withLog(part(10_000), async (path) => {
      writeFileSync(`${path}.1`, part(5000));
      writeFileSync(`${path}.2.gz`, gzipSync(part(0)));
      writeFileSync(`${path}.1.gz`, gzipSync(record("left over by a daemon that died\n")));
      writeFileSync(`${path}.lock`, "");
      for (const tail of [1, 4999, 5000, 5001, 10_000, 12_345, 15_000]) {
        const numbers = (await text(path, { tail: `${tail}` }))
          .trimEnd()
          .split("\n")
          .map((line) => parseInt(line, 10));
        assert.deepEqual([numbers.length, numbers[0], numbers.at(-1)], [tail, 15_000 - tail, 14_999]);
      }
      const all = (await text(path)).trimEnd().split("\n");
      assert.ok(all.length === 15_000 && all.every((line, index) => line.startsWith(`${index} `)));
    });
  });

  test("rotated files are compressed, whatever their name is by then, and read the same", async () => {
    const line = (from: number): string => record(`${from}\n`).repeat(3);
    await withLog(line(3), async (path) => {
      writeFileSync(`${path}.1`, line(2));
      writeFileSync(`${path}.2`, line(1));
      const before = await text(path);
      const stop = new AbortController();
      const compressing = keepCompressed(path, stop.signal);
      const names = () => readdirSync(dirname(path)).sort();
      const wanted = ["x-json.log", "x-json.log.1.gz", "x-json.log.2.gz", "x-json.log.lock"];
      for (let i = 0; i < 200 && names().join() !== wanted.join(); i++) await sleep(10);
      assert.deepEqual(names(), wanted);
      assert.equal(await text(path), before);
      assert.equal(statSync(`${path}.1.gz`).mode & 0o777, 0o640);
      const lock = openSync(`${path}.lock`, "r");
      assert.ok(tryLock(lock));
      renameSync(path, `${path}.3`);
      await sleep(60);
      // Renamed while the shim holds the lock: the new name counts.
      renameSync(`${path}.3`, `${path}.4`);
      closeSync(lock);
      for (let i = 0; i < 200 && !names().includes("x-json.log.4.gz"); i++) await sleep(10);
      assert.ok(names().includes("x-json.log.4.gz") && !names().includes("x-json.log.4"));
      stop.abort();
      await compressing;
    });
  });

  test("a damaged compressed file costs only itself", () =>
    withLog(record("b\n"), async (path) => {
      writeFileSync(`${path}.1.gz`, "no gzip");
      assert.equal(await text(path), "b\n");
    }));
});

/** Reads on until the text so far satisfies `done`. */
const follower = (path: string, request: Partial<LogRequest> = {}, ended: Promise<unknown> = new Promise(() => {})) => {
  const stream = read(path, { follow: true, ...request }, true, ended);
  let seen = "";
  stream.on("data", (chunk: Buffer) => (seen += chunk.toString()));
  const closed = new Promise<void>((resolve) => void stream.once("close", resolve));
  const until = async (wanted: string): Promise<void> => {
    const deadline = Date.now() + 5000;
    while (seen !== wanted) {
      if (Date.now() > deadline) assert.equal(seen, wanted);
      await sleep(5);
    }
  };
  return { stream, until, closed, seen: () => seen };
};

describe("following", () => {
  test("what is written later arrives, a line once it is whole; it ends with the container", () =>
    withLog(record("a\n"), async (path) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const { until, closed } = follower(path, {}, promise);
      await until("a\n");
      const line = record("b\n");
      appendFileSync(path, line.slice(0, 20));
      await sleep(30);
      await until("a\n");
      appendFileSync(path, line.slice(20));
      await until("a\nb\n");
      appendFileSync(path, record("last\n"));
      resolve();
      await closed;
      await until("a\nb\nlast\n");
    }));

  test("rotation is followed, several at once and while the client does not read too", () =>
    withLog(record("0\n"), async (path) => {
      const { stream, until } = follower(path);
      await until("0\n");
      stream.pause();
      for (const step of [1, 2, 3]) {
        for (const number of [2, 1]) if (step > number) renameSync(`${path}.${number}`, `${path}.${number + 1}`);
        appendFileSync(path, record(`end of ${step}\n`));
        renameSync(path, `${path}.1`);
        writeFileSync(path, record(`${step}\n`));
      }
      stream.resume();
      await until("0\nend of 1\n1\nend of 2\n2\nend of 3\n3\n");
      appendFileSync(path, record("on\n"));
      await until("0\nend of 1\n1\nend of 2\n2\nend of 3\n3\non\n");
      stream.destroy();
      await new Promise((resolve) => void stream.once("close", resolve));
    }));

  test("a log that is not there yet, one that was emptied, tail=0 and until", () =>
    withLog(null, async (path) => {
      const first = follower(path);
      writeFileSync(path, record("a long first line\n"));
      await first.until("a long first line\n");
      const second = follower(path, { tail: "0", until: `${(Date.now() + 400) / 1000}` });
      await sleep(50);
      truncateSync(path);
      appendFileSync(path, record("b\n"));
      await first.until("a long first line\nb\n");
      await second.closed;
      assert.equal(second.seen(), "b\n");
      first.stream.destroy();
      await first.closed;
    }));

  test("a client that leaves, or aborts, ends a reader that waits", () =>
    withLog(record("a\n"), async (path) => {
      const aborting = new AbortController();
      const { until, closed } = follower(path, { signal: aborting.signal });
      await until("a\n");
      aborting.abort();
      await closed;
      const gone = new AbortController();
      gone.abort();
      await follower(path, { signal: gone.signal }).closed;
    }));
});

describe("writing to a client", () => {
  const many = Array.from({ length: 200_000 }, (_, index) => `${index}\n`).join("");
  const log = many
    .split("\n")
    .slice(0, -1)
    .map((line) => record(`${line}\n`))
    .join("");

  test("a slow client gets every byte, and little waits for it", () =>
    withLog(log, async (path) => {
      const chunks: Buffer[] = [];
      let waiting = 0;
      const client = new Writable({
        write(chunk: Buffer, _, callback) {
          waiting = Math.max(waiting, client.writableLength);
          setTimeout(() => {
            chunks.push(Buffer.from(chunk));
            callback();
          }, 1);
        },
      });
      await open({ logPath: path, tty: true, ended: Promise.resolve() }).prepare({ stdout: true, stderr: true })(
        client,
      );
      client.end();
      await new Promise((resolve) => void client.once("finish", resolve));
      assert.ok(Buffer.concat(chunks).toString() === many);
      assert.ok(waiting <= 1024 * 1024, `${waiting} bytes waited`);
    }));

  test("a client that leaves without reading ends it", () =>
    withLog(log, async (path) => {
      const client = new PassThrough();
      const done = open({ logPath: path, tty: true, ended: new Promise(() => {}) }).prepare({
        stdout: true,
        stderr: true,
        follow: true,
      })(client);
      await sleep(20);
      client.destroy();
      await done;
    }));

  test("a log that is not kept cannot be read", () => {
    const reader = open({ logPath: null, tty: false, ended: Promise.resolve() });
    const message = "configured logging driver does not support reading";
    assert.throws(() => reader.read({ stdout: true, stderr: true }), { kind: "system", message });
  });
});
