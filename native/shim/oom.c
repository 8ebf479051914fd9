// Out of memory: the kernel's counter of kills in the process's memory cgroup, and its log where the counter is gone.
#include "shim.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

static char oom_path[4200];
static pid_t oom_pid;
static struct source oom = {.fd = -1};
static int oom_event = -1;
static unsigned long oom_before, oom_told; // an exec joins a cgroup that may have seen kills

static unsigned long oom_kills(void) {
  char text[2048];
  if (oom_path[0] == 0 || read_file(oom_path, text, sizeof text) < 0) return 0;
  char *at = strstr(text, "oom_kill ");
  return at ? strtoul(at + 9, NULL, 10) : 0;
}

void oom_check(void) {
  unsigned long kills = oom_kills();
  char text[64];
  sprintf(text, "{\"kills\":%lu}", kills);
  if (kills > oom_told) clients_tell(FRAME_OOM, text);
  oom_told = kills > oom_told ? kills : oom_told;
}

// systemd removes a scope's cgroup, and the counter in it, as soon as its last process has ended, which may be before we
// have looked. The kernel's log still tells who was killed: by the process's id, and by the container's in the cgroup's name.
static bool oom_logged(void) {
  char record[8192], who[32];
  bool found = false;
  ssize_t n;
  int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return false;
  sprintf(who, ",pid=%d,", oom_pid);
  // Each read gives one record, from the oldest on; EPIPE: it was overwritten, and the next one is read next.
  while (!found && ((n = read(fd, record, sizeof record - 1)) > 0 || (n < 0 && errno == EPIPE))) {
    if (n < 0) continue;
    record[n] = 0;
    char *group = strstr(record, ";oom-kill:") ? strstr(record, ",task_memcg=") : NULL;
    found = group && strstr(group, opt.id) && strstr(group, who);
  }
  close(fd);
  return found;
}

void oom_check_last(int status) {
  oom_check();
  if (opt.exec || oom_killed() || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) return;
  if ((oom_path[0] && access(oom_path, F_OK) == 0) || !oom_logged()) return;
  oom_told = oom_before + 1;
  clients_tell(FRAME_OOM, "{\"kills\":1}");
}

bool oom_killed(void) { return oom_told > oom_before; }

static void oom_ready(struct source *source, uint32_t events) {
  char scrap[4096];
  (void)events;
  if (read(source->fd, scrap, sizeof scrap) < 0 && errno != EAGAIN) close_source(source);
  oom_check();
  if (access(oom_path, F_OK) != 0) close_source(source); // the cgroup is gone; its descriptor would wake us for ever
}

void oom_watch(pid_t pid) {
  char path[64], text[8192], *line, *rest = text;
  oom_pid = pid;
  snprintf(path, sizeof path, "/proc/%d/cgroup", pid);
  read_file(path, text, sizeof text);
  bool v1 = false;
  while ((line = strsep(&rest, "\n")) != NULL) {
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
    // A process that has ended already is shown in the root, whose kills are not its own.
    if (group == NULL || strlen(group) > 4000 || strcmp(group, ":/") == 0) continue;
    *group++ = 0;
    bool memory = strcmp(controllers, ":memory") == 0;
    if (memory) sprintf(oom_path, "/sys/fs/cgroup/memory%s/memory.oom_control", group);
    else if (!v1 && controllers[1] == 0) sprintf(oom_path, "/sys/fs/cgroup%s/memory.events", group);
    v1 |= memory;
  }
  if (oom_path[0] == 0) return;
  if (opt.exec) oom_before = oom_told = oom_kills();
  oom.ready = oom_ready;
  if (!v1) {
    oom.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (oom.fd >= 0 && inotify_add_watch(oom.fd, oom_path, IN_MODIFY) < 0) close_source(&oom);
  } else {
    char *slash = strrchr(oom_path, '/'), control[4300], request[32];
    snprintf(control, sizeof control, "%.*s/cgroup.event_control", (int)(slash - oom_path), oom_path);
    int fd = open(control, O_WRONLY | O_CLOEXEC);
    oom_event = open(oom_path, O_RDONLY | O_CLOEXEC);
    oom.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int size = sprintf(request, "%d %d", oom.fd, oom_event);
    if (fd < 0 || oom_event < 0 || write(fd, request, size) != size) close_source(&oom);
    if (fd >= 0) close(fd);
  }
  watch(&oom, EPOLLIN);
}
