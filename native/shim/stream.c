// Stdio of the process, and the connections that take and give it. Output goes to the log first, then to every attached
// client; a client that is slow holds the process back (its queue must be empty before more is read), one that is gone
// does not. Once the process has ended nobody holds anything back.
#include "shim.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define PIPE_SIZE (1024 * 1024)
#define READ_SIZE (256 * 1024)
#define READ_ATTACHED (64 * 1024) // the most that is ever queued for a client while the process runs
#define FRAME_SIZE (32 * 1024)
#define STDIN_SIZE (64 * 1024)
#define QUEUE_MAX (4 * 1024 * 1024) // of one client; only what is drained at the end gets near it
#define CONTROL_QUEUE_MAX (64 * 1024)
#define CLIENTS_MAX 64
#define REQUEST_MAX 64 // payload of a frame from a client
#define QUIET_MS 100   // the pipes are still open after the end: somebody inherited them. Silence for this long ends it
#define DRAIN_MS 2000
#define LINGER_MS (10 * 60 * 1000) // how long an attached client may take for the last of the output

struct output {
  struct source source;
  size_t held; // bytes at the start of `data` that are a line without its end
  char *data;
};
struct client {
  struct source source;
  enum { NEW, CONTROL, ATTACH } kind;
  int streams;
  bool read_ended, hung_up;
  char *queue;
  size_t queue_size, queue_sent;
  uint8_t request[8 + REQUEST_MAX];
  size_t request_size;
  struct client *next;
};

static char output_data[2][RECORD_SIZE + READ_SIZE] __attribute__((aligned(4096)));
static struct output outputs[2] = {{{.fd = -1}, 0, output_data[0]}, {{.fd = -1}, 0, output_data[1]}};
static struct {
  struct source source;
  size_t size, sent;
  bool close_after;
} in = {.source.fd = -1};
static char in_data[STDIN_SIZE] __attribute__((aligned(4096)));
static struct source listener = {.fd = -1};
static struct client *clients;
static int client_count;
static bool started, draining, finished;

static void outputs_watch(void);
static void client_watch(struct client *);

// ── stdin

static void stdin_watch_clients(void) {
  for (struct client *c = clients; c; c = c->next) client_watch(c);
}

static void stdin_close(void) {
  close_source(&in.source);
  in.size = in.sent = 0;
  stdin_watch_clients();
}

static void stdin_flush(void) {
  while (in.sent < in.size) {
    ssize_t n = write(in.source.fd, in_data + in.sent, in.size - in.sent);
    if (n > 0) in.sent += n;
    else if (n < 0 && errno == EINTR) continue;
    else if (n < 0 && errno == EAGAIN) return watch(&in.source, EPOLLOUT), stdin_watch_clients();
    else return stdin_close(); // the process closed its end
  }
  in.size = in.sent = 0;
  watch(&in.source, 0);
  if (in.close_after) stdin_close();
  else stdin_watch_clients();
}

static void stdin_ready(struct source *source, uint32_t events) {
  (void)source, (void)events;
  stdin_flush();
}

// An attached client will send nothing more.
static void stdin_left(struct client *client) {
  if (client->kind != ATTACH || !(client->streams & STREAM_STDIN) || !opt.stdin_once || opt.tty || in.source.fd < 0) return;
  in.close_after = true;
  if (in.size == 0) stdin_close();
}

// ── clients

static void client_close(struct client *client) {
  for (struct client **at = &clients; *at; at = &(*at)->next)
    if (*at == client) {
      *at = client->next;
      break;
    }
  // What was sent and never read would reach the other side as ECONNRESET instead of the end.
  char scrap[4096];
  if (client->source.fd >= 0) shutdown(client->source.fd, SHUT_RDWR);
  while (client->source.fd >= 0 && recv(client->source.fd, scrap, sizeof scrap, MSG_DONTWAIT) > 0) {}
  close_source(&client->source);
  client_count--;
  if (!client->read_ended) {
    client->read_ended = true;
    stdin_left(client);
  }
  free(client->queue);
  free(client);
  outputs_watch();
}

// Until the start there is no PTY to write to, and what is sent for it has to wait.
static bool stdin_blocked(void) { return !started || (in.source.fd >= 0 && in.size > 0); }

