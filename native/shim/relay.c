// Published ports. A reserved port is a descriptor that is only held. A port that the firewall cannot translate ([::1],
// and [::] for a container without IPv6) is relayed to the container's IPv4 address from here.
#include "shim.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE 16384
#define CONNECTIONS_MAX 256 // of one container; the next ones wait in the backlog
#define FLOWS_MAX 256       // UDP: the one that is idle longest makes room
#define FLOW_IDLE_MS 90000  // Docker's own limit for a UDP flow
#define DATAGRAM_MAX 65536

struct port {
  struct source source;
  struct sockaddr_in target;
  bool udp;
  struct port *next;
};
struct side {
  struct source source;
  struct connection *connection;
  char *data; // read from here, to be written to the other side
  size_t size, sent;
  bool ended, passed_on; // no more to read; and the other side has been told
};
struct connection {
  struct side sides[2];
  bool connecting;
  struct connection *next;
};
struct flow {
  struct source source;
  struct port *port;
  struct sockaddr_in6 client;
  int64_t used_at;
  struct flow *next;
};

static struct port *ports;
static struct connection *connections;
static struct flow *flows;
static int *held, held_count, connection_count, flow_count;

static void ports_watch(void) {
  for (struct port *p = ports; p; p = p->next) watch(&p->source, p->udp || connection_count < CONNECTIONS_MAX ? EPOLLIN : 0);
}

// ── TCP

static void connection_close(struct connection *c) {
  for (struct connection **at = &connections; *at; at = &(*at)->next)
    if (*at == c) {
      *at = c->next;
      break;
    }
  for (int i = 0; i < 2; i++) close_source(&c->sides[i].source), free(c->sides[i].data);
  free(c);
  connection_count--;
  ports_watch();
}

static void connection_watch(struct connection *c) {
  for (int i = 0; i < 2; i++) {
    struct side *s = &c->sides[i], *other = &c->sides[!i];
    uint32_t events = (!c->connecting && !s->ended && s->size == 0 ? EPOLLIN : 0) | (other->size > 0 || (c->connecting && i == 1) ? EPOLLOUT : 0);
    watch(&s->source, events);
  }
}

