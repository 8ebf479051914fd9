// The two machines that the checks run on: what their disks hold beside the engine, and what runs first.
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must, node, root } from "../lib.mjs";

const checks = "bin/berth-node test/guest/checks.ts";

const busyboxInit = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts -o ptmxmode=666 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t securityfs securityfs /sys/kernel/security
mount -t tracefs tracefs /sys/kernel/tracing
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
hostname guest
modprobe overlay
cd /berth && ${checks}
echo "GUEST ENDED $?"
poweroff -f
`;

const busyboxFolders = ["proc", "sys", "dev", "run", "tmp", "root", "etc", "bin", "sbin"];

const prepareBusybox = (tree) => {
  for (const name of busyboxFolders) mkdirSync(join(tree, name), { recursive: true });
  writeFileSync(join(tree, "init"), busyboxInit);
  chmodSync(join(tree, "init"), 0o755);
  writeFileSync(join(tree, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  writeFileSync(join(tree, "etc/group"), "root:x:0:\n");
};

/** What a unit of an engine needs for its containers to outlive it, and to be limited by nothing of its own. */
const engineUnit = `[Service]
ExecStart=/berth/bin/berthd --host unix:///run/berth.sock --data-root /data --exec-root /run/berth --exec-opt native.cgroupdriver=systemd
StandardOutput=append:/run/berthd.log
StandardError=append:/run/berthd.log
Delegate=yes
KillMode=process
TasksMax=infinity
`;

const checksUnit = `[Unit]
Requires=dbus.socket
After=basic.target dbus.socket
[Service]
Type=oneshot
WorkingDirectory=/berth
Environment=PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=/bin/sh -c '${checks} >/dev/console 2>&1; echo "GUEST ENDED $?" >/dev/console; exec systemctl poweroff -ff'
TimeoutStartSec=infinity
`;

/** crun and runc ask systemd for a scope over the system's D-Bus; `docker top` needs ps. */
const debianPackages = ["systemd-sysv", "dbus", "procps"];
const debian = join(root, `build/cache/debian-${debianPackages.join("-")}.tar`);

const prepareSystemd = (tree) => {
  must(node, [join(root, "test/support/debian-image.ts"), debian, ...debianPackages]);
  must("tar", ["--numeric-owner", "--xattrs", "-C", tree, "-xf", debian]);
  mkdirSync(join(tree, "dev"), { recursive: true });
  const units = join(tree, "etc/systemd/system");
  writeFileSync(join(units, "berth.service"), engineUnit);
  writeFileSync(join(units, "berth-checks.service"), checksUnit);
  writeFileSync(join(tree, "etc/modules-load.d/overlay.conf"), "overlay\n");
  writeFileSync(join(tree, "etc/machine-id"), "0123456789abcdef0123456789abcdef\n");
};

/** `boot`: arguments of the kernel; `init`: the first process; `prepare`: fills the disk's empty tree. */
export const machines = {
  busybox: { init: "/init", boot: [], diskSize: "1300M", prepare: prepareBusybox },
  systemd: {
    init: "/sbin/init",
    // Emulated, services take longer than the 90 s that systemd gives them.
    boot: ["systemd.unit=berth-checks.service", "systemd.default_timeout_start_sec=900", "systemd.show_status=false"],
    diskSize: "1700M",
    prepare: prepareSystemd,
  },
};
