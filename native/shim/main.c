// berth-shim: starts one container or exec through an OCI runtime, stays its parent, and reports how it ended.
#include "shim.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LAUNCH_FD 3
#define TEXT_MAX 4096 // of what the runtime says when it fails
#define IDLE_FOREVER (-1)
#define CLOSE_RANGE_CLOEXEC 4u

struct options opt = {.log_max_file = 1, .runtime_fd = -1, .null_fd = -1, .owner = -1, .owner_group = -1};
static int epoll_fd;
static int64_t timers[TIMER_COUNT];
static pid_t runtime_pid, process_pid;
static int process_status = -1;
static enum { STARTING, RUNNING, ENDED } state = STARTING;
static char started_text[160];
static struct timespec exited_at;

// ── the loop

int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void timer_set(enum timer timer, int64_t after_ms) { timers[timer] = after_ms < 0 ? 0 : now_ms() + after_ms; }

void watch(struct source *source, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = source};
  if (source->fd < 0 || (events == 0 && !source->watched)) return;
  epoll_ctl(epoll_fd, events == 0 ? EPOLL_CTL_DEL : source->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, source->fd, &event);
  source->watched = events != 0;
}

void close_source(struct source *source) {
  if (source->fd < 0) return;
  watch(source, 0);
  close(source->fd);
  source->fd = -1;
}

static void timer_fire(enum timer timer) {
  timers[timer] = 0;
  if (timer == TIMER_IDLE) log_idle(), stdio_idle();
  else if (timer == TIMER_RELAY) relay_expire();
  else if (timer == TIMER_LINGER) exit(0);
  else stdio_drained();
}

static void loop(void) {
  while (state != ENDED || clients_count() > 0) {
    int64_t next = INT64_MAX, now = now_ms();
    bool fired = false;
    for (int i = 0; i < TIMER_COUNT; i++)
      if (timers[i] && timers[i] <= now) fired = true, timer_fire(i);
      else if (timers[i] && timers[i] < next) next = timers[i];
    if (fired) continue; // it may have ended everything, or set another timer
    struct epoll_event event;
    if (epoll_wait(epoll_fd, &event, 1, next == INT64_MAX ? IDLE_FOREVER : (int)(next - now)) == 1) {
      struct source *source = event.data.ptr;
      source->ready(source, event.events);
    }
  }
}

// ── files and reports

// Whole or not at all. Not synced: the folder is on a tmpfs, and after a power cut there is nothing left to adopt.
static void write_file(const char *name, const char *text) {
  char temporary[64];
  snprintf(temporary, sizeof temporary, "%s.tmp", name);
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text)) rename(temporary, name);
  if (fd >= 0) close(fd);
}

ssize_t read_file(const char *path, char *to, size_t room) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, to, room - 1);
  to[n < 0 ? 0 : n] = 0;
  if (fd >= 0) close(fd);
  return n;
}

// When a process started, in clock ticks since boot: tells it from a later one with the same id.
static unsigned long long start_time(pid_t pid) {
  char path[64], text[1024];
  unsigned long long ticks = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  read_file(path, text, sizeof text);
  char *field = strrchr(text, ')');
  for (int i = 0; field && i < 20; i++) field = strchr(field + 1, ' ');
  if (field) sscanf(field, "%llu", &ticks);
  return ticks;
}

static unsigned long long nanoseconds(struct timespec at) { return at.tv_sec * 1000000000ull + at.tv_nsec; }

static void write_state(void) {
  char text[320];
  sprintf(text, "{\"version\":%d,\"pid\":%d,\"startTime\":%llu,\"process\":%s}\n", PROTOCOL_VERSION, getpid(),
          start_time(getpid()), state == STARTING ? "null" : started_text);
  write_file("shim.json", text);
}

void greet(void (*tell)(void *, int, const char *), void *client) {
  if (state == RUNNING) tell(client, FRAME_STARTED, started_text);
}

// ── the end

