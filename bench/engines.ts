import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync, writeFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ping } from "../test/support/daemon.ts";
import { background, ended, must, run, sleep } from "./process.ts";

/** An engine under measurement, running inside the bench's namespaces. */
export interface Engine {
  name: string;
  version: string;
  /** Undefined for an engine without a daemon. */
  socketPath: string | undefined;
  /** The client's command: `docker -H …`, or podman itself. */
  cli: string[];
  env: NodeJS.ProcessEnv;
  /** The name of its network namespace, when it has one of its own. */
  network?: string;
  /** Its daemons. */
  pids: () => number[];
  /** Kills the daemon without warning and starts it again; resolves as soon as the new process was started. */
  killAndStart: () => Promise<void>;
  stop: () => Promise<void>;
}

const readyLimitMs = 30_000;
const stopLimitMs = 20_000;
const root = join(import.meta.dirname, "..");

const untilReady = async (socketPath: string, name: string, child: ChildProcess): Promise<void> => {
  const end = Date.now() + readyLimitMs;
  while (!(await ping(socketPath))) {
    if (child.exitCode !== null || Date.now() > end)
      throw new Error(`${name} does not answer; see its log beside ${socketPath}`);
    await sleep(20);
  }
};

const stopChild = async (child: ChildProcess): Promise<void> => {
  child.kill("SIGTERM");
  if (!(await ended(child, stopLimitMs))) child.kill("SIGKILL");
};

const dockerCli = (socketPath: string): string[] => ["docker", "-H", `unix://${socketPath}`];

/** No context, no plugins, no credentials of the user who runs the bench. */
const cleanEnv = (folder: string): NodeJS.ProcessEnv => {
  const config = join(folder, "docker-config");
  mkdirSync(config, { recursive: true });
  writeFileSync(join(config, "config.json"), "{}");
  return { ...process.env, DOCKER_CONFIG: config, DOCKER_HOST: "", DOCKER_CONTEXT: "" };
};

export const startNull = async (folder: string): Promise<Engine> => {
  const socketPath = join(folder, "null.sock");
  const child = background(
    [join(root, "bin/berth-node"), join(root, "bench/null-engine.ts"), socketPath],
    join(folder, "null.log"),
  );
  await untilReady(socketPath, "null engine", child);
  return {
    name: "null",
    version: "-",
    socketPath,
    cli: dockerCli(socketPath),
    env: cleanEnv(folder),
    pids: () => [child.pid ?? 0],
    killAndStart: () => Promise.reject(new Error("the null engine has no state to come back with")),
    stop: () => stopChild(child),
  };
};

const versionOf = async (cli: string[], env: NodeJS.ProcessEnv): Promise<string> =>
  (await must([...cli, "version", "--format", "{{.Server.Version}}"], { env })).stdout.trim();

export const startBerth = async (folder: string): Promise<Engine> => {
  const socketPath = join(folder, "berth.sock");
  const network = await ownNetwork("berth");
  const argv = [
    "/usr/bin/nsenter",
    `--net=/run/netns/${network}`,
    join(root, "bin/berthd"),
    "--host",
    `unix://${socketPath}`,
    "--data-root",
    join(folder, "data"),
    "--exec-root",
    join(folder, "exec"),
    "--pidfile",
    join(folder, "berthd.pid"),
  ];
  const env = cleanEnv(folder);
  let child = background(argv, join(folder, "berthd.log"));
  await untilReady(socketPath, "berthd", child);
  return {
    name: "berth",
    version: await versionOf(dockerCli(socketPath), env),
    socketPath,
    cli: dockerCli(socketPath),
    env,
    network,
    pids: () => [child.pid ?? 0],
    async killAndStart() {
      child.kill("SIGKILL");
      await ended(child, stopLimitMs);
      child = background(argv, join(folder, "berthd.log"));
    },
    async stop() {
      await stopChild(child);
      await endNetwork(network);
    },
  };
};

/** A network namespace of the engine's own, so that several with the same bridge name run side by side. */
const ownNetwork = async (name: string): Promise<string> => {
  await must(["ip", "netns", "add", name]);
  await must(["ip", "-n", name, "link", "set", "lo", "up"]);
  return name;
};

const endNetwork = (name: string): Promise<unknown> => run(["ip", "netns", "del", name]);

