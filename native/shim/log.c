// The container's log, byte for byte what dockerd's json-file driver writes:
//   {"log":"line\n","stream":"stdout","attrs":{…},"time":"2026-01-02T03:04:05.6Z"}
// A record whose line is not UTF-8 also has "raw", the line's bytes in base64. One clock read and one write(2) a batch.
#include "shim.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ATTRS_MAX 65536
#define RECORD_MAX (6 * RECORD_SIZE + RECORD_SIZE / 3 * 4 + ATTRS_MAX + 256) // every byte escaped, and raw beside it
#define BATCH_SIZE (512 * 1024)
#define FULL_RETRY_MS 1000 // how long a full disk is left alone

typedef uint8_t vector __attribute__((vector_size(16), aligned(1), may_alias));
typedef int8_t signed_vector __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

static char batch[(BATCH_SIZE + RECORD_MAX + 4095) / 4096 * 4096] __attribute__((aligned(4096))); // whole pages: log_idle
static size_t batch_size;
static int fd = -1;
static int64_t file_size;
static uint64_t dropped, unreported; // payload bytes lost to a full disk: in all, and since the last gap line
static int64_t full_until;
struct text {
  int size;
  char bytes[60];
};
static struct text tail[2]; // `,"time":"…"}\n` of this batch, and of a split line its first piece's
static bool continued[2];   // the last record of this stream was a piece without its newline
static char *middle[2];     // `","stream":"…","attrs":{…}`
static size_t middle_size[2];

static struct text time_tail(void) {
  struct timespec now;
  struct tm utc;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &utc);
  char digits[16];
  int used = snprintf(digits, sizeof digits, ".%09ld", now.tv_nsec);
  while (used > 0 && (digits[used - 1] == '0' || digits[used - 1] == '.')) // Go's RFC3339Nano has no trailing zeros
    if (digits[--used] == '.') break;
  struct text text;
  text.size = snprintf(text.bytes, sizeof text.bytes, ",\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d%.*sZ\"}\n", utc.tm_year + 1900,
                       utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, used, digits);
  return text;
}

// Length of the UTF-8 sequence at `p`, 0 when there is none.
static int rune_size(const uint8_t *p, const uint8_t *end) {
  uint8_t c = *p;
  int size = c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
  if (size == 0 || end - p < size) return 0;
  for (int i = 1; i < size; i++)
    if ((p[i] & 0xc0) != 0x80) return 0;
  bool outside = (c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) || (c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f);
  return outside ? 0 : size;
}

// Copies bytes that JSON (as Go writes it) leaves alone. Writes up to 15 bytes past what it returns.
static size_t copy_plain(char *to, const uint8_t *from, const uint8_t *end) {
  const uint8_t *p = from;
  for (; end - p >= 16; p += 16, to += 16) {
    vector v = *(const vector *)p;
    *(vector *)to = v;
    halves special = (halves)((signed_vector)v < 0x20) | (halves)((v | 2) == '>') | (halves)((v | 4) == '&') | (halves)(v == '\\');
    if (special[0]) return p - from + __builtin_ctzll(special[0]) / 8;
    if (special[1]) return p - from + 8 + __builtin_ctzll(special[1]) / 8;
  }
  for (; p < end && (int8_t)*p >= 0x20 && (*p | 2) != '>' && (*p | 4) != '&' && *p != '\\'; p++) *to++ = *p;
  return p - from;
}

// Writes what stands for the special byte(s) at *p and moves *p behind them. False: they were not UTF-8.
static bool put_special(char **to, const uint8_t **p, const uint8_t *end) {
  static const char hex[] = "0123456789abcdef";
  uint8_t c = **p;
  char *o = *to;
  int size = c < 0x80 ? 1 : rune_size(*p, end);
  if (c >= 0x80 && size == 0) {
    memcpy(o, "\\ufffd", 6);
    *to = o + 6, *p += 1;
    return false;
  }
  bool separator = size == 3 && c == 0xe2 && (*p)[1] == 0x80 && ((*p)[2] & 0xfe) == 0xa8; // U+2028, U+2029
  if (size > 1 && !separator) memcpy(o, *p, size), o += size;
  else if (separator) memcpy(o, "\\u202", 5), o[5] = hex[(*p)[2] & 0xf], o += 6;
  else if (c == '"' || c == '\\') *o++ = '\\', *o++ = c;
  else if (c == '\n' || c == '\r') *o++ = '\\', *o++ = c == '\n' ? 'n' : 'r';
  else memcpy(o, "\\u00", 4), o[4] = hex[c >> 4], o[5] = hex[c & 0xf], o += 6;
  *to = o, *p += size;
  return true;
}

