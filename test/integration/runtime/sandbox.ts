import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newContainerId, newId, shortId } from "../../../src/base/ids.ts";
import { findDevices } from "../../../src/daemon/runtime/device/lookup.ts";
import { readHostFacts } from "../../../src/daemon/runtime/host/facts.ts";
import { detectRuntime } from "../../../src/daemon/runtime/oci-runtime.ts";
import { Runtime } from "../../../src/daemon/runtime/runtime.ts";
import { SeccompFilters } from "../../../src/daemon/runtime/seccomp/filters.ts";
import { FrameDecoder } from "../../../src/daemon/runtime/shim/frame.ts";
import { effectiveCapabilities } from "../../../src/daemon/runtime/spec/capabilities.ts";
import { createSpec } from "../../../src/daemon/runtime/spec/create.ts";
import type { SpecInput } from "../../../src/daemon/runtime/spec/input.ts";
import type { ExitStatus, TaskSpec } from "../../../src/daemon/runtime/task-spec.ts";
import type { Task } from "../../../src/daemon/runtime/task.ts";
import { lookupUser } from "../../../src/daemon/runtime/user/lookup.ts";
import { readUserDatabase } from "../../../src/daemon/runtime/user/read.ts";
import { detect } from "../../../src/linux/cgroup/layout.ts";
import { run } from "../../../src/linux/process/run.ts";
import type { ContainerConfig, HostConfig } from "../../../src/wire/engine/container.ts";
import type { OciSpec } from "../../../src/wire/oci/runtime.ts";

const applets =
  "sh cat echo sleep ls true false id grep env pwd mount stat touch head seq test mkdir rm kill hostname stty tty cut sort uname ps dd readlink wc tr";

const outputs = { stdin: false, stdout: true, stderr: true, raw: false };

/** A busybox root filesystem, and containers made from it through the real runtimes; disposing it removes them all. */
export class Sandbox implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), "berth-runtime-"));
  readonly rootfs = join(this.root, "rootfs");
  readonly cgroups = detect();
  readonly seccomp = new SeccompFilters({ architecture: "amd64", kernelRelease: "6.1.0" });
  readonly host = readHostFacts({ cgroupDriver: "cgroupfs", recursiveReadOnly: true, cgroups: this.cgroups });
  readonly parent = `/berth-test-${shortId(newId())}`;
  readonly runtime: Runtime;
  readonly #tasks: Task[] = [];

  private constructor(runtimes: Awaited<ReturnType<typeof detectRuntime>>[]) {
    this.runtime = this.another(runtimes);
    this.makeRoot(this.rootfs);
  }

  static async open(): Promise<Sandbox> {
    const runtimes = await Promise.all([
      detectRuntime("crun", "/usr/bin/crun"),
      detectRuntime("runc", "/usr/sbin/runc"),
    ]);
    return new Sandbox(runtimes);
  }

  /** A second daemon's view of the same state. */
  another(runtimes: Awaited<ReturnType<typeof detectRuntime>>[]): Runtime {
    return new Runtime({
      shimPath: join(import.meta.dirname, "../../../build/berth-shim"),
      stateRoot: join(this.root, "state"),
      cgroups: this.cgroups,
      cgroupDriver: "cgroupfs",
      runtimes,
      defaultRuntime: "crun",
    });
  }

  makeRoot(path: string): void {
    mkdirSync(join(path, "bin"), { recursive: true });
    for (const folder of ["proc", "dev", "sys", "etc", "tmp"]) mkdirSync(join(path, folder));
    copyFileSync("/bin/busybox", join(path, "bin/busybox"));
    for (const applet of applets.split(" ")) symlinkSync("busybox", join(path, "bin", applet));
    writeFileSync(
      join(path, "etc/passwd"),
      "root:x:0:0:root:/root:/bin/sh\n1000:x:0:0:evil:/:/bin/sh\nuser:x:1234:100:u:/home/user:/bin/sh\n",
    );
    writeFileSync(join(path, "etc/group"), "root:x:0:\nusers:x:100:\nwheel:x:10:user\n");
  }

  /** Puts the program that makes system calls by number into the root, as /bin/probe. */
  async addProbe(): Promise<void> {
    const source = join(import.meta.dirname, "../../support/probe.c");
    const { code, stderr } = await run([
      "/usr/bin/musl-gcc",
      "-static",
      "-O1",
      "-o",
      join(this.rootfs, "bin/probe"),
      source,
    ]);
    if (code !== 0) throw new Error(stderr);
  }

  input(config: ContainerConfig, hostConfig: HostConfig = {}, rest: Partial<SpecInput> = {}): SpecInput {
    const id = newContainerId();
    const rootfs = rest.rootfs ?? this.rootfs;
    const seccomp = hostConfig.SecurityOpt?.includes("seccomp=unconfined") || hostConfig.Privileged;
    return {
      id,
      config: { Hostname: id.slice(0, 12), ...config },
      hostConfig: { IpcMode: "private", NetworkMode: "none", ...hostConfig },
      rootfs,
      user: lookupUser(config.User ?? "", readUserDatabase(rootfs), hostConfig.GroupAdd ?? []),
      mounts: [],
      tmpfs: [],
      files: {},
      namespaces: { network: "new" },
      devices: findDevices(hostConfig),
      seccomp: seccomp ? null : this.seccomp.get(null, effectiveCapabilities(hostConfig, this.host.capabilities)),
      host: this.host,
      defaults: {
        init: false,
        initPath: "/usr/bin/tini-static",
        cgroupParent: this.parent,
        ulimits: [],
        noNewPrivileges: false,
      },
      ...rest,
    };
  }

  dir(id: string): string {
    return join(this.root, "tasks", id);
  }

  async start(spec: OciSpec, id: string, rest: Partial<TaskSpec> = {}): Promise<Task> {
    const task = await this.runtime.start({ id, dir: this.dir(id), spec, attach: [outputs], ...rest });
    this.#tasks.push(task);
    return task;
  }

  /** Runs a container to its end. */
  async run(
    config: ContainerConfig,
    hostConfig: HostConfig = {},
    rest: Partial<SpecInput> = {},
    runtime = "crun",
  ): Promise<{ status: ExitStatus; stdout: string; stderr: string }> {
    const input = this.input(config, hostConfig, rest);
    const task = await this.start(createSpec(input), input.id, { runtime });
    const output = await readOutput(task.attached[0]);
    const status = await task.exited;
    await task.delete();
    return { status, ...output };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const task of this.#tasks) {
      task.signal(9);
      await task.delete();
      task[Symbol.dispose]();
      for (const socket of task.attached) socket.destroy();
    }
    const { remove } = await import("../../../src/linux/cgroup/members.ts");
    await remove(this.cgroups, this.parent);
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** stdout and stderr of an attach, until its end. */
export const readOutput = async (socket: Socket | undefined): Promise<{ stdout: string; stderr: string }> => {
  const text = { stdout: "", stderr: "" };
  if (socket === undefined) return text;
  const decoder = new FrameDecoder(1 << 20);
  for await (const chunk of socket) {
    for (const { type, payload } of decoder.decode(chunk as Buffer)) {
      text[type === 1 ? "stdout" : "stderr"] += payload.toString();
    }
  }
  return text;
};
