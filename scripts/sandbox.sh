#!/bin/sh
# Runs a command in mount and network namespaces of its own, as the tests and the bench run the daemon on this kind of
# machine: loopback up, nothing of the host's network, and no cgroup v2 tree beside the v1 ones (crun refuses hybrids).
# Usage: sandbox.sh COMMAND [ARG ...]
exec /usr/bin/unshare --mount --net --propagation private -- /bin/sh -c '
  ip link set lo up
  if mountpoint -q /sys/fs/cgroup/unified && [ -d /sys/fs/cgroup/memory ]; then umount /sys/fs/cgroup/unified; fi
  if [ -d /sys/fs/cgroup/memory ] && ! mountpoint -q /sys/fs/cgroup/pids; then
    mkdir -p /sys/fs/cgroup/pids && mount -t cgroup -o pids cgroup /sys/fs/cgroup/pids
  fi
  mount -t tmpfs -o mode=755 tmpfs /run/netns 2>/dev/null || true
  exec "$@"
' sandbox "$@"
