import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { newContainerId } from "../../src/base/ids.ts";
import { startPool } from "../../src/linux/namespace/pool.ts";
import { Database } from "../../src/daemon/state/database.ts";
import type { Dns } from "../../src/daemon/network/dns/dns.ts";
import { openFirewall } from "../../src/daemon/network/firewall/open.ts";
import { DnsWorker } from "../../src/daemon/network/dns/dns-worker.ts";
import type { Firewall } from "../../src/daemon/network/firewall/firewall.ts";
import { type NetworkNames, decideNames, markOf } from "../../src/daemon/network/names.ts";
import type { NetworkRequest } from "../../src/daemon/network/request.ts";
import type { NewSandbox } from "../../src/daemon/network/sandbox/sandbox.ts";
import { NetworkService } from "../../src/daemon/network/service.ts";

/** The backends that the contract suite runs with. */
export const firewalls: Record<string, (names: NetworkNames, instance: string) => Firewall> = {
  iptables: (names, instance) => openFirewall("iptables", names, instance),
  nftables: (names, instance) => openFirewall("nftables", names, instance),
};

/** For tests in which nobody asks. */
export const noDns: Dns = {
  prepare: () => {},
  serve: async () => {},
  update: () => {},
  stop: () => {},
  [Symbol.asyncDispose]: async () => {},
};

export const realDns = (): Dns => new DnsWorker();

