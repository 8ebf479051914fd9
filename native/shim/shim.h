// The shim: parent of one container's (or one exec's) first process. It owns the process's stdio or its PTY, writes the
// log, serves attach, and records the exit status, whether or not a daemon is alive. One thread, one epoll loop.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

#define PROTOCOL_VERSION 1

// ── the event loop (main.c)
// A descriptor the loop watches. It is the first member of whatever owns the descriptor. The loop takes one event at a
// time, so a callback may free any source.
struct source {
  int fd;
  bool watched;
  void (*ready)(struct source *, uint32_t events);
};
enum timer { TIMER_IDLE, TIMER_QUIET, TIMER_DRAIN, TIMER_LINGER, TIMER_RELAY, TIMER_COUNT };

void watch(struct source *, uint32_t events); // 0: stop watching; until then only these events (and errors) are seen
void close_source(struct source *);
void timer_set(enum timer, int64_t after_ms); // negative: off
int64_t now_ms(void);                         // monotonic

// ── what the daemon asked for
struct options {
  bool exec, tty, stdin_open, stdin_once;
  const char *id, *dir, *runtime, *bundle, *process;
  int runtime_fd; // the runtime to execute, if not by its path; < 0: none
  int owner, owner_group; // to whom the process's pipes belong; < 0: the daemon's user
  int null_fd;    // stands for /dev/null wherever the runtime would get the host's; < 0: it may
  const char *runtime_args[32], *command_args[32]; // before and after `run`/`exec`
  int runtime_arg_count, command_arg_count;
  int rows, columns;
  const char *log; // NULL: no log
  const char *log_attrs;
  int64_t log_max_size; // bytes, <= 0: no limit
  int log_max_file;
};
extern struct options opt;

// ── the container's log in Docker's json-file format (log.c)
#define RECORD_SIZE 16384 // a longer line is written in pieces of this size, as dockerd does
const char *log_open(void); // NULL, or what failed
// Writes the lines of `data` and returns how many bytes it took; the rest is a line that has not ended yet, to be offered
// again with what follows it. `last`: nothing follows, take everything.
size_t log_lines(int stream, const char *data, size_t size, bool last);
void log_idle(void);  // gives memory back
void log_close(void); // the gap line, if one is due
uint64_t log_dropped(void);
size_t json_escape(char *to, size_t room, const char *from, size_t size); // a string's inside; stops before `room` is full

// ── stdio and the connections (stream.c)
enum { FRAME_STDOUT = 1, FRAME_STDERR = 2 };
enum { FRAME_WELCOME = 16, FRAME_STARTED, FRAME_START_FAILED, FRAME_EXITED, FRAME_OOM };
enum { FRAME_HELLO = 32, FRAME_RESIZE, FRAME_CLOSE_STDIN, FRAME_RELEASE_PORTS };
enum { STREAM_STDIN = 1, STREAM_STDOUT = 2, STREAM_STDERR = 4, STREAM_RAW = 8 };

bool stdio_open(int child[3]); // makes the pipes; `child` becomes the runtime's 0, 1 and 2
void stdio_console(int master); // the PTY takes the place of stdin and stdout
void stdio_start(void);         // from here on output is read
size_t stdio_runtime_error(char *to, size_t room);
void stdio_drain(void); // the process has ended: read what is left, then stdio_drained()
void stdio_close(void); // what is not read by now never is
void stdio_resize(int rows, int columns);
void stdio_idle(void);

bool clients_listen(const char *path);
void client_control(int fd);             // the daemon's own connection, made before the start
void client_attach(int fd, int streams); // an attach made before the start
void clients_tell(int type, const char *text);
void clients_finish(void); // nothing follows: close each connection as soon as it has taken what is queued for it
int clients_count(void);

// ── ports (relay.c)
bool relay_add(const char *spec); // FD:tcp|udp:IPv4:PORT
void port_hold(int fd);
void ports_release(void);
void relay_expire(void);

// ── out of memory (oom.c)
void oom_watch(pid_t pid);       // of the process that has been started: from here on each kill is told
void oom_check(void);            // looks now
void oom_check_last(int status); // the process has ended so: what there is to find out
bool oom_killed(void);           // a kill was seen since the start

// ── namespaces (namespaces.c)
int namespaces_make(const char *which);

// ── the task (main.c)
ssize_t read_file(const char *path, char *to, size_t room); // what fits, ended with NUL; < 0: it cannot be read
void stdio_drained(void);
void greet(void (*tell)(void *, int type, const char *text), void *client); // what a new control connection must know