size_t json_escape(char *to, size_t room, const char *from, size_t size) {
  const uint8_t *p = (const uint8_t *)from, *end = p + size;
  char *o = to;
  while (p < end && (size_t)(o - to) + 7 < room) {
    if ((int8_t)*p >= 0x20 && (*p | 2) != '>' && (*p | 4) != '&' && *p != '\\') *o++ = *p++;
    else put_special(&o, &p, end);
  }
  return o - to;
}

static char *put_base64(char *o, const uint8_t *p, size_t size) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < size; i += 3) {
    uint32_t v = p[i] << 16 | (i + 1 < size ? p[i + 1] << 8 : 0) | (i + 2 < size ? p[i + 2] : 0);
    *o++ = digits[v >> 18], *o++ = digits[v >> 12 & 63];
    *o++ = i + 1 < size ? digits[v >> 6 & 63] : '=', *o++ = i + 2 < size ? digits[v & 63] : '=';
  }
  return o;
}

static char *put(char *o, const char *text, size_t size) {
  memcpy(o, text, size);
  return o + size;
}

// How many bytes of output the records in `p` stand for.
static uint64_t payload(const char *p, size_t size) {
  uint64_t bytes = 0;
  for (const char *end = p + size; p < end; p = (const char *)memchr(p, '\n', end - p) + 1)
    for (p += sizeof "{\"log\":\"" - 1; *p != '"'; bytes++) {
      if (*p != '\\') p++;
      else if (p[1] != 'u') p += 2;
      else bytes += memcmp(p, "\\u202", 5) == 0 ? 2 : 0, p += 6;
    }
  return bytes;
}

// Appends whole records to the file; a record that does not fit is taken back. Returns how many bytes were kept.
static size_t append(const char *data, size_t size) {
  size_t done = 0;
  while (done < size) {
    ssize_t n = write(fd, data + done, size - done);
    if (n > 0) done += n;
    else if (n == 0 || errno != EINTR) break;
  }
  size_t kept = done;
  while (done < size && kept > 0 && data[kept - 1] != '\n') kept--;
  if (kept < done && ftruncate(fd, file_size + kept) != 0) kept = done;
  file_size += kept;
  return kept;
}

static bool report_gap(void) {
  char record[256 + ATTRS_MAX];
  char *o = record + sprintf(record, "{\"log\":\"[berth: %llu bytes of output were not logged: no space left]\\n", (unsigned long long)unreported);
  struct text time = time_tail();
  o = put(put(o, middle[1], middle_size[1]), time.bytes, time.size);
  if (append(record, o - record) == 0) return false;
  unreported = 0;
  return true;
}

static void flush(void) {
  if (batch_size == 0) return;
  size_t kept = 0;
  if (now_ms() >= full_until && (unreported == 0 || report_gap())) kept = append(batch, batch_size);
  if (kept < batch_size) {
    uint64_t bytes = payload(batch + kept, batch_size - kept);
    dropped += bytes, unreported += bytes;
    if (now_ms() >= full_until) full_until = now_ms() + FULL_RETRY_MS;
  }
  batch_size = 0;
}

static const char *rotated(char *to, int number, const char *suffix) {
  sprintf(to, "%s.%d%s", opt.log, number, suffix);
  return to;
}

