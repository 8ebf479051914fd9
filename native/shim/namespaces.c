// `berth-shim --namespaces user|user,net|join,net`: makes a user namespace, or joins the one that is open as descriptor 3,
// and makes a network namespace that belongs to it, and waits until the daemon has mapped and pinned them. A process with
// threads, as the daemon is one, can neither make nor enter a user namespace.
#include "shim.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// Writes the errno, 0 for success, and goes when its stdin ends: also with a daemon that was killed.
int namespaces_make(const char *which) {
  bool join = strcmp(which, "join,net") == 0;
  int flags = join ? CLONE_NEWNET : strcmp(which, "user,net") == 0 ? CLONE_NEWUSER | CLONE_NEWNET : CLONE_NEWUSER;
  bool made = (!join || setns(3, CLONE_NEWUSER) == 0) && unshare(flags) == 0;
  dprintf(1, "%d\n", made ? 0 : errno);
  char end;
  while (read(0, &end, 1) > 0 || errno == EINTR) errno = 0;
  return 0;
}
