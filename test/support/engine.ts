// One daemon for a whole test file, with busybox loaded, and the leak check at its end.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { busyboxArchive } from "./busybox-image.ts";
import { Daemon, type DaemonOptions } from "./daemon.ts";
import { Docker } from "./docker.ts";
import { Http } from "./http.ts";
import { type Inventory, leaksSince, type Scope, takeInventory } from "./leaks.ts";

/** The daemon of a test file; there between its `before` and its `after`. */
export interface Engine {
  readonly daemon: Daemon;
  readonly docker: Docker;
  readonly api: Http;
}

export const scopeOf = ({ dataRoot, execRoot, cgroupParent, pid }: Daemon): Scope => ({
  folders: [dataRoot, execRoot],
  cgroupParent,
  daemonPid: pid,
});

/** Loads `busybox:latest`. */
export const loadBusybox = async (api: Http): Promise<void> => {
  await api.ok("POST", "/images/load?quiet=1", busyboxArchive());
};

/** Removes every container, network and volume, and every image but `busybox:latest`. */
export const empty = async (api: Http): Promise<void> => {
  for (const { Id } of await api.ok<{ Id: string }[]>("GET", "/containers/json?all=1")) {
    const { status, text } = await api.call("DELETE", `/containers/${Id}?force=1&v=1`);
    if (status !== 204 && status !== 404) throw new Error(`removing container ${Id}: ${status} ${text}`);
  }
  for (const { Name } of await api.ok<{ Name: string }[]>("GET", "/networks")) {
    if (!["bridge", "host", "none"].includes(Name)) await api.ok("DELETE", `/networks/${Name}`);
  }
  const { Volumes } = await api.ok<{ Volumes: { Name: string }[] | null }>("GET", "/volumes");
  for (const { Name } of Volumes ?? []) await api.ok("DELETE", `/volumes/${Name}?force=1`);
  for (const { Id, RepoTags } of await api.ok<{ Id: string; RepoTags: string[] | null }[]>("GET", "/images/json")) {
    if (RepoTags?.includes("busybox:latest") !== true) await api.ok("DELETE", `/images/${Id}?force=1`);
  }
};

/** Asserts that nothing is there that was not before. */
export const assertNoLeaks = async (earlier: Inventory, scope: Scope): Promise<void> => {
  const leaks = await leaksSince(earlier, scope);
  assert.deepEqual(leaks, [], "nothing is left behind");
};

/** The first container and exec make what later ones share: an image's init layer, folders, the cgroups' parent. */
const warmUp = async (docker: Docker): Promise<void> => {
  await docker.ok("run", "-d", "--name", "warm-up", "-p", "1:1", "-v", "/v", "busybox", "sleep", "60");
  await docker.ok("exec", "warm-up", "true");
  await docker.ok("rm", "-fv", "warm-up");
};

export interface EngineImages {
  /** False: not even busybox. */
  image?: boolean;
  /** Archives of further images, loaded too. */
  archives?: () => Buffer[];
}

/**
 * Starts a daemon before the tests of the file (or suite), stops it behind them, and fails when the tests or the daemon
 * left anything behind.
 */
export const useEngine = (options: DaemonOptions & EngineImages = {}): Engine => {
  let running: (Engine & { idle: Inventory; nothing: Inventory }) | undefined;
  const get = (): Engine => {
    if (running === undefined) throw new Error("the daemon does not run: use the engine inside a test");
    return running;
  };
  before(async () => {
    const nothing = takeInventory({ folders: [], cgroupParent: "/none" });
    const daemon = await Daemon.start(options);
    const api = new Http(daemon.socketPath);
    if (options.image !== false) await loadBusybox(api);
    for (const archive of options.archives?.() ?? []) await api.ok("POST", "/images/load?quiet=1", archive);
    const docker = new Docker(daemon.socketPath);
    // The first container makes what later ones share: an image's init layer, folders, the parent of the cgroups.
    if (options.image !== false) await warmUp(docker);
    running = { daemon, docker, api, idle: takeInventory(scopeOf(daemon)), nothing };
  });
  after(async () => {
    if (running === undefined) return;
    const { daemon, docker, api, idle, nothing } = running;
    await using _daemon = daemon;
    using _docker = docker;
    if (daemon.pid === undefined) await daemon.start();
    await empty(api);
    await assertNoLeaks(idle, scopeOf(daemon));
    assert.equal(await daemon.stop(), 0, `an orderly end:\n${await daemon.output()}`);
    // The bridge and its rules outlive the daemon on purpose, as Docker's do.
    const left = await leaksSince(nothing, { folders: [], cgroupParent: daemon.cgroupParent }, [
      "process",
      "mount",
      "port",
    ]);
    assert.deepEqual(left, [], "nothing runs on after the daemon");
  });
  return {
    get daemon() {
      return get().daemon;
    },
    get docker() {
      return get().docker;
    },
    get api() {
      return get().api;
    },
  };
};
