// Writes numbered, checksummed lines to stdout and stderr at a steady rate (argument: MB/s, both together) until SIGTERM,
// then a line with the number of lines. A line: number (10 digits), CRC-32 of what follows it (8 hex digits), text.
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE 1024
#define TURN_MS 10

static volatile sig_atomic_t stopped;
static uint32_t table[256];
static char text[LINE * 4];

static void stop(int signal) { (void)signal, stopped = 1; }

static uint32_t crc(const char *p, size_t size) {
  uint32_t value = ~0u;
  for (size_t i = 0; i < size; i++) value = table[(value ^ (uint8_t)p[i]) & 255] ^ value >> 8;
  return ~value;
}

static void put(int fd, const char *p, size_t size) {
  while (size > 0) {
    ssize_t n = write(fd, p, size);
    if (n <= 0) exit(3);
    p += n, size -= n;
  }
}

static void put_line(char *to, unsigned long number) {
  char head[32];
  memcpy(to + 20, text + number * 7 % (LINE * 3), LINE - 21);
  sprintf(head, "%010lu %08x ", number, crc(to + 20, LINE - 21));
  memcpy(to, head, 20);
  to[LINE - 1] = '\n';
}

int main(int argc, char **argv) {
  static char batch[2][LINE * 4096];
  long lines = (argc > 1 ? atol(argv[1]) : 50) * 1000000 / 2 / (1000 / TURN_MS) / LINE;
  if (lines < 1 || lines > 4096) return 2;
  for (uint32_t i = 0; i < 256; i++) {
    table[i] = i;
    for (int bit = 0; bit < 8; bit++) table[i] = table[i] & 1 ? 0xedb88320u ^ table[i] >> 1 : table[i] >> 1;
  }
  uint32_t seed = 1;
  for (size_t i = 0; i < sizeof text; i++) seed = seed * 1664525 + 1013904223, text[i] = i % 200 ? 'a' + (seed >> 16) % 26 : 33 + (seed >> 16) % 94;
  signal(SIGTERM, stop);
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  unsigned long number = 0;
  while (!stopped) {
    for (long i = 0; i < lines; i++) put_line(batch[0] + i * LINE, number + i), put_line(batch[1] + i * LINE, number + i);
    number += lines;
    put(1, batch[0], lines * LINE), put(2, batch[1], lines * LINE);
    next.tv_nsec += TURN_MS * 1000000;
    if (next.tv_nsec >= 1000000000) next.tv_sec++, next.tv_nsec -= 1000000000;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
  }
  char end[64];
  int size = sprintf(end, "end %lu\n", number);
  put(1, end, size), put(2, end, size);
  return 0;
}