/** A network service on a database and directories of its own, in the test's network namespace. */
export class NetworkFixture implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), "berth-network-"));
  readonly instance = "test0";
  readonly names: NetworkNames;
  readonly #backend: string;
  readonly #dns: () => Dns;
  readonly #processes: ChildProcess[] = [];
  readonly #open: NewSandbox[] = [];
  #database!: Database;
  service!: NetworkService;

  private constructor(options: { names?: NetworkNames; backend?: string; dns?: () => Dns }) {
    this.names =
      options.names ??
      decideNames({ engineInstalled: false, foreignBridge: false, foreignChains: false, berths: new Set() }, false);
    this.#backend = options.backend ?? "iptables";
    this.#dns = options.dns ?? (() => noDns);
  }

  static async start(
    options: { names?: NetworkNames; backend?: string; dns?: () => Dns } = {},
  ): Promise<NetworkFixture> {
    await startPool();
    const fixture = new NetworkFixture(options);
    await fixture.open();
    return fixture;
  }

  /** Opens the service on what an earlier one left. */
  async open(): Promise<void> {
    this.#database = Database.open(join(this.root, "berth.db"));
    const firewall = firewalls[this.#backend]?.(this.names, this.instance);
    if (firewall === undefined) throw new Error(`no backend ${this.#backend}`);
    this.service = await NetworkService.open({
      execRoot: this.root,
      instance: this.instance,
      names: this.names,
      database: this.#database,
      firewall,
      dns: this.#dns(),
    });
  }

  /** As a kill of the daemon does: nothing in the kernel is undone. */
  async crash(): Promise<void> {
    await this.service[Symbol.asyncDispose]();
    this.#database.close();
  }

  /** A container's network. Its sockets stay with this process, which plays the shim. */
  async attach(
    request: Partial<NetworkRequest> = {},
    id = newContainerId(),
  ): Promise<NewSandbox & { containerId: string }> {
    const sandbox = await this.service.attach(id, {
      containerName: `c${id.slice(0, 6)}`,
      hostname: id.slice(0, 12),
      domainname: "",
      endpoints: { bridge: null },
      portBindings: {},
      exposedPorts: [],
      publishAll: false,
      dns: [],
      dnsSearch: [],
      dnsOptions: [],
      extraHosts: [],
      links: [],
      ...request,
    });
    this.#open.push(sandbox);
    return { ...sandbox, containerId: id };
  }

  /** Breaks the build on purpose: without the guard, the attack that the tests try must succeed. */
  disarmLoopbackGuard(): void {
    if (this.#backend === "nftables") {
      const chain = `ip berth-${this.instance} raw_prerouting`;
      execFileSync("/usr/sbin/nft", ["flush", "chain", ...chain.split(" ")]);
      return;
    }
    const guard = `-d 127.0.0.0/8 ! -i lo -m comment --comment ${markOf(this.instance)} -j DROP`;
    execFileSync("/usr/sbin/iptables", ["-t", "raw", "-D", "PREROUTING", ...guard.split(" ")]);
  }

  /** Waits until links that were let go have gone. */
  async settle(): Promise<void> {
    await sleep(700);
  }

  /** Runs a program inside a namespace to its end. */
  inside(path: string, command: string[], timeoutMs = 5000): string {
    return execFileSync("/usr/bin/nsenter", [`--net=${path}`, ...command], {
      encoding: "utf8",
      timeout: timeoutMs,
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** Starts a program inside a namespace; it ends with the fixture. */
  background(path: string | null, command: string[], stdout: "ignore" | "pipe" = "ignore"): ChildProcess {
    const argv = path === null ? command : ["/usr/bin/nsenter", `--net=${path}`, ...command];
    const child = spawn(argv[0] ?? "", argv.slice(1), { stdio: ["ignore", stdout, "ignore"] });
    this.#processes.push(child);
    return child;
  }

  /** A web server inside a namespace that answers `text` at /; fulfilled once it listens. */
  async serve(path: string, text: string, port = 80): Promise<void> {
    const home = mkdtempSync(join(this.root, "www-"));
    writeFileSync(join(home, "index.html"), text);
    this.background(path, ["/bin/busybox", "httpd", "-f", "-p", `[::]:${port}`, "-h", home]);
    for (let tries = 0; tries < 100; tries += 1) {
      if (this.inside(path, ["/usr/bin/ss", "-Hltn", `sport = :${port}`]).trim() !== "") return;
      await sleep(20);
    }
    throw new Error(`no server on port ${port}`);
  }

  /** What a web server answers; null when it cannot be reached within a moment. */
  fetch(url: string, path: string | null = null): string | null {
    const command = ["/usr/bin/curl", "-s", "-g", "--max-time", "0.7", url];
    const argv = path === null ? command : ["/usr/bin/nsenter", `--net=${path}`, ...command];
    try {
      return execFileSync(argv[0] ?? "", argv.slice(1), { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    } catch {
      return null;
    }
  }

  /** The service leaves networks as they are; the next fixture is to find none. */
  #removeBridges(): void {
    const links = JSON.parse(execFileSync("/usr/sbin/ip", ["-j", "-d", "link"], { encoding: "utf8" })) as {
      ifname: string;
      ifalias?: string;
    }[];
    for (const { ifname, ifalias } of links) {
      if (ifalias?.startsWith("berth:") === true) execFileSync("/usr/sbin/ip", ["link", "del", ifname]);
    }
    for (const program of ["iptables-restore", "ip6tables-restore"]) {
      const input = ["raw", "filter", "nat"].map((table) => `*${table}\nCOMMIT\n`).join("");
      execFileSync(`/usr/sbin/${program}`, { input });
    }
    execFileSync("/usr/sbin/nft", ["flush", "ruleset"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#processes) child.kill("SIGKILL");
    for (const sandbox of this.#open) sandbox.closeFds();
    await this.service.restore(new Set());
    await this.crash();
    this.#removeBridges();
    for (const name of readdirSync(this.root)) if (name === "netns") rmSync(join(this.root, name), { recursive: true });
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** What must be the same before and after: links, pins, rules, open ports. */
export const inventory = (root: string): string[] => [
  ...execFileSync("/usr/sbin/ip", ["-br", "link"], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.split(/[ @]/)[0] ?? ""),
  ...execFileSync("/usr/sbin/iptables-save", { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.startsWith("-A")),
  ...execFileSync("/usr/sbin/ip6tables-save", { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.startsWith("-A")),
  ...execFileSync("/usr/bin/ss", ["-Hlnut"], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.split(/\s+/)[4] ?? ""),
  ...(existsSync(join(root, "netns")) ? readdirSync(join(root, "netns")) : []),
  ...readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(`${root}/netns/`)),
];