// Room for exit.json is taken at the start, so that a full tmpfs cannot cost the exit status.
#define EXIT_FILE "exit.json"
#define EXIT_RESERVED EXIT_FILE ".next"
#define EXIT_SIZE 256

static void reserve_exit(void) {
  char blanks[EXIT_SIZE];
  memset(blanks, ' ', sizeof blanks);
  int fd = open(EXIT_RESERVED, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (write(fd, blanks, sizeof blanks) != sizeof blanks) unlink(EXIT_RESERVED);
  close(fd);
}

static bool write_reserved(const char *text) {
  size_t size = strlen(text);
  int fd = size <= EXIT_SIZE ? open(EXIT_RESERVED, O_WRONLY | O_CLOEXEC) : -1; // the blanks behind the text are JSON too
  bool done = fd >= 0 && write(fd, text, size) == (ssize_t)size && rename(EXIT_RESERVED, EXIT_FILE) == 0;
  if (fd >= 0) close(fd);
  return done;
}

static void finish(int code, const char *error) {
  char text[512 + 14 * TEXT_MAX];
  int n = sprintf(text, "{\"version\":%d,\"exitCode\":%d,\"exitedAt\":\"%llu\",\"oomKilled\":%s,\"logDroppedBytes\":%llu", PROTOCOL_VERSION,
                  code, nanoseconds(exited_at), oom_killed() ? "true" : "false", (unsigned long long)log_dropped());
  if (error) n += sprintf(text + n, ",\"startError\":%s", error);
  strcpy(text + n, "}");
  if (error || !write_reserved(text)) write_file(EXIT_FILE, text);
  unlink("shim.sock");
  clients_tell(error ? FRAME_START_FAILED : FRAME_EXITED, error ? error : text);
  state = ENDED;
  clients_finish();
}

void stdio_drained(void) {
  if (state != RUNNING) return;
  timer_set(TIMER_QUIET, -1), timer_set(TIMER_DRAIN, -1);
  stdio_close();
  log_close();
  ports_release();
  oom_check_last(process_status);
  finish(WIFSIGNALED(process_status) ? 128 + WTERMSIG(process_status) : WEXITSTATUS(process_status), NULL);
}

// `what`: what the shim itself could not do; NULL: the runtime failed and says why.
static void start_failed(const char *what, int status) {
  static char text[512 + 13 * TEXT_MAX];
  char said[TEXT_MAX + 1];
  size_t size = what ? strlen(what) : stdio_runtime_error(said, TEXT_MAX);
  char *o = text + sprintf(text, "{\"status\":%d,\"stderr\":\"", status);
  o += json_escape(o, 6 * TEXT_MAX, what ? what : said, size);
  o += sprintf(o, "\",\"log\":\"");
  ssize_t logged = read_file("runtime.log", said, sizeof said);
  o += json_escape(o, 6 * TEXT_MAX, said, logged < 0 ? 0 : logged);
  strcpy(o, "\"}");
  clock_gettime(CLOCK_REALTIME, &exited_at);
  unlink("runtime.log"), unlink("pid"), unlink("console.sock"), unlink(EXIT_RESERVED);
  log_close();
  ports_release();
  finish(128, text);
}

// ── the start

static struct source console = {.fd = -1};

static void console_receive(int connection) {
  char byte, control[CMSG_SPACE(sizeof(int) * 4)];
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *head = recvmsg(connection, &message, MSG_CMSG_CLOEXEC) > 0 ? CMSG_FIRSTHDR(&message) : NULL;
  if (head && head->cmsg_type == SCM_RIGHTS) stdio_console(*(int *)CMSG_DATA(head));
}

// The runtime connects and sends the PTY's master. It has done so before it ends.
static void console_ready(struct source *source, uint32_t events) {
  (void)events;
  int connection = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC);
  if (connection < 0) return;
  console_receive(connection);
  close(connection);
  close_source(source);
}