// Shifts x.log → x.log.1 → x.log.2 …, compressed ones too. The daemon compresses under a lock on x.log.lock, which is
// never waited for: while it is held the file grows on.
static void rotate(void) {
  char from[4096], to[4096], next[4096];
  snprintf(next, sizeof next, "%s.lock", opt.log);
  int lock = open(next, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) != 0) {
    close(lock);
    return;
  }
  snprintf(next, sizeof next, "%s.next", opt.log);
  int fresh = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0640);
  if (fresh >= 0) {
    fchmod(fresh, 0640);
    for (int i = opt.log_max_file - 1; i > 0; i--) {
      static const char *const suffixes[] = {"", ".gz"};
      for (int s = 0; s < 2; s++) {
        unlink(rotated(to, i, suffixes[s]));
        if (i > 1) rename(rotated(from, i - 1, suffixes[s]), to);
      }
    }
    // Linked before it is replaced, so that x.log exists at every moment.
    if (opt.log_max_file > 1 && link(opt.log, rotated(to, 1, "")) != 0) rename(opt.log, to);
    rename(next, opt.log);
    close(fd);
    fd = fresh, file_size = 0;
  }
  if (lock >= 0) close(lock);
}

const char *log_open(void) {
  if (opt.log == NULL) return NULL;
  if (opt.log_attrs && strlen(opt.log_attrs) > ATTRS_MAX) return "log attributes are too long";
  for (int i = 0; i < 2; i++) {
    const char *attrs = opt.log_attrs ? ",\"attrs\":" : "", *value = opt.log_attrs ? opt.log_attrs : "";
    int size = asprintf(&middle[i], "\",\"stream\":\"%s\"%s%s", i ? "stderr" : "stdout", attrs, value);
    if (size < 0) return strerror(ENOMEM);
    middle_size[i] = size;
  }
  if (strlen(opt.log) > 4000) return "the log's path is too long";
  fd = open(opt.log, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
  struct stat about;
  if (fd < 0 || fstat(fd, &about) != 0) return strerror(errno);
  fchmod(fd, 0640);
  file_size = about.st_size;
  // A shim that was killed may have left half a record; it must not spoil the next one.
  char end;
  if (file_size > 0 && pread(fd, &end, 1, file_size - 1) == 1 && end != '\n') append("\n", 1);
  return NULL;
}

// Writes the record of the line at `p`. Returns where the next line starts, `p` when the line has not ended.
static const uint8_t *put_record(int stream, const uint8_t *p, const uint8_t *end, bool last, const struct text *time) {
  const uint8_t *start = p, *limit = end - p > RECORD_SIZE ? p + RECORD_SIZE : end;
  char *record = batch + batch_size, *o = put(record, "{\"log\":\"", 8);
  bool utf8 = true, ended = false;
  while (!ended) {
    size_t size = copy_plain(o, p, limit);
    o += size, p += size;
    if (p == limit) break;
    ended = *p == '\n';
    utf8 &= put_special(&o, &p, limit);
  }
  if (!ended && !last && limit - start < RECORD_SIZE) return start;
  o = put(o, middle[stream], middle_size[stream]);
  if (!utf8) o = put(put_base64(put(o, ",\"raw\":\"", 8), start, p - start), "\"", 1);
  if (!continued[stream]) tail[stream] = *time;
  o = put(o, tail[stream].bytes, tail[stream].size);
  continued[stream] = !ended;
  batch_size = o - batch;
  return p;
}

size_t log_lines(int stream, const char *data, size_t size, bool last) {
  if (fd < 0) return size;
  struct text time = time_tail();
  const uint8_t *p = (const uint8_t *)data, *end = p + size;
  while (p < end) {
    if (batch_size > BATCH_SIZE) flush();
    if (opt.log_max_size > 0 && file_size + (int64_t)batch_size >= opt.log_max_size) {
      flush();
      if (file_size >= opt.log_max_size) rotate();
    }
    const uint8_t *next = put_record(stream, p, end, last, &time);
    if (next == p) break;
    p = next;
  }
  flush();
  return (const char *)p - data;
}

void log_idle(void) { madvise(batch, sizeof batch, MADV_DONTNEED); }

void log_close(void) {
  if (fd < 0) return;
  if (unreported > 0) report_gap();
  close(fd);
  fd = -1;
}

uint64_t log_dropped(void) { return dropped; }
