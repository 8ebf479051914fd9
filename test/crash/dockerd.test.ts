// A dockerd and Berths on one host, each with running containers: whatever is done to one, the other keeps all it has.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Daemon } from "../support/daemon.ts";
import { Docker } from "../support/docker.ts";
import { Dockerd, installDockerd } from "../support/dockerd.ts";
import { empty, loadBusybox } from "../support/engine.ts";
import { type Footprint, type Owner, footprint } from "../support/footprint.ts";
import { Http, waitUntil } from "../support/http.ts";
import { Lan } from "../support/lan.ts";
import { type Inventory, leaksSince, takeInventory } from "../support/leaks.ts";

const run = (...argv: string[]): string => execFileSync(argv[0] ?? "", argv.slice(1), { encoding: "utf8" });
const scope = { folders: [], cgroupParent: "/none" };
/** Longer than a Berth takes to look at rules that somebody changed. */
const reactionMs = 800;

/** One of the engines on the host, with a container that answers on two published ports. */
interface Party extends Owner {
  name: string;
  docker: Docker;
  stop: () => Promise<unknown>;
  kill: () => Promise<unknown>;
  start: () => Promise<unknown>;
}

const serve = async ({ api, docker, name, ports: [web, echo] }: Party): Promise<void> => {
  await loadBusybox(api);
  const command = `echo ${name} >/www/index.html; nc -ll -p 7 -e cat & exec httpd -f -h /www`;
  const published = ["-p", `${web}:80`, "-p", `${echo}:7`];
  const lasting = ["--restart", "always", "--stop-signal", "KILL"];
  await docker.ok("run", "-d", "--name", "web", ...lasting, ...published, "busybox", "sh", "-c", command);
};

/** From the host itself, and from another machine. */
const answers = (lan: Lan, port: number | undefined): string[] =>
  [
    ["/usr/bin/curl", "-s", "--max-time", "2", `http://127.0.0.1:${port}/`],
    ["/usr/bin/nsenter", `--net=${lan.path}`, "/usr/bin/curl", "-s", "--max-time", "2", `http://${lan.host}:${port}/`],
  ].map(([program = "", ...args]) => {
    try {
      return execFileSync(program, args, { encoding: "utf8" }).trim();
    } catch {
      return "nothing";
    }
  });

const untilServes = (lan: Lan, { name, ports }: Party): Promise<void> =>
  waitUntil(() => answers(lan, ports[0]).every((answer) => answer === name), `${name} on port ${ports[0]}`);

/** What is there once nothing changes any more: an engine that was started again has some left to do. */
const settled = async (party: Party): Promise<Footprint> => {
  for (let earlier = await footprint(party), tries = 0; ; tries += 1) {
    await sleep(reactionMs / 2);
    const now = await footprint(party);
    if (tries === 20 || JSON.stringify(now) === JSON.stringify(earlier)) return now;
    earlier = now;
  }
};

/** A connection from another machine to a container's echo server. */
class Conversation implements AsyncDisposable {
  readonly #child;
  #heard = "";

  constructor(lan: Lan, port: number | undefined) {
    const argv = [`--net=${lan.path}`, "/bin/busybox", "nc", lan.host, String(port)];
    this.#child = spawn("/usr/bin/nsenter", argv, { stdio: ["pipe", "pipe", "ignore"] });
    this.#child.stdout.on("data", (chunk: Buffer) => (this.#heard += chunk.toString()));
    this.#child.stdin.on("error", () => {});
  }