static bool console_listen(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "console.sock"};
  unlink(address.sun_path);
  console = (struct source){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), .ready = console_ready};
  if (console.fd < 0 || bind(console.fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(console.fd, 1) != 0) return false;
  watch(&console, EPOLLIN);
  return true;
}

static void run_runtime(int stdio[3]) {
  // Reached through /proc, because a socket's path has at most 107 bytes and the folder's may have more.
  char socket_path[64], pid_path[4096];
  snprintf(socket_path, sizeof socket_path, "/proc/%d/cwd/console.sock", getppid());
  snprintf(pid_path, sizeof pid_path, "%s/pid", opt.dir);
  const char *argv[96];
  int n = 0;
  argv[n++] = opt.runtime;
  for (int i = 0; i < opt.runtime_arg_count; i++) argv[n++] = opt.runtime_args[i];
  char log_path[4096];
  snprintf(log_path, sizeof log_path, "%s/runtime.log", opt.dir);
  const char *fixed[] = {"--log", log_path, "--log-format", "json", opt.exec ? "exec" : "run", "-d", "--pid-file", pid_path,
                         opt.exec ? "--process" : "--bundle", opt.exec ? opt.process : opt.bundle};
  for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) argv[n++] = fixed[i];
  if (opt.tty) argv[n++] = "--console-socket", argv[n++] = socket_path;
  for (int i = 0; i < opt.command_arg_count; i++) argv[n++] = opt.command_args[i];
  argv[n++] = opt.id, argv[n] = NULL;

  for (int i = 0; i < 3; i++)
    if (stdio[i] >= 0) dup2(stdio[i], i);
  // Closed by the exec, so that a runtime can be executed by its descriptor; a kernel before 5.11 closes them here.
  if (opt.runtime_fd < 0 || syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC) != 0) syscall(SYS_close_range, 3u, ~0u, 0u);
  for (int i = 1; i < 65; i++) signal(i, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  umask(022);
  if (opt.runtime_fd >= 0) syscall(SYS_execveat, opt.runtime_fd, "", argv, environ, AT_EMPTY_PATH);
  execv(opt.runtime, (char **)argv);
  dprintf(2, "%s: %s", opt.runtime, strerror(errno));
  _exit(127);
}

