import { mkdirSync, writeFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "./engines.ts";
import { KeptConnection } from "./kept-connection.ts";
import { hostProcesses, must, nameOf, pssKb, run, sleep } from "./process.ts";

/** One kind of measurement. Each call of `sample` gives one value in `unit`. */
export interface Bench {
  name: string;
  unit: "ms" | "MB/s" | "/s" | "KB" | "processes";
  /** Samples per engine. */
  samples: number;
  /** Also taken against the null engine, whose value is the client's own share. */
  null?: boolean;
  /** Needs an engine that listens on a socket. */
  daemon?: boolean;
  setup?: (engine: Engine) => Promise<unknown>;
  sample: (engine: Engine, state: unknown) => Promise<number>;
  /** Removes what `setup` and the samples left. */
  teardown?: (engine: Engine, state: unknown) => Promise<void>;
}

const image = "busybox";
const logBytes = 200_000_000;
const copiedFiles = 20_000;
const pingMs = 2000;

const docker = (engine: Engine, ...args: string[]) => must([...engine.cli, ...args], { env: engine.env });
const timed = async (engine: Engine, ...args: string[]): Promise<number> => {
  const outcome = await run([...engine.cli, ...args], { env: engine.env, discard: true });
  if (outcome.code !== 0) {
    const again = await run([...engine.cli, ...args], { env: engine.env });
    throw new Error(
      `${engine.name}: ${args.join(" ").slice(0, 200)}: exit ${outcome.code}; again: ${again.stderr.slice(0, 500)}`,
    );
  }
  return outcome.tookMs;
};

/** Ends at once on SIGTERM. */
const sleeper = ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"];
const isNull = (engine: Engine): boolean => engine.name === "null";

const create = async (engine: Engine, ...command: string[]): Promise<string> =>
  (await docker(engine, "create", image, ...command)).stdout.trim();
const startSleeper = async (engine: Engine): Promise<string> =>
  (await docker(engine, "run", "-d", image, ...sleeper)).stdout.trim();
const remove = async (engine: Engine, ids: string[]): Promise<void> => {
  for (let from = 0; from < ids.length; from += 50) await docker(engine, "rm", "-f", ...ids.slice(from, from + 50));
};

/** Runs `count` tasks, `width` at a time, and returns the milliseconds for one. */
const parallel = async (count: number, width: number, task: (worker: number) => Promise<unknown>): Promise<number> => {
  const begin = performance.now();
  let left = count;
  await Promise.all(
    Array.from({ length: width }, async (_, worker) => {
      while (left > 0) {
        left -= 1;
        await task(worker);
      }
    }),
  );
  return (performance.now() - begin) / count;
};

const throughCli = (count: number): Bench => ({
  name: `${count} containers, 4 at a time`,
  unit: "ms",
  samples: count > 100 ? 1 : 2,
  null: true,
  sample: (engine) => parallel(count, 4, () => timed(engine, "run", "--rm", image, "true")),
});

const throughApi = (count: number): Bench => ({
  name: `${count} containers, 4 at a time, API`,
  unit: "ms",
  samples: count > 100 ? 1 : 2,
  daemon: true,
  async sample(engine) {
    const connections = Array.from({ length: 4 }, () => new KeptConnection(engine.socketPath ?? ""));
    const took = await parallel(count, 4, async (worker) => {
      const connection = connections[worker] as KeptConnection;
      const { Id } = (await connection.json("POST", "/containers/create", { Image: image, Cmd: ["true"] }, 201)) as {
        Id: string;
      };
      await connection.json("POST", `/containers/${Id}/start`, undefined, 204);
      await connection.json("POST", `/containers/${Id}/wait`, undefined, 200);
      await connection.json("DELETE", `/containers/${Id}`, undefined, 204);
    });
    for (const connection of connections) connection.close();
    return took;
  },
});

/** A folder with 20,000 small files in 100 folders, made once. */
const copySource = (folder: string): string => {
  const source = join(folder, "copy-source");
  if (existsSync(source)) return source;
  for (let part = 0; part < 100; part += 1) {
    const inner = join(source, `part-${part}`);
    mkdirSync(inner, { recursive: true });
    for (let index = 0; index < copiedFiles / 100; index += 1)
      writeFileSync(join(inner, `file-${index}`), `${part} ${index}\n`.repeat(20));
  }
  return source;
};

/** Writes 200 MB of 100-byte lines to stdout from inside of the container. */
const logWriter = ["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do cat /bench/lines; done"];

const logRead = (name: string, client: (engine: Engine, id: string) => string[], withNull: boolean): Bench => ({
  name,
  unit: "MB/s",
  samples: 3,
  null: withNull,
  daemon: !withNull,
  async setup(engine) {
    if (isNull(engine)) return "null";
    const id = await create(engine, ...logWriter);
    await docker(engine, "start", id);
    await docker(engine, "wait", id);
    return id;
  },
  async sample(engine, id) {
    const { code, tookMs } = await run(client(engine, id as string), { env: engine.env, discard: true });
    if (code !== 0) throw new Error(`${engine.name}: reading the log: exit ${code}`);
    return logBytes / 1e6 / (tookMs / 1000);
  },
  teardown: (engine, id) => remove(engine, isNull(engine) ? [] : [id as string]),
});

/** Host processes that came with what `work` started, and stayed: the helpers of containers or of published ports. */
const helpersOf = async (
  engine: Engine,
  count: number,
  args: string[],
): Promise<{ ids: string[]; helpers: number[] }> => {
  const before = hostProcesses();
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1)
    ids.push(
      (
        await docker(
          engine,
          "run",
          "-d",
          ...args.map((arg) => arg.replace("%", String(20_000 + index))),
          image,
          ...sleeper,
        )
      ).stdout.trim(),
    );
  await sleep(500);
  const daemons = new Set(engine.pids());
  return { ids, helpers: [...hostProcesses()].filter((pid) => !before.has(pid) && !daemons.has(pid)) };
};