  async goesOn(word: string): Promise<void> {
    this.#child.stdin.write(`${word}\n`);
    await waitUntil(() => this.#heard.endsWith(`${word}\n`), `the echo of ${word}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#child.exitCode === null ? once(this.#child, "exit") : undefined;
    this.#child.kill("SIGKILL");
    await ended;
  }
}

/** Everything that engines do on a host, from a container's life to a kill of the daemon. */
const deeds = ({ docker, stop, kill, start }: Party): Record<string, () => Promise<unknown>> => ({
  "runs a container": () => docker.ok("run", "--rm", "-p", "9001:80", "busybox", "true"),
  "makes and removes a network": async () => {
    await docker.ok("network", "create", "front");
    await docker.ok("run", "--rm", "--network", "front", "-p", "9002:80", "busybox", "true");
    await docker.ok("network", "rm", "front");
  },
  "is stopped": stop,
  "is started again": start,
  "is killed": kill,
  "is started after a kill": start,
});

/** Does all of `actor`'s deeds, and sees that `other` has after each what it had before. */
const undisturbed = async (lan: Lan, actor: Party, other: Party): Promise<void> => {
  const had = await settled(other);
  const seen = [...Object.values(had), had.rules.filter((rule) => rule.includes(" -j DNAT "))];
  assert.ok(
    seen.every((things) => things.length > 0),
    `${other.name} has something of each kind: ${JSON.stringify(had, null, 1)}`,
  );
  await using conversation = new Conversation(lan, other.ports[1]);
  for (const [what, deed] of Object.entries(deeds(actor))) {
    await deed();
    assert.deepEqual(await footprint(other), had, `${actor.name} ${what}: ${other.name}'s, at once`);
    await conversation.goesOn(what);
    await sleep(reactionMs);
    assert.deepEqual(await footprint(other), had, `${actor.name} ${what}: ${other.name}'s, a moment later`);
    assert.deepEqual(answers(lan, other.ports[0]), [other.name, other.name], `${actor.name} ${what}`);
  }
  await untilServes(lan, actor);
};

/** A container of one engine reaches what the other publishes, by an address of the host's. */
const reaches = async (lan: Lan, { docker }: Party, other: Party): Promise<void> => {
  const request = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${lan.host} ${other.ports[0]}`;
  const answer = await docker.ok("exec", "web", "sh", "-c", request);
  assert.equal(answer.split("\n").at(-1), other.name);
};

/** Neither publishes what the other has, and the refusal costs the other nothing. */
const refusesPort = async ({ docker }: Party, other: Party): Promise<void> => {
  const had = await settled(other);
  const { code, stderr } = await docker.run(["run", "--rm", "-p", `${other.ports[0]}:80`, "busybox", "true"]);
  assert.equal(code, 125);
  assert.match(stderr, /address already in use|port is already allocated/);
  assert.deepEqual(await footprint(other), had);
};

const bridgeName = '{{index .Options "com.docker.network.bridge.name"}}';
const namesOf = ({ docker }: Party): Promise<string> =>
  docker.ok("network", "inspect", "bridge", "-f", `${bridgeName} {{(index .IPAM.Config 0).Subnet}}`);

/** Starts a Berth and what serves in it; `stack` takes both away. */
const startBerth = async (stack: AsyncDisposableStack, name: string, ports: [number, number]): Promise<Party> => {
  const daemon = stack.use(await Daemon.start());
  const api = new Http(daemon.socketPath);
  stack.defer(async () => {
    if (daemon.pid === undefined) await daemon.start();
    await empty(api);
  });
  const docker = stack.use(new Docker(daemon.socketPath));
  const bridge = await docker.ok("network", "inspect", "bridge", "-f", bridgeName);
  const [link] = JSON.parse(run("/usr/sbin/ip", "-j", "link", "show", bridge)) as { ifalias?: string }[];
  const party: Party = {
    ...{ name, api, docker, ports, folder: daemon.folder },
    berth: {
      mark: link?.ifalias ?? "",
      chainPrefix: bridge === "docker0" ? "DOCKER" : bridge.replace(/0$/, "").toUpperCase(),
    },
    stop: () => daemon.stop(),
    kill: () => daemon.kill(),
    start: () => daemon.start(),
  };
  await serve(party);
  return party;
};

const startDockerd = async (stack: AsyncDisposableStack, args: string[], ports: [number, number]): Promise<Party> => {
  const dockerd = stack.use(await Dockerd.start(args));
  const docker = stack.use(new Docker(dockerd.socketPath));
  const party: Party = {
    ...{ name: "dockerd", api: new Http(dockerd.socketPath), docker, ports, folder: dockerd.folder },
    stop: () => dockerd.stop(),
    kill: () => dockerd.kill(),
    start: () => dockerd.start(),
  };
  await serve(party);
  return party;
};

/** Engines leave their bridges and rules on purpose. */
const emptyHost = (): void => {
  for (const program of ["iptables-restore", "ip6tables-restore"]) {
    const input = ["raw", "filter", "nat"].map((table) => `*${table}\nCOMMIT\n`).join("");
    execFileSync(`/usr/sbin/${program}`, { input });
  }
  run("/usr/sbin/nft", "flush", "ruleset");
  for (const { ifname } of JSON.parse(run("/usr/sbin/ip", "-j", "link", "show", "type", "bridge")) as {
    ifname?: string;
  }[]) {
    if (ifname !== undefined) run("/usr/sbin/ip", "link", "del", ifname);
  }
};

let nothing: Inventory;
before(() => {
  nothing = takeInventory(scope);
});
after(async () => {
  const left = await leaksSince(nothing, scope, ["process", "mount", "namespace", "link", "rule", "port"]);
  assert.deepEqual(left, [], "nothing is left behind");
});

test("a Berth beside a dockerd that was there first", async () => {
  await using stack = new AsyncDisposableStack();
  stack.defer(emptyHost);
  stack.use(installDockerd());
  const lan = stack.use(new Lan());
  const dockerd = await startDockerd(stack, [], [8080, 7080]);
  const had = await settled(dockerd);
  const berth = await startBerth(stack, "berth", [8081, 7081]);
  assert.deepEqual(await footprint(dockerd), had, "a first start takes nothing away");
  assert.equal(await namesOf(berth), "berth0 10.201.0.0/16");
  for (const party of [dockerd, berth]) await untilServes(lan, party);
  await undisturbed(lan, dockerd, berth);
  await undisturbed(lan, berth, dockerd);
  await reaches(lan, dockerd, berth);
  await reaches(lan, berth, dockerd);
  await refusesPort(dockerd, berth);
  await refusesPort(berth, dockerd);
});

test("a dockerd that is started beside a Berth, and whose containers live on without it", async () => {
  await using stack = new AsyncDisposableStack();
  stack.defer(emptyHost);
  stack.use(installDockerd());
  const lan = stack.use(new Lan());
  const berth = await startBerth(stack, "berth", [8081, 7081]);
  assert.equal(await namesOf(berth), "berth0 10.201.0.0/16");
  const had = await settled(berth);
  const dockerd = await startDockerd(stack, ["--live-restore"], [8080, 7080]);
  assert.deepEqual(await footprint(berth), had, "a first start takes nothing away");
  assert.match(await namesOf(dockerd), /^docker0 172\.17\.0\.0\/16$/);
  for (const party of [dockerd, berth]) await untilServes(lan, party);
  await undisturbed(lan, berth, dockerd);
  await undisturbed(lan, dockerd, berth);
});

test("two Berths beside a dockerd, started at the same time, have names of their own each", async () => {
  await using stack = new AsyncDisposableStack();
  stack.defer(emptyHost);
  stack.use(installDockerd());
  const lan = stack.use(new Lan());
  const dockerd = await startDockerd(stack, ["--live-restore"], [8080, 7080]);
  const stacks = [1, 2].map(() => stack.use(new AsyncDisposableStack()));
  const berths = await Promise.all(stacks.map((own, i) => startBerth(own, `berth ${i}`, [8081 + i, 7081 + i])));
  const names = new Set(["berth0 10.201.0.0/16", "berth1 10.224.0.0/16"]);
  assert.deepEqual(new Set(await Promise.all(berths.map(namesOf))), names);
  const [first, second] = berths as [Party, Party];
  for (const party of [dockerd, first, second]) await untilServes(lan, party);
  const had = await settled(dockerd);
  await undisturbed(lan, first, second);
  await undisturbed(lan, second, first);
  await reaches(lan, first, second);
  await reaches(lan, second, first);
  assert.deepEqual(await footprint(dockerd), had);
  assert.deepEqual(new Set(await Promise.all(berths.map(namesOf))), names, "names are decided once");
});
