// What `docker logs` shows of what a container wrote.
import assert from "node:assert/strict";
import { test } from "node:test";
import { useEngine } from "../../support/engine.ts";
import { waitUntil } from "../../support/http.ts";

const engine = useEngine();
const logs = async (...args: string[]): Promise<string> => (await engine.docker.run(["logs", ...args])).stdout;

test("tail, timestamps, since, until and details", async () => {
  const { docker } = engine;
  const options = ["--log-opt", "env=K", "--log-opt", "labels=l", "-e", "K=v w", "--label", "l=m"];
  await docker.ok(
    "run",
    "--name",
    "lines",
    ...options,
    "busybox",
    "sh",
    "-c",
    "for i in 1 2 3; do echo line $i; sleep 0.3; done; echo no newline | tr -d '\\n'",
  );
  assert.equal(await logs("lines"), "line 1\nline 2\nline 3\nno newline");
  assert.equal(await logs("-n", "2", "lines"), "line 3\nno newline");
  assert.equal(await logs("-n", "0", "lines"), "");
  const stamped = (await logs("-t", "lines")).split("\n");
  const times = stamped.map((line) => line.split(" ")[0] ?? "");
  for (const time of times) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  assert.equal(await logs("--since", times[1] ?? "", "lines"), "line 2\nline 3\nno newline");
  assert.equal(await logs("--until", times[1] ?? "", "lines"), "line 1\nline 2\n");
  assert.equal(await logs("--since", "1h", "--until", times[0] ?? "", "lines"), "line 1\n");
  assert.match(await logs("--details", "-n", "1", "lines"), /^K=v\+w,l=m no newline/);
  await docker.ok("rm", "lines");
});

test("follow shows what comes and ends with the container; stdout and stderr stay apart", async () => {
  const { docker } = engine;
  await docker.ok(
    "run",
    "-d",
    "--name",
    "talking",
    "busybox",
    "sh",
    "-c",
    "echo out; echo err >&2; until [ -e /go ]; do sleep 0.05; done; echo last",
  );
  const following = docker.run(["logs", "-f", "talking"]);
  await waitUntil(async () => (await logs("talking")) === "out\n");
  await docker.ok("exec", "talking", "touch", "/go");
  const { stdout, stderr, code } = await following;
  assert.deepEqual([stdout, stderr, code], ["out\nlast\n", "err\n", 0]);
  await docker.ok("rm", "talking");
});

test("rotation keeps the newest, and a reader passes over the seams", async () => {
  const { docker } = engine;
  const options = ["--log-opt", "max-size=20k", "--log-opt", "max-file=3"];
  await docker.ok("run", "--name", "rotated", ...options, "busybox", "seq", "1", "2000");
  const numbers = (await logs("rotated")).trim().split("\n").map(Number);
  assert.equal(numbers.at(-1), 2000);
  for (const [i, number] of numbers.entries()) assert.equal(number, (numbers[0] ?? 0) + i);
  assert.ok(numbers.length > 100 && numbers.length < 2000);
  await docker.ok("rm", "rotated");
});

test("every byte comes back: no UTF-8, long lines, carriage returns, nothing at all", async () => {
  const { docker, api } = engine;
  const script = "printf 'a\\377b\\000c\\r\\n'; head -c 40000 /dev/zero | tr '\\0' x; echo; printf '\\342\\202'";
  await docker.ok("run", "--name", "bytes", "busybox", "sh", "-c", script);
  const { demultiplex } = await import("../../support/http.ts");
  const chunks: Buffer[] = [];
  for await (const chunk of await api.stream("GET", "/containers/bytes/logs?stdout=1")) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  assert.ok(bytes.includes(Buffer.from("a\xffb\0c\r\n", "latin1")));
  assert.ok(bytes.subarray(-2).equals(Buffer.from([0xe2, 0x82])));
  assert.equal(demultiplex(bytes).stdout.split("x").length - 1, 40000);
  await docker.ok("rm", "bytes");
});

test("logs of a container without a log are refused in Docker's words", async () => {
  const { docker } = engine;
  await docker.ok("run", "--name", "silent", "--log-driver", "none", "busybox", "echo", "x");
  const { code, stderr } = await docker.run(["logs", "silent"]);
  assert.equal(code, 1);
  assert.match(stderr, /configured logging driver does not support reading/);
  await docker.ok("rm", "silent");
});
