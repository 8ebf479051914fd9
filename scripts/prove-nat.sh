#!/bin/bash
# A Debian container reaches the package mirror through NAT: `apt-get update` inside it. Not part of `npm test`: it uses the
# host's network, as the package manager is set up, and a daemon of its own beside whatever else runs.
# Usage: scripts/prove-nat.sh
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
bin/berth-node test/support/debian-image.ts
work=$(mktemp -d)
socket=$work/berth.sock
forward=$(cat /proc/sys/net/ipv4/ip_forward)
for tool in iptables ip6tables; do
  for table in raw nat filter; do "$tool" -t "$table" -S | sed -n 's/^-N //p' >"$work.$tool.$table"; done
  "$tool" -S FORWARD | sed -n 's/^-P FORWARD //p' >"$work.$tool.policy"
done
# The host's network, and a mount namespace without a cgroup v2 tree beside the v1 ones.
unshare --mount --propagation private -- sh -c '
  if mountpoint -q /sys/fs/cgroup/unified && [ -d /sys/fs/cgroup/memory ]; then umount /sys/fs/cgroup/unified; fi
  exec "$@"' sh bin/berthd --host "unix://$socket" --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/pid" \
  >"$work/log" 2>&1 &
daemon=$!
finish() {
  bin/berth -H "unix://$socket" rm -f prove-nat >/dev/null 2>&1 || true
  sleep 1
  kill "$daemon" 2>/dev/null || true
  wait "$daemon" 2>/dev/null || true
  rm -rf "$work" 2>/dev/null || true
  # The bridge and the rules are this instance's own; it was made for this proof alone, so everything goes back to how it was.
  for bridge in docker0 berth0; do
    if ip -d link show "$bridge" 2>/dev/null | grep -q 'alias berth:'; then ip link del "$bridge"; fi
  done
  for tool in iptables ip6tables; do
    for table in raw nat filter; do
      # Every chain that was not there before: first its content, then itself.
      chains=$("$tool" -t "$table" -S | sed -n 's/^-N //p' | grep -vxFf "$work.$tool.$table" || true)
      "$tool-save" -t "$table" | grep '^-A' | grep 'berth:' | sed 's/^-A/-D/' | while read -r rule; do
        eval "$tool -t $table $rule" 2>/dev/null || true
      done
      for chain in $chains; do "$tool" -t "$table" -F "$chain"; done
      for chain in $chains; do "$tool" -t "$table" -X "$chain"; done
      rm -f "$work.$tool.$table"
    done
    "$tool" -P FORWARD "$(cat "$work.$tool.policy")"
    rm -f "$work.$tool.policy"
  done
  echo "$forward" >/proc/sys/net/ipv4/ip_forward
}
trap finish EXIT
for _ in $(seq 50); do [ -S "$socket" ] && break; sleep 0.1; done
curl -s --max-time 60 --unix-socket "$socket" -X POST -T build/cache/debian.tar \
  "http://engine/images/create?fromSrc=-&repo=debian&tag=nat" | tail -1
# The container uses the sources, keys and proxies of this machine's apt.
timeout -s KILL 120 bin/berth -H "unix://$socket" run --name prove-nat \
  -v /etc/apt:/etc/apt:ro -v /usr/share/keyrings:/usr/share/keyrings:ro \
  debian:nat apt-get -o APT::Sandbox::User=root update
echo "prove-nat: a container reached the package mirror through NAT"