/** `prefix`: the folder into which docker.io and containerd were unpacked; "" for the installed ones. */
export const startDockerd = async (folder: string, prefix: string): Promise<Engine> => {
  const bin = join(folder, "bin");
  mkdirSync(bin, { recursive: true });
  // The host's runc: one from a newer Debian does not run here.
  symlinkSync("/usr/sbin/runc", join(bin, "runc"));
  const env = { ...cleanEnv(folder), PATH: `${bin}:${prefix}/usr/sbin:${prefix}/usr/bin:${process.env["PATH"]}` };
  const network = await ownNetwork(folder.split("/").at(-1) ?? "dockerd");
  const inside = ["/usr/bin/nsenter", `--net=/run/netns/${network}`];
  const socketPath = join(folder, "docker.sock");
  const containerdSocket = join(folder, "containerd.sock");
  writeFileSync(join(folder, "containerd.toml"), 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n');
  const containerd = background(
    [
      ...inside,
      `${prefix}/usr/bin/containerd`,
      "--config",
      join(folder, "containerd.toml"),
      "--root",
      join(folder, "containerd"),
      "--state",
      join(folder, "containerd-state"),
      "--address",
      containerdSocket,
    ],
    join(folder, "containerd.log"),
    env,
  );
  for (let tries = 0; !existsSync(containerdSocket) && tries < 200; tries += 1) await sleep(50);
  const proxy = join(prefix === "" ? "/" : prefix, "usr/sbin/docker-proxy");
  const argv = [
    ...inside,
    `${prefix}/usr/sbin/dockerd`,
    "--containerd",
    containerdSocket,
    "--host",
    `unix://${socketPath}`,
    "--live-restore",
    "--data-root",
    join(folder, "data"),
    "--exec-root",
    join(folder, "exec"),
    "--pidfile",
    join(folder, "docker.pid"),
    ...(existsSync(proxy) ? ["--userland-proxy-path", proxy] : []),
  ];
  let child = background(argv, join(folder, "dockerd.log"), env);
  await untilReady(socketPath, "dockerd", child);
  const version = await versionOf(dockerCli(socketPath), env);
  return {
    name: `dockerd ${version.split(".").slice(0, 2).join(".")}`,
    version,
    socketPath,
    cli: dockerCli(socketPath),
    env,
    network,
    pids: () => [child.pid ?? 0, containerd.pid ?? 0],
    async killAndStart() {
      child.kill("SIGKILL");
      await ended(child, stopLimitMs);
      rmSync(join(folder, "docker.pid"), { force: true });
      child = background(argv, join(folder, "dockerd.log"), env);
    },
    async stop() {
      await stopChild(child);
      await stopChild(containerd);
      await endNetwork(network);
    },
  };
};

/** podman through its own command line; `prefix` as for dockerd. */
export const startPodman = async (folder: string, prefix: string): Promise<Engine> => {
  const conf = join(folder, "containers.conf");
  const conmon = `${prefix}/usr/bin/conmon`;
  writeFileSync(
    conf,
    `[containers]\ndefault_ulimits = ["nofile=20000:20000", "nproc=1000:1000"]\n[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "crun"\n` +
      `conmon_path = ["${conmon}"]\nhelper_binaries_dir = ["${prefix}/usr/lib/podman", "/usr/lib/podman"]\n[network]\nnetwork_backend = "netavark"\n`,
  );
  writeFileSync(
    join(folder, "storage.conf"),
    `[storage]\ndriver = "overlay"\ngraphroot = "${folder}/data"\nrunroot = "${folder}/run"\n`,
  );
  writeFileSync(join(folder, "policy.json"), '{"default":[{"type":"insecureAcceptAnything"}]}');
  // podman is started again by conmon, which passes no LD_LIBRARY_PATH on: its libraries join the system's, in this mount namespace.
  const libraries = "/usr/lib/x86_64-linux-gnu";
  if (prefix)
    await must(["mount", "-t", "overlay", "overlay", "-o", `lowerdir=${prefix}${libraries}:${libraries}`, libraries]);
  const env = {
    ...cleanEnv(folder),
    CONTAINERS_CONF: conf,
    CONTAINERS_STORAGE_CONF: join(folder, "storage.conf"),
  };
  const name = await ownNetwork("podman");
  const cli = [
    "/usr/bin/nsenter",
    `--net=/run/netns/${name}`,
    `${prefix}/usr/bin/podman`,
    "--root",
    join(folder, "data"),
    "--runroot",
    join(folder, "run"),
    "--network-config-dir",
    join(folder, "networks"),
  ];
  const version = (await must([...cli, "--version"], { env })).stdout.trim().replace(/^podman version /, "");
  return {
    name: `podman ${version.split(".").slice(0, 2).join(".")}`,
    version,
    socketPath: undefined,
    cli,
    env,
    network: name,
    pids: () => [],
    killAndStart: () => Promise.reject(new Error("podman has no daemon")),
    async stop() {
      await run([...cli, "rm", "-af", "-t", "0"], { env });
      await endNetwork(name);
    },
  };
};
