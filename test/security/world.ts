import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { Lan } from "../support/lan.ts";
import { Engine, attackImage } from "./engine.ts";

const web = "mkdir -p /www; echo $TEXT > /www/index.html; busybox httpd -f -h /www -p ";

/** An engine with the attackers' image, and another machine on the host's wire. */
export const world = async (args: string[] = []): Promise<AsyncDisposable & { engine: Engine; lan: Lan }> => {
  await using stack = new AsyncDisposableStack();
  stack.defer(clearHost);
  const lan = stack.use(new Lan());
  const engine = stack.use(await Engine.start(args));
  await engine.load("attack", attackImage());
  const owned = stack.move();
  return { engine, lan, [Symbol.asyncDispose]: () => owned.disposeAsync() };
};

/** An engine leaves its networks for the next one on the same data root; here none comes. */
const clearHost = (): void => {
  const links = execFileSync("/usr/sbin/ip", ["-j", "link"], { encoding: "utf8" });
  for (const { ifname, ifalias } of JSON.parse(links) as { ifname: string; ifalias?: string }[])
    if (ifalias?.startsWith("berth:") === true) execFileSync("/usr/sbin/ip", ["link", "del", ifname]);
  flushFirewall();
};

/** As an administrator who starts over, or a firewall service that reloads. */
export const flushFirewall = (): void => {
  const input = ["raw", "filter", "nat"].map((table) => `*${table}\nCOMMIT\n`).join("");
  for (const program of ["iptables-restore", "ip6tables-restore"]) execFileSync(`/usr/sbin/${program}`, { input });
  execFileSync("/usr/sbin/nft", ["flush", "ruleset"]);
};

/** Where a container's network namespace is. */
export const namespaceOf = async (engine: Engine, id: string): Promise<string> =>
  `/proc/${await engine.ok("inspect", "-f", "{{.State.Pid}}", id)}/ns/net`;

/** What a web server answers, asked from a namespace or the host; null when nothing does. Does not block this process. */
export const fetchFrom = async (path: string | null, url: string): Promise<string | null> => {
  const command = ["/usr/bin/curl", "-s", "-g", "-m", "1", url];
  const argv = path === null ? command : ["/usr/bin/nsenter", `--net=${path}`, ...command];
  const child = spawn(argv[0] ?? "", argv.slice(1), { stdio: ["ignore", "pipe", "ignore"] });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise((resolve) => child.on("close", resolve));
  return code === 0 ? Buffer.concat(chunks).toString().trim() : null;
};

/** A container that serves a text over HTTP. */
export const serve = async (engine: Engine, text: string, port: number, ...options: string[]): Promise<string> => {
  const id = await engine.ok("run", "-d", "-e", `TEXT=${text}`, ...options, "attack", "sh", "-c", `${web}${port}`);
  const path = await namespaceOf(engine, id);
  for (let tries = 0; (await fetchFrom(path, `http://127.0.0.1:${port}/`)) === null; tries++)
    assert.ok(tries < 20, `${text} does not serve`);
  return id;
};

export const addressOf = (engine: Engine, id: string, network = "bridge"): Promise<string> =>
  engine.ok("inspect", "-f", `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, id);