static void runtime_ended(int status) {
  char text[32];
  process_pid = read_file("pid", text, sizeof text) > 0 ? atoi(text) : 0;
  if (opt.tty && console.fd >= 0) console_ready(&console, 0);
  if (status != 0 || process_pid <= 0) {
    if (process_pid > 0) kill(process_pid, SIGKILL);
    return start_failed(NULL, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
  }
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  sprintf(started_text, "{\"pid\":%d,\"startTime\":%llu,\"startedAt\":\"%llu\"}", process_pid, start_time(process_pid), nanoseconds(now));
  state = RUNNING;
  write_state();
  unlink("runtime.log"), unlink("console.sock");
  clients_tell(FRAME_STARTED, started_text);
  oom_watch(process_pid);
  stdio_start();
}

static void child_ready(struct source *source, uint32_t events) {
  struct signalfd_siginfo info;
  int status;
  pid_t pid;
  (void)events;
  while (read(source->fd, &info, sizeof info) > 0) {}
  // While the runtime runs the process's id is not known, and its end must not be reaped unseen.
  if (state == STARTING && waitpid(runtime_pid, &status, WNOHANG) == runtime_pid) runtime_ended(status);
  while (state != STARTING && (pid = waitpid(-1, &status, WNOHANG)) > 0) {
    if (pid != process_pid || state != RUNNING || process_status != -1) continue;
    process_status = status;
    clock_gettime(CLOCK_REALTIME, &exited_at);
    oom_check(); // now: the cgroup may be gone when the output is drained
    stdio_drain();
  }
}

static void start(void) {
  int stdio[3];
  const char *log_error = log_open();
  if (log_error) {
    char text[256];
    snprintf(text, sizeof text, "cannot write the container's log: %s", log_error);
    return start_failed(text, 0);
  }
  if (!stdio_open(stdio) || (opt.tty && !console_listen()) || !clients_listen("shim.sock")) return start_failed(strerror(errno), 0);
  unlink(EXIT_FILE), unlink("pid");
  reserve_exit();
  write_state();
  runtime_pid = fork();
  if (runtime_pid == 0) run_runtime(stdio);
  if (opt.runtime_fd >= 0) close(opt.runtime_fd);
  for (int i = 0; i < 3; i++)
    if (stdio[i] >= 0) close(stdio[i]);
  if (runtime_pid < 0) start_failed(strerror(errno), 0);
}

// ── arguments

static void usage(const char *argument) {
  dprintf(2, "berth-shim: bad argument: %s\n", argument ? argument : "(none)");
  exit(2);
}

static void parse(char **argv) {
  for (argv++; *argv; argv++) {
    const char *name = *argv;
    if (strcmp(name, "--exec") == 0) opt.exec = true;
    else if (strcmp(name, "--stdin") == 0) opt.stdin_open = true;
    else if (strcmp(name, "--stdin-once") == 0) opt.stdin_once = true;
    else {
      const char *value = *++argv;
      if (value == NULL) usage(name);
      int first, second;
      if (strcmp(name, "--id") == 0) opt.id = value;
      else if (strcmp(name, "--dir") == 0) opt.dir = value;
      else if (strcmp(name, "--runtime") == 0) opt.runtime = value;
      else if (strcmp(name, "--runtime-fd") == 0) opt.runtime_fd = atoi(value);
      else if (strcmp(name, "--null-fd") == 0) opt.null_fd = atoi(value);
      else if (strcmp(name, "--bundle") == 0) opt.bundle = value;
      else if (strcmp(name, "--process") == 0) opt.process = value;
      else if (strcmp(name, "--log") == 0) opt.log = strcmp(value, "none") == 0 ? NULL : value;
      else if (strcmp(name, "--log-attrs") == 0) opt.log_attrs = value;
      else if (strcmp(name, "--log-max-size") == 0) opt.log_max_size = atoll(value);
      else if (strcmp(name, "--log-max-file") == 0) opt.log_max_file = atoi(value);
      else if (strcmp(name, "--tty") == 0 && sscanf(value, "%dx%d", &opt.rows, &opt.columns) == 2) opt.tty = true;
      else if (strcmp(name, "--owner") == 0 && sscanf(value, "%d:%d", &opt.owner, &opt.owner_group) == 2) continue;
      else if (strcmp(name, "--attach") == 0 && sscanf(value, "%d:%d", &first, &second) == 2) client_attach(first, second);
      else if (strcmp(name, "--hold-fd") == 0) port_hold(atoi(value));
      else if (strcmp(name, "--relay") == 0 && relay_add(value)) continue;
      else if (strcmp(name, "--runtime-arg") == 0 && opt.runtime_arg_count < 32) opt.runtime_args[opt.runtime_arg_count++] = value;
      else if (strcmp(name, "--command-arg") == 0 && opt.command_arg_count < 32) opt.command_args[opt.command_arg_count++] = value;
      else usage(name);
    }
  }
  if (!opt.id || !opt.dir || !opt.runtime || !(opt.exec ? opt.process : opt.bundle)) usage(NULL);
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "--namespaces") == 0) return namespaces_make(argv[2]);
  if (fork() != 0) _exit(0); // nobody's child: it outlives the daemon, and the daemon has nothing to reap
  setsid();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  umask(077);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  client_control(LAUNCH_FD);
  parse(argv);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int i = 0; i < 3; i++) dup2(null, i);
  close(null);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  static struct source children = {.ready = child_ready};
  children.fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  watch(&children, EPOLLIN);
  if (chdir(opt.dir) != 0) start_failed(strerror(errno), 0);
  else start();
  loop();
  return 0;
}