export const benches = (folder: string): Bench[] => [
  { name: "run", unit: "ms", samples: 20, null: true, sample: (engine) => timed(engine, "run", "--rm", image, "true") },
  {
    name: "run, no network",
    unit: "ms",
    samples: 20,
    null: true,
    sample: (engine) => timed(engine, "run", "--rm", "--network", "none", image, "true"),
  },
  {
    name: "exec",
    unit: "ms",
    samples: 20,
    null: true,
    setup: startSleeper,
    sample: (engine, id) => timed(engine, "exec", id as string, "true"),
    teardown: (engine, id) => remove(engine, [id as string]),
  },
  {
    name: "create",
    unit: "ms",
    samples: 15,
    null: true,
    setup: () => Promise.resolve([] as string[]),
    async sample(engine, ids) {
      const outcome = await must([...engine.cli, "create", image, "true"], { env: engine.env });
      (ids as string[]).push(outcome.stdout.trim());
      return outcome.tookMs;
    },
    teardown: (engine, ids) => remove(engine, ids as string[]),
  },
  {
    name: "start",
    unit: "ms",
    samples: 15,
    null: true,
    setup: () => Promise.resolve([] as string[]),
    async sample(engine, ids) {
      const id = await create(engine, ...sleeper);
      (ids as string[]).push(id);
      return timed(engine, "start", id);
    },
    teardown: (engine, ids) => remove(engine, ids as string[]),
  },
  {
    name: "stop",
    unit: "ms",
    samples: 10,
    null: true,
    setup: () => Promise.resolve([] as string[]),
    async sample(engine, ids) {
      const id = await startSleeper(engine);
      (ids as string[]).push(id);
      // The trap must be set before the signal comes.
      await sleep(100);
      return timed(engine, "stop", id);
    },
    teardown: (engine, ids) => remove(engine, ids as string[]),
  },
  {
    name: "rm",
    unit: "ms",
    samples: 15,
    null: true,
    async sample(engine) {
      return timed(engine, "rm", await create(engine, "true"));
    },
  },
  {
    name: "ps with 500 containers",
    unit: "ms",
    samples: 10,
    null: true,
    async setup(engine) {
      const ids: string[] = [];
      if (!isNull(engine)) await parallel(500, 4, async () => ids.push(await create(engine, "true")));
      return ids;
    },
    sample: (engine) => timed(engine, "ps", "-a"),
    teardown: (engine, ids) => remove(engine, ids as string[]),
  },
  {
    name: "log write",
    unit: "MB/s",
    samples: 3,
    setup: () => Promise.resolve([] as string[]),
    async sample(engine, ids) {
      const id = await create(engine, ...logWriter);
      (ids as string[]).push(id);
      const begin = performance.now();
      await docker(engine, "start", id);
      await docker(engine, "wait", id);
      return logBytes / 1e6 / ((performance.now() - begin) / 1000);
    },
    teardown: (engine, ids) => remove(engine, ids as string[]),
  },
  logRead("log read", (engine, id) => [...engine.cli, "logs", id], true),
  logRead(
    "log read, curl",
    (engine, id) => [
      "curl",
      "-s",
      "-o",
      "/dev/null",
      "--unix-socket",
      engine.socketPath ?? "",
      `http://engine/containers/${id}/logs?stdout=1&stderr=1`,
    ],
    false,
  ),
  throughCli(50),
  throughCli(200),
  throughApi(50),
  throughApi(200),
  {
    name: "rm -f of 50 running, each",
    unit: "ms",
    samples: 2,
    null: true,
    async sample(engine) {
      const ids: string[] = [];
      await parallel(50, 4, async () => ids.push(await startSleeper(engine)));
      return (await timed(engine, "rm", "-f", ...ids)) / 50;
    },
  },
  {
    name: "cp of 20,000 files",
    unit: "ms",
    samples: 2,
    null: true,
    setup: startSleeper,
    sample: (engine, id) =>
      timed(engine, "cp", copySource(folder), `${id as string}:/tmp/copy-${Math.round(performance.now())}`),
    teardown: (engine, id) => remove(engine, [id as string]),
  },
  {
    name: "_ping on one connection",
    unit: "/s",
    samples: 3,
    null: true,
    daemon: true,
    async sample(engine) {
      const connection = new KeptConnection(engine.socketPath ?? "");
      const begin = performance.now();
      let count = 0;
      for (; performance.now() - begin < pingMs; count += 1) await connection.text("GET", "/_ping");
      connection.close();
      return count / ((performance.now() - begin) / 1000);
    },
  },
  {
    name: "helpers per container, PSS",
    unit: "KB",
    samples: 1,
    async sample(engine) {
      const { ids, helpers } = await helpersOf(engine, 10, []);
      const total = helpers.reduce((sum, pid) => sum + pssKb(pid), 0);
      console.log(`    ${engine.name}: ${[...new Set(helpers.map(nameOf))].join(", ") || "none"}`);
      await remove(engine, ids);
      return total / 10;
    },
  },
  {
    name: "processes per published port",
    unit: "processes",
    samples: 1,
    async sample(engine) {
      const plain = await helpersOf(engine, 5, []);
      const published = await helpersOf(engine, 5, ["-p", "%:80"]);
      await remove(engine, [...plain.ids, ...published.ids]);
      return (published.helpers.length - plain.helpers.length) / 5;
    },
  },
  {
    name: "back after kill -9, 100 containers",
    unit: "ms",
    samples: 1,
    daemon: true,
    async setup(engine) {
      const ids: string[] = [];
      await parallel(100, 4, async () => ids.push(await startSleeper(engine)));
      return ids;
    },
    async sample(engine, ids) {
      await engine.killAndStart();
      const begin = performance.now();
      for (;;) {
        const { code, stdout } = await run([
          "curl",
          "-s",
          "--unix-socket",
          engine.socketPath ?? "",
          "http://engine/containers/json",
        ]);
        if (code === 0 && (JSON.parse(stdout) as unknown[]).length === (ids as string[]).length)
          return performance.now() - begin;
        if (performance.now() - begin > 60_000)
          throw new Error(`${engine.name}: its containers are not back after a minute`);
        await sleep(5);
      }
    },
    teardown: (engine, ids) => remove(engine, ids as string[]),
  },
  {
    name: "daemon after all that, PSS",
    unit: "KB",
    samples: 1,
    daemon: true,
    sample: (engine) => Promise.resolve(engine.pids().reduce((sum, pid) => sum + pssKb(pid), 0)),
  },
];
