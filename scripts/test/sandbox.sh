#!/bin/sh
# One test file's sandbox: the namespaces of ../sandbox.sh and one for processes, so that nothing a test starts outlives
# it, whatever becomes of the test. Process 1 collects the orphans, as on a machine.
# Usage: sandbox.sh COMMAND [ARG ...]
here=$(dirname "$(readlink -f "$0")")
exec /usr/bin/unshare --pid --fork --kill-child --mount --propagation private --mount-proc -- \
  /usr/bin/tini -- "$here/../sandbox.sh" "$@"
