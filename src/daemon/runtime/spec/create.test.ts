import assert from "node:assert/strict";
import { test } from "node:test";
import { isKind } from "../../../base/errors.ts";
import type { HostConfig } from "../../../wire/engine/container.ts";
import { checkCgroupParent } from "./cgroup-path.ts";
import { createSpec } from "./create.ts";
import type { SpecInput } from "./input.ts";
import { specInput } from "./input.fake.ts";
import { rootOutside } from "./root-outside.ts";

const withHost = (hostConfig: HostConfig, rest: Partial<SpecInput> = {}): SpecInput => ({
  ...specInput(),
  ...rest,
  hostConfig: { ...specInput().hostConfig, ...hostConfig },
});

const refused = (input: SpecInput, message: RegExp): void =>
  assert.throws(
    () => createSpec(input),
    (error) => isKind(error, "invalid-parameter") && message.test(String(error)),
  );

test("a container that says nothing gets Docker's defaults", () => {
  const spec = createSpec(specInput());
  const names =
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE";
  const capabilities = names.split(" ").map((name) => `CAP_${name}`);
  assert.deepEqual(spec.process.capabilities, {
    bounding: capabilities,
    effective: capabilities,
    permitted: capabilities,
  });
  assert.deepEqual(spec.process.env, [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOSTNAME=0123456789ab",
    "HOME=/root",
  ]);
  assert.equal(spec.process.cwd, "/");
  assert.equal(spec.process.oomScoreAdj, 0);
  assert.equal(spec.process.terminal, false);
  assert.equal(spec.hostname, "0123456789ab");
  assert.equal(spec.linux.cgroupsPath, `/docker/${"0123456789ab".padEnd(64, "0")}`);
  assert.deepEqual(
    spec.mounts.map(({ destination, type, options }) => [destination, type, options?.join()]),
    [
      ["/proc", "proc", "nosuid,noexec,nodev"],
      ["/dev", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"],
      ["/dev/pts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"],
      ["/sys", "sysfs", "nosuid,noexec,nodev,ro"],
      ["/sys/fs/cgroup", "cgroup", "ro,nosuid,noexec,nodev"],
      ["/dev/mqueue", "mqueue", "nosuid,noexec,nodev"],
      ["/dev/shm", "tmpfs", "nosuid,noexec,nodev,mode=1777,size=67108864"],
      ["/etc/resolv.conf", "bind", "rbind,rprivate"],
      ["/etc/hostname", "bind", "rbind,rprivate"],
      ["/etc/hosts", "bind", "rbind,rprivate"],
    ],
  );
  assert.deepEqual(spec.linux.maskedPaths?.slice(0, 4), [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
  ]);
  assert.equal(spec.linux.maskedPaths?.at(-1), "/sys/devices/system/cpu/cpu0/thermal_throttle");
  assert.deepEqual(spec.linux.readonlyPaths, [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
  ]);
  assert.deepEqual(
    spec.linux.resources?.devices?.map(({ allow, type, major, minor }) => `${allow} ${type ?? "a"} ${major}:${minor}`),
    [
      "false a undefined:undefined",
      "true c 1:5",
      "true c 1:3",
      "true c 1:9",
      "true c 1:8",
      "true c 5:0",
      "true c 5:1",
      "false c 10:229",
    ],
  );
  assert.deepEqual(
    spec.linux.namespaces.map(({ type }) => type),
    ["mount", "network", "uts", "pid", "ipc"],
  );
});

test("a user other than root has the bounding set alone", () => {
  const spec = createSpec({
    ...specInput(),
    user: { uid: 1000, gid: 1000, additionalGids: [1000, 7], home: "/home/u" },
  });
  assert.deepEqual(Object.keys(spec.process.capabilities ?? {}), ["bounding"]);
  assert.deepEqual(spec.process.user, { uid: 1000, gid: 1000, additionalGids: [1000, 7] });
});

test("capabilities are added and dropped by Docker's rules", () => {
  const bounding = (hostConfig: HostConfig): string[] =>
    createSpec(withHost(hostConfig)).process.capabilities?.bounding ?? [];
  assert.deepEqual(bounding({ CapDrop: ["ALL"], CapAdd: ["net_admin"] }), ["CAP_NET_ADMIN"]);
  assert.ok(bounding({ CapAdd: ["ALL"], CapDrop: ["CAP_MKNOD"] }).includes("CAP_SYS_ADMIN"));
  assert.ok(!bounding({ CapAdd: ["all"], CapDrop: ["mknod"] }).includes("CAP_MKNOD"));
  assert.ok(!bounding({ CapDrop: ["KILL"] }).includes("CAP_KILL"));
  assert.deepEqual(bounding({ Privileged: true, CapDrop: ["ALL"] }), specInput().host.capabilities);
  refused(withHost({ CapAdd: ["nonsense"] }), /unknown capability: "CAP_NONSENSE"/);
  refused(withHost({ CapAdd: ["SYS_RESOURCE"] }), /not available in the current environment: "CAP_SYS_RESOURCE"/);
});

test("a privileged container sees and may do everything", () => {
  const spec = createSpec(withHost({ Privileged: true }));
  assert.deepEqual(spec.linux.maskedPaths, []);
  assert.deepEqual(spec.linux.readonlyPaths, []);
  assert.deepEqual(spec.linux.resources?.devices, [{ allow: true, access: "rwm" }]);
  const options = (path: string): string[] | undefined =>
    spec.mounts.find((mount) => mount.destination === path)?.options;
  assert.ok(!options("/sys")?.includes("ro"));
  assert.ok(!options("/sys/fs/cgroup")?.includes("ro"));
});

test("an empty list of masked paths unmasks, null does not", () => {
  assert.deepEqual(createSpec(withHost({ MaskedPaths: [], ReadonlyPaths: [] })).linux.maskedPaths, []);
  assert.equal(createSpec(withHost({ MaskedPaths: null })).linux.maskedPaths?.length, 13);
});

test("mounts of the container replace the default ones of their place, the shallow before the deep", () => {
  const spec = createSpec(
    withHost(
      { Tmpfs: { "/run": "" } },
      {
        mounts: [
          { source: "/b", destination: "/data/a/b", readOnly: true, propagation: "rshared" },
          { source: "/a", destination: "/data", readOnly: false },
          { source: "/s", destination: "/dev/shm", readOnly: false },
          { source: "/h", destination: "/etc/hosts", readOnly: false },
        ],
        tmpfs: [{ destination: "/run", options: "exec,size=64k" }],
      },
    ),
  );
  assert.deepEqual(
    spec.mounts.slice(6).map(({ destination, source }) => [destination, source]),
    [
      ["/data", "/a"],
      ["/run", "tmpfs"],
      ["/dev/shm", "/s"],
      ["/etc/hosts", "/h"],
      ["/etc/resolv.conf", "/c/resolv.conf"],
      ["/etc/hostname", "/c/hostname"],
      ["/data/a/b", "/b"],
    ],
  );
  assert.deepEqual(spec.mounts.at(-1)?.options, ["rbind", "rro", "rshared"]);
  assert.equal(spec.linux.rootfsPropagation, "shared");
  assert.deepEqual(spec.mounts[7]?.options, ["nosuid", "nodev", "rprivate", "exec", "size=64k"]);
});

test("a container's own /dev drops the default mounts below it", () => {
  const spec = createSpec(withHost({}, { mounts: [{ source: "/dev", destination: "/dev", readOnly: false }] }));
  assert.deepEqual(
    spec.mounts.map(({ destination }) => destination).filter((path) => path.startsWith("/dev")),
    ["/dev"],
  );
});

test("a file is bound read-only by itself: nothing is mounted below it", () => {
  const mount = { source: "/h", destination: "/c", readOnly: true };
  const options = (file: boolean): string[] | undefined =>
    createSpec(withHost({}, { mounts: [{ ...mount, file }] })).mounts.find(({ destination }) => destination === "/c")
      ?.options;
  assert.deepEqual(options(false), ["rbind", "rro", "rprivate"]);
  assert.deepEqual(options(true), ["rbind", "ro", "rprivate"]);
});

test("a read-only root keeps what the runtime must write to", () => {
  const spec = createSpec(withHost({ ReadonlyRootfs: true }));
  assert.equal(spec.root.readonly, true);
  const readOnly = spec.mounts.filter(({ options }) => options?.some((option) => option === "ro" || option === "rro"));
  assert.deepEqual(
    readOnly.map(({ destination }) => destination),
    ["/sys", "/sys/fs/cgroup", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts"],
  );
});

test("ipc modes choose /dev/shm and the namespace", () => {
  const shm = (input: SpecInput): string | undefined =>
    createSpec(input).mounts.find(({ destination }) => destination === "/dev/shm")?.source;
  assert.equal(shm(withHost({ IpcMode: "private" })), "shm");
  assert.equal(shm(withHost({ IpcMode: "none" })), undefined);
  assert.equal(shm(withHost({ IpcMode: "shareable" }, { shmPath: "/c/shm" })), "/c/shm");
  const host = createSpec(withHost({ IpcMode: "host" }, { shmPath: "/dev/shm" }));
  assert.ok(!host.linux.namespaces.some(({ type }) => type === "ipc"));
  const other = withHost({ IpcMode: "container:x" }, { shmPath: "/x/shm" });
  const joined = createSpec({ ...other, namespaces: { network: "host", ipcPath: "/proc/7/ns/ipc" } });
  assert.deepEqual(
    joined.linux.namespaces.find(({ type }) => type === "ipc"),
    { type: "ipc", path: "/proc/7/ns/ipc" },
  );
  assert.ok(!joined.linux.namespaces.some(({ type }) => type === "network"));
});

test("docker-init leads only where the container has its own pid namespace", () => {
  const spec = createSpec(withHost({ Init: true }));
  assert.deepEqual(spec.process.args, ["/sbin/docker-init", "--", "sh"]);
  assert.deepEqual(spec.mounts.at(-1), {
    destination: "/sbin/docker-init",
    type: "bind",
    source: "/usr/bin/tini",
    options: ["bind", "ro"],
  });
  assert.deepEqual(createSpec(withHost({ Init: true, PidMode: "host" })).process.args, ["sh"]);
  const none = { ...specInput().defaults, initPath: null };
  refused({ ...withHost({ Init: true }), defaults: none }, /docker-init/);
});

test("the environment is Docker's, the terminal's and the container's, in this order", () => {
  const input = specInput();
  input.config = { ...input.config, Tty: true, Env: ["A=1", "PATH=/bin", "TERM", "HOME=/h", "B="] };
  assert.deepEqual(createSpec(input).process.env, ["PATH=/bin", "HOSTNAME=0123456789ab", "A=1", "HOME=/h", "B="]);
});

test("limits go to the cgroup where the host can hold them", () => {
  const hostConfig: HostConfig = {
    Memory: 64 << 20,
    MemorySwap: 128 << 20,
    MemorySwappiness: 10,
    NanoCpus: 1_500_000_000,
    CpuShares: 512,
    CpusetCpus: "0",
    PidsLimit: 20,
    BlkioWeight: 300,
    BlkioDeviceReadBps: [{ Path: "/dev/sda", Rate: 1000 }],
  };
  const throttleDevices = { "/dev/sda": { major: 8, minor: 0 } };
  const { devices: _, ...limits } = createSpec(withHost(hostConfig, { throttleDevices })).linux.resources ?? {};
  assert.deepEqual(limits, {
    memory: { limit: 64 << 20, swap: 128 << 20, swappiness: 10 },
    cpu: { shares: 512, period: 100000, quota: 150000, cpus: "0" },
    pids: { limit: 20 },
    blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1000 }] },
  });
  const { host } = specInput();
  const bare = { ...host, cgroup: { ...host.cgroup, controllers: new Set<string>(), has: new Set<never>() } };
  assert.deepEqual(Object.keys(createSpec(withHost(hostConfig, { host: bare })).linux.resources ?? {}), ["devices"]);
  refused(withHost({ BlkioDeviceWriteBps: [{ Path: "/dev/none", Rate: 1 }] }), /could not stat device "\/dev\/none"/);
});

