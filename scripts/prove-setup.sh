#!/bin/bash
# Proves the two commands on a machine that has nothing: a minimal Debian of debootstrap's making with this machine's
# Node, npm and package manager settings, into which the last commit is cloned. It has namespaces of its own for mounts,
# processes and the network; its way to the package registries is a user-mode network, so nothing changes on this machine.
# Usage: scripts/prove-setup.sh [--all | FILE ...]   (the tests to run there; a quick choice without arguments)
set -euo pipefail

if [ "${1-}" != --inside ]; then
  repository=$(cd "$(dirname "$0")/.." && pwd)
  for program in debootstrap slirp4netns unshare git; do
    command -v "$program" >/dev/null || { echo "prove-setup: $program is missing: apt-get install $program" >&2; exit 1; }
  done
  "$repository/bin/berth-node" "$repository/test/support/debian-image.ts"
  root=$(mktemp -d /var/tmp/berth-prove-XXXXXX)
  machine= network=
  finish() {
    for pid in $network $machine; do kill -KILL "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done
    if grep -F " $root" /proc/self/mountinfo >&2; then echo "prove-setup: these mounts are left" >&2; fi
    rm -rf --one-file-system "$root"
  }
  trap finish EXIT
  trap 'exit 130' INT TERM

  echo "prove-setup: an empty Debian in $root"
  tar --numeric-owner -C "$root" -xf "$repository/build/cache/debian.tar"
  mkdir -p "$root"/{dev,proc,sys,run,tmp,root,old,var/cache/apt/archives/partial}
  # What a machine with Node and npm has, and how its package managers reach their registries.
  for path in "$(command -v node)" "$(command -v npm)" /usr/lib/node_modules/npm /usr/etc/npmrc /root/.npmrc \
    /etc/apt /etc/ssl/certs /usr/local/share/ca-certificates /etc/hosts; do
    [ -e "$path" ] || continue
    rm -rf "${root:?}$path"
    mkdir -p "$root$(dirname "$path")"
    cp -a "$path" "$root$path"
  done
  echo "nameserver 10.0.2.3" > "$root/etc/resolv.conf"
  git clone --quiet --no-hardlinks "$repository" "$root/root/berth"

  unshare --mount --net --ipc --uts --propagation private -- "$0" --inside "$root" "$@" &
  machine=$!
  while [ "$(readlink "/proc/$machine/ns/net")" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
  slirp4netns --configure --disable-host-loopback "$machine" tap0 >/dev/null 2>&1 &
  network=$!
  wait "$machine"
  exit
fi

# Inside the new namespaces, on the old root.
root=$2
shift 2
until ip -oneline link show tap0 2>/dev/null | grep -q LOWER_UP; do sleep 0.1; done
ip link set lo up
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 tmpfs "$root/run"

if [ "${1-}" = --all ]; then tests=
elif [ $# -gt 0 ]; then tests="-- $*"
else tests="-- src/ test/architecture test/integration/api/daemon test/integration/image/pull.test"
fi
# With pivot_root, not chroot: who enters a mount namespace pinned in there arrives in there.
cat > "$root/root/prove.sh" <<END
set -e
step() { echo; echo "prove-setup: \$*"; start=\$(date +%s); "\$@"; echo "prove-setup: took \$((\$(date +%s) - start)) s"; }
cd /root/berth
step npm run quickstart
step npm run quickstart
step npm run quickstart -- --stop
step npm run setup
step npm test $tests
echo "prove-setup: proven"
END
cd "$root"
pivot_root . old
cd /
umount -l /old
exec /usr/bin/env -i HOME=/root TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  /usr/bin/unshare --pid --fork --kill-child --mount-proc -- /bin/bash /root/prove.sh