// Writes what was read from `s`, and the end once it has come. False: the other side is broken.
static bool side_pass(struct side *s, struct side *other) {
  while (s->sent < s->size) {
    ssize_t n = send(other->source.fd, s->data + s->sent, s->size - s->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    s->sent += n;
  }
  s->size = s->sent = 0;
  free(s->data);
  s->data = NULL;
  if (s->ended && !s->passed_on) shutdown(other->source.fd, SHUT_WR), s->passed_on = true;
  return true;
}

static bool side_read(struct side *s) {
  s->data = malloc(BUFFER_SIZE);
  ssize_t n = s->data ? recv(s->source.fd, s->data, BUFFER_SIZE, MSG_DONTWAIT) : -1;
  if (n > 0) s->size = n, s->sent = 0;
  if (n <= 0) free(s->data), s->data = NULL;
  s->ended |= n == 0;
  return n >= 0 || errno == EAGAIN || errno == EINTR;
}

static void side_ready(struct source *source, uint32_t events) {
  struct side *s = (struct side *)source;
  struct connection *c = s->connection;
  struct side *other = &c->sides[s == &c->sides[0]];
  if (c->connecting && s == &c->sides[1]) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(source->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return connection_close(c);
    c->connecting = false;
    return connection_watch(c);
  }
  bool fine = !(events & EPOLLERR);
  if (fine && (events & EPOLLOUT)) fine = side_pass(other, s);
  if (fine && (events & (EPOLLIN | EPOLLHUP)) && !s->ended && s->size == 0 && !c->connecting) fine = side_read(s) && side_pass(s, other);
  // A side that has hung up and has nothing to be read takes nothing either.
  if (!fine || ((events & EPOLLHUP) && s->ended) || (c->sides[0].passed_on && c->sides[1].passed_on)) return connection_close(c);
  connection_watch(c);
}

static void tcp_accept(struct port *port) {
  int fd = accept4(port->source.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  int target = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  struct connection *c = calloc(1, sizeof *c);
  bool trying = target >= 0 && c && (connect(target, (struct sockaddr *)&port->target, sizeof port->target) == 0 || errno == EINPROGRESS);
  if (!trying) {
    close(fd);
    if (target >= 0) close(target);
    free(c);
    return;
  }
  c->sides[0] = (struct side){.source = {.fd = fd, .ready = side_ready}, .connection = c};
  c->sides[1] = (struct side){.source = {.fd = target, .ready = side_ready}, .connection = c};
  c->connecting = true;
  c->next = connections, connections = c;
  connection_count++;
  connection_watch(c);
  ports_watch();
}

// ── UDP: a socket for each client, connected to the container, so that answers find their way

static void flow_close(struct flow *flow) {
  for (struct flow **at = &flows; *at; at = &(*at)->next)
    if (*at == flow) {
      *at = flow->next;
      break;
    }
  close_source(&flow->source);
  free(flow);
  flow_count--;
}

void relay_expire(void) {
  for (struct flow *f = flows, *next; f; f = next) {
    next = f->next;
    if (f->used_at + FLOW_IDLE_MS <= now_ms()) flow_close(f);
  }
  if (flows) timer_set(TIMER_RELAY, FLOW_IDLE_MS / 4);
}

static char datagram[DATAGRAM_MAX];

static void flow_ready(struct source *source, uint32_t events) {
  struct flow *flow = (struct flow *)source;
  (void)events;
  ssize_t n = recv(source->fd, datagram, sizeof datagram, MSG_DONTWAIT);
  if (n < 0) return; // refused by the container: the client hears nothing, as through a firewall
  flow->used_at = now_ms();
  sendto(flow->port->source.fd, datagram, n, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&flow->client, sizeof flow->client);
}

static struct flow *flow_new(struct port *port, const struct sockaddr_in6 *client) {
  struct flow *oldest = flows;
  for (struct flow *f = flows; f; f = f->next)
    if (f->used_at < oldest->used_at) oldest = f;
  if (flow_count >= FLOWS_MAX) flow_close(oldest);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  struct flow *flow = fd >= 0 ? calloc(1, sizeof *flow) : NULL;
  if (flow == NULL || connect(fd, (struct sockaddr *)&port->target, sizeof port->target) != 0) {
    if (fd >= 0) close(fd);
    free(flow);
    return NULL;
  }
  *flow = (struct flow){.source = {.fd = fd, .ready = flow_ready}, .port = port, .client = *client, .next = flows};
  if (flows == NULL) timer_set(TIMER_RELAY, FLOW_IDLE_MS / 4);
  flows = flow;
  flow_count++;
  watch(&flow->source, EPOLLIN);
  return flow;
}

static void udp_receive(struct port *port) {
  struct sockaddr_in6 client = {0};
  socklen_t size = sizeof client;
  ssize_t n = recvfrom(port->source.fd, datagram, sizeof datagram, MSG_DONTWAIT, (struct sockaddr *)&client, &size);
  if (n < 0) return;
  struct flow *flow = flows;
  while (flow && (flow->port != port || memcmp(&flow->client.sin6_addr, &client.sin6_addr, 16) != 0 || flow->client.sin6_port != client.sin6_port))
    flow = flow->next;
  if (flow == NULL) flow = flow_new(port, &client);
  if (flow == NULL) return;
  flow->used_at = now_ms();
  send(flow->source.fd, datagram, n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// ── ports

static void port_ready(struct source *source, uint32_t events) {
  struct port *port = (struct port *)source;
  (void)events;
  if (port->udp) udp_receive(port);
  else tcp_accept(port);
}

bool relay_add(const char *spec) {
  int fd, number;
  char protocol[4], address[16];
  struct port *port = calloc(1, sizeof *port);
  if (port == NULL || sscanf(spec, "%d:%3[a-z]:%15[0-9.]:%d", &fd, protocol, address, &number) != 4) return false;
  *port = (struct port){.source = {.fd = fd, .ready = port_ready}, .udp = strcmp(protocol, "udp") == 0, .next = ports};
  port->target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(number)};
  if (inet_pton(AF_INET, address, &port->target.sin_addr) != 1) return false;
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  ports = port;
  watch(&port->source, EPOLLIN);
  return true;
}

void port_hold(int fd) {
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  int *more = realloc(held, (held_count + 1) * sizeof *held);
  if (more != NULL) held = more, held[held_count++] = fd;
}

void ports_release(void) {
  while (held_count > 0) close(held[--held_count]);
  while (connections) connection_close(connections);
  while (flows) flow_close(flows);
  while (ports) {
    struct port *port = ports;
    ports = port->next;
    close_source(&port->source);
    free(port);
  }
}