test("ulimits are lowered to the daemon's hard limit and may be infinite", () => {
  const spec = createSpec(
    withHost({
      Ulimits: [
        { Name: "nofile", Soft: 100, Hard: 1 << 20 },
        { Name: "core", Soft: -1, Hard: -1 },
      ],
    }),
  );
  assert.equal(
    JSON.stringify(spec.process.rlimits),
    '[{"type":"RLIMIT_NOFILE","soft":100,"hard":20000},' +
      '{"type":"RLIMIT_CORE","soft":18446744073709551615,"hard":18446744073709551615}]',
  );
});

test("annotations never steer the runtime", () => {
  refused(withHost({ Annotations: { "run.oci.handler": "krun" } }), /reserved/);
  const spec = createSpec(
    withHost(
      { Annotations: { a: "b" } },
      { seccomp: { section: { defaultAction: "SCMP_ACT_ALLOW" }, program: "AAAA" } },
    ),
  );
  assert.deepEqual(spec.annotations, { a: "b", "run.oci.seccomp_bpf_data": "AAAA" });
  assert.deepEqual(spec.linux.seccomp, { defaultAction: "SCMP_ACT_ALLOW" });
});

test("the cgroup path follows the driver", () => {
  const { host, defaults } = specInput();
  const systemd = { ...host, cgroup: { ...host.cgroup, driver: "systemd" as const } };
  const path = (hostConfig: HostConfig, rest: Partial<SpecInput>): string =>
    createSpec(withHost(hostConfig, rest)).linux.cgroupsPath ?? "";
  const id = specInput().id;
  assert.equal(
    path({}, { host: systemd, defaults: { ...defaults, cgroupParent: "system.slice" } }),
    `system.slice:docker:${id}`,
  );
  const { annotations } = createSpec(withHost({ Annotations: { a: "b" } }, { host: systemd }));
  assert.deepEqual(annotations, { a: "b", "run.oci.systemd.subgroup": "container" });
  assert.equal(path({ CgroupParent: "mine/too" }, {}), `/mine/too/${id}`);
  assert.equal(path({ CgroupParent: "../../up" }, {}), `/up/${id}`);
});