static void client_watch(struct client *c) {
  bool reads = !c->read_ended && !(c->kind == ATTACH && (c->streams & STREAM_STDIN) && stdin_blocked());
  uint32_t events = (reads ? EPOLLIN : 0) | (c->queue_size > 0 ? EPOLLOUT : 0);
  // A hang-up is reported whatever is asked for, so a client that waits for stdin and has hung up is not watched at all.
  watch(&c->source, events ? events : c->hung_up ? 0 : EPOLLPRI);
}

// Sends what is queued. False: the client is gone (and freed).
static bool client_flush(struct client *c) {
  while (c->queue_sent < c->queue_size) {
    ssize_t n = send(c->source.fd, c->queue + c->queue_sent, c->queue_size - c->queue_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) c->queue_sent += n;
    else if (n < 0 && errno == EINTR) continue;
    else if (n < 0 && errno == EAGAIN) return client_watch(c), true;
    else return client_close(c), false;
  }
  free(c->queue);
  c->queue = NULL;
  c->queue_size = c->queue_sent = 0;
  if (finished) return client_close(c), false;
  client_watch(c);
  outputs_watch();
  return true;
}

static bool client_put(struct client *c, const void *head, size_t head_size, const void *body, size_t body_size) {
  size_t sent = 0, size = head_size + body_size;
  if (c->queue_size == 0) {
    struct iovec parts[2] = {{(void *)head, head_size}, {(void *)body, body_size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t n = sendmsg(c->source.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return client_close(c), false;
    if (n > 0) sent = n;
    if (sent == size) return true;
  }
  size_t most = c->kind == ATTACH ? QUEUE_MAX : CONTROL_QUEUE_MAX;
  char *queue = c->queue_size + size > most ? NULL : realloc(c->queue, c->queue_size + size - sent);
  if (queue == NULL) return client_close(c), false;
  c->queue = queue;
  char *to = queue + c->queue_size;
  if (sent < head_size) memcpy(to, (const char *)head + sent, head_size - sent), to += head_size - sent, sent = head_size;
  memcpy(to, (const char *)body + (sent - head_size), size - sent);
  c->queue_size = to + (size - sent) - queue;
  client_watch(c);
  return true;
}

static bool client_frame(struct client *c, int type, const void *body, size_t size) {
  uint8_t head[8] = {type};
  uint32_t length = htonl(size);
  memcpy(head + 4, &length, 4);
  return client_put(c, head, 8, body, size);
}

static void client_output(struct client *c, int type, const char *data, size_t size) {
  if (c->streams & STREAM_RAW) {
    client_put(c, NULL, 0, data, size);
    return;
  }
  for (size_t at = 0; at < size; at += FRAME_SIZE)
    if (!client_frame(c, type, data + at, size - at < FRAME_SIZE ? size - at : FRAME_SIZE)) return;
}

static void tell_one(void *client, int type, const char *text) { client_frame(client, type, text, strlen(text)); }

static bool client_frame_received(struct client *c, int type, const uint8_t *body, size_t size) {
  if (c->kind == NEW) {
    char welcome[64];
    int length = sprintf(welcome, "{\"version\":%d,\"pid\":%d}", PROTOCOL_VERSION, getpid());
    if (type != FRAME_HELLO || size < 4) return client_close(c), false;
    if (!client_frame(c, FRAME_WELCOME, welcome, length)) return false;
    c->kind = body[1] ? ATTACH : CONTROL;
    c->streams = body[2];
    if (c->kind == CONTROL) greet(tell_one, c);
    return true;
  }
  if (type == FRAME_RESIZE && size >= 4) stdio_resize(body[0] << 8 | body[1], body[2] << 8 | body[3]);
  else if (type == FRAME_RELEASE_PORTS) ports_release();
  else if (type == FRAME_CLOSE_STDIN && in.source.fd >= 0) {
    in.close_after = true;
    if (in.size == 0) stdin_close();
  }
  return true; // what a newer daemon may send and this shim does not know is passed over
}

// Frames of NEW and CONTROL clients. Reads no byte past a frame: an attach's hello is followed by plain stdin.
static void client_read_frames(struct client *c) {
  size_t want = c->request_size < 8 ? 8 : 8 + (c->request[6] << 8 | c->request[7]);
  ssize_t n = recv(c->source.fd, c->request + c->request_size, want - c->request_size, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return client_close(c);
  c->request_size += n;
  if (c->request_size < 8) return;
  if (c->request[4] || c->request[5] || c->request[6] || c->request[7] > REQUEST_MAX) return client_close(c);
  if (c->request_size < 8u + c->request[7]) return;
  c->request_size = 0;
  if (client_frame_received(c, c->request[0], c->request + 8, c->request[7])) client_watch(c);
}

static void client_read_stdin(struct client *c) {
  static char scrap[4096];
  bool wanted = (c->streams & STREAM_STDIN) && in.source.fd >= 0 && !in.close_after;
  ssize_t n = wanted ? recv(c->source.fd, in_data, sizeof in_data, MSG_DONTWAIT) : recv(c->source.fd, scrap, sizeof scrap, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    c->read_ended = true;
    stdin_left(c);
    return client_watch(c);
  }
  if (!wanted) return;
  in.size = n, in.sent = 0;
  timer_set(TIMER_IDLE, 200);
  stdin_flush();
}

static void client_ready(struct source *source, uint32_t events) {
  struct client *c = (struct client *)source;
  if (events & (EPOLLHUP | EPOLLERR)) {
    // Both directions are closed. What it had sent before is still to be read; what is queued for it is not wanted.
    c->hung_up = true;
    if (c->kind != ATTACH && (events & EPOLLIN)) return client_read_frames(c);
    if (c->kind != ATTACH || !(c->streams & STREAM_STDIN) || c->read_ended) return client_close(c);
    c->queue_size = c->queue_sent = 0;
    c->streams &= STREAM_STDIN;
    outputs_watch();
    if (stdin_blocked()) return client_watch(c);
    events |= EPOLLIN;
  }
  if ((events & EPOLLOUT) && !client_flush(c)) return;
  if (!(events & EPOLLIN) || c->read_ended) return;
  if (c->kind == ATTACH) client_read_stdin(c);
  else client_read_frames(c);
}

static struct client *client_new(int fd) {
  struct client *c = client_count < CLIENTS_MAX ? calloc(1, sizeof *c) : NULL;
  if (c == NULL) {
    close(fd);
    return NULL;
  }
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  *c = (struct client){.source = {.fd = fd, .ready = client_ready}, .next = clients};
  clients = c;
  client_count++;
  client_watch(c);
  return c;
}

void client_control(int fd) {
  struct client *c = client_new(fd);
  if (c) c->kind = CONTROL;
}

void client_attach(int fd, int streams) {
  struct client *c = client_new(fd);
  if (c) c->kind = ATTACH, c->streams = streams;
}

static void listener_ready(struct source *source, uint32_t events) {
  (void)events;
  int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC);
  if (fd >= 0) client_new(fd);
}

bool clients_listen(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  unlink(path);
  listener = (struct source){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), .ready = listener_ready};
  if (listener.fd < 0 || bind(listener.fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener.fd, 128) != 0) return false;
  watch(&listener, EPOLLIN);
  return true;
}

void clients_tell(int type, const char *text) {
  for (struct client *c = clients, *next; c; c = next) {
    next = c->next;
    if (c->kind == CONTROL) tell_one(c, type, text);
  }
}

void clients_finish(void) {
  finished = true;
  close_source(&listener);
  if (in.source.fd >= 0) stdin_close();
  for (struct client *c = clients, *next; c; c = next) {
    next = c->next;
    if (c->queue_size == 0) client_close(c);
  }
  timer_set(TIMER_LINGER, LINGER_MS);
}

int clients_count(void) { return client_count; }

// ── output

static void outputs_watch(void) {
  if (finished) return;
  for (int i = 0; i < 2; i++) {
    bool held_back = false;
    for (struct client *c = clients; c && !draining; c = c->next)
      held_back |= c->kind == ATTACH && (c->streams & (STREAM_STDOUT << i)) && c->queue_size > 0;
    if (outputs[i].source.fd >= 0 && outputs[i].source.ready) watch(&outputs[i].source, held_back ? 0 : EPOLLIN);
  }
}

static void output_end(struct output *o) {
  log_lines(o - outputs, o->data, o->held, true);
  o->held = 0;
  close_source(&o->source);
  if (draining && outputs[0].source.fd < 0 && outputs[1].source.fd < 0) stdio_drained();
}

static void output_ready(struct source *source, uint32_t events) {
  (void)events;
  struct output *o = (struct output *)source;
  int stream = o - outputs, wanted = STREAM_STDOUT << stream;
  bool attached = false;
  for (struct client *c = clients; c; c = c->next) attached |= (c->streams & wanted) != 0;
  char *fresh = o->data + o->held;
  ssize_t n = read(source->fd, fresh, attached ? READ_ATTACHED : READ_SIZE);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return output_end(o); // a PTY that nobody holds any more says EIO
  size_t size = o->held + n, taken = log_lines(stream, o->data, size, false);
  for (struct client *c = clients, *next; c; c = next) {
    next = c->next;
    if (c->kind == ATTACH && (c->streams & wanted)) client_output(c, FRAME_STDOUT + stream, fresh, n);
  }
  o->held = size - taken;
  memmove(o->data, o->data + taken, o->held);
  timer_set(TIMER_IDLE, 200);
  if (draining) timer_set(TIMER_QUIET, QUIET_MS);
  outputs_watch();
}

static int pipe_end(struct source *source, int ours, int *child) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  fcntl(ends[ours], F_SETFL, O_NONBLOCK);
  *child = ends[!ours];
  return source->fd = ends[ours];
}

bool stdio_open(int child[3]) {
  child[0] = opt.null_fd, child[1] = child[2] = -1;
  in.source.ready = stdin_ready;
  if (!opt.tty && opt.stdin_open && pipe_end(&in.source, 1, &child[0]) < 0) return false;
  if (!opt.tty && pipe_end(&outputs[0].source, 0, &child[1]) < 0) return false;
  if (opt.tty && opt.null_fd >= 0) child[1] = fcntl(opt.null_fd, F_DUPFD_CLOEXEC, 3);
  if (pipe_end(&outputs[1].source, 0, &child[2]) < 0) return false; // with a PTY only the runtime's own words come here
  for (int i = 0; i < 3 && opt.owner >= 0; i++) // runc passes them on to the process's user, who may open /dev/stdout
    if (child[i] >= 0 && fchown(child[i], opt.owner, opt.owner_group) != 0) return false;
  for (int i = 0; i < 2; i++)
    if (outputs[i].source.fd >= 0) fcntl(outputs[i].source.fd, F_SETPIPE_SZ, PIPE_SIZE); // may be refused: it is only speed
  return true;
}

void stdio_console(int master) {
  fcntl(master, F_SETFL, O_NONBLOCK);
  outputs[0].source.fd = master;
  in.source.fd = fcntl(master, F_DUPFD_CLOEXEC, 3);
  stdio_resize(opt.rows, opt.columns);
}

void stdio_start(void) {
  started = true;
  if (opt.tty) close_source(&outputs[1].source);
  outputs[0].source.ready = outputs[1].source.ready = output_ready;
  outputs_watch();
  stdin_watch_clients();
}

size_t stdio_runtime_error(char *to, size_t room) {
  ssize_t n = read(outputs[1].source.fd, to, room);
  return n > 0 ? n : 0;
}

void stdio_drain(void) {
  draining = true;
  if (outputs[0].source.fd < 0 && outputs[1].source.fd < 0) return stdio_drained();
  timer_set(TIMER_QUIET, QUIET_MS);
  timer_set(TIMER_DRAIN, DRAIN_MS);
  outputs_watch();
}

void stdio_close(void) {
  for (int i = 0; i < 2; i++) {
    log_lines(i, outputs[i].data, outputs[i].held, true);
    outputs[i].held = 0;
    close_source(&outputs[i].source);
  }
}

void stdio_resize(int rows, int columns) {
  struct winsize size = {.ws_row = rows, .ws_col = columns};
  if (opt.tty && outputs[0].source.fd >= 0 && rows > 0 && columns > 0) ioctl(outputs[0].source.fd, TIOCSWINSZ, &size);
}

void stdio_idle(void) {
  for (int i = 0; i < 2; i++) {
    size_t kept = (outputs[i].held + 4095) & ~4095ul;
    madvise(outputs[i].data + kept, sizeof output_data[i] - kept, MADV_DONTNEED);
  }
  if (!stdin_blocked()) madvise(in_data, sizeof in_data, MADV_DONTNEED);
}