test("the systemd driver takes slices alone as parents", () => {
  const refused = /cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"/;
  for (const parent of ["/mine", ".slice", "mine.slice/too", "mine.scope"]) {
    assert.throws(() => checkCgroupParent(parent, "systemd"), refused);
    checkCgroupParent(parent, "cgroupfs");
  }
  for (const parent of ["", "mine.slice", "-.slice"]) checkCgroupParent(parent, "systemd");
});

test("a user namespace comes with its mapping, and ping is for the groups that are in it", () => {
  const ids = [
    { containerId: 0, hostId: 100_000, size: 1000 },
    { containerId: 1000, hostId: 300_000, size: 10 },
  ];
  const input = specInput();
  const spec = createSpec({
    ...input,
    namespaces: { ...input.namespaces, userPath: "/n/1-user" },
    idMapping: { uids: ids, gids: ids },
  });
  const expected = [
    { containerID: 0, hostID: 100_000, size: 1000 },
    { containerID: 1000, hostID: 300_000, size: 10 },
  ];
  assert.deepEqual(spec.linux.uidMappings, expected);
  assert.deepEqual(spec.linux.gidMappings, expected);
  assert.ok(spec.linux.namespaces.some(({ type, path }) => type === "user" && path === "/n/1-user"));
  assert.equal(spec.linux.sysctl?.["net.ipv4.ping_group_range"], "0 999");
  assert.equal(createSpec(input).linux.sysctl?.["net.ipv4.ping_group_range"], "0 2147483647");
  assert.equal(createSpec(input).linux.uidMappings, undefined);
  assert.deepEqual(rootOutside(spec), { uid: 100_000, gid: 100_000 });
  assert.equal(rootOutside(createSpec(input)), undefined);
});
