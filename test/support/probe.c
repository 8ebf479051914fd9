// Makes system calls by number, in the way the first argument of each group says, and prints the errno of each:
//   probe native 41 38 5 0   syscall(2)
//   probe x32 41 38 5 0      the same entry with x32's bit
//   probe int80 359 38 5 0   32-bit x86's entry
//   probe socketcall 38      32-bit x86's socketcall(SYS_SOCKET, {family, SOCK_SEQPACKET, 0})
//   probe high 41 38 5 0     the first argument with bit 32 set, which the kernel does not read
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static long int80(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
  return (int)result < 0 ? (errno = -(int)result, -1) : result;
}

int main(int argc, char **argv) {
  long n[8] = {0};
  for (int i = 2; i < argc && i < 10; i++) n[i - 2] = strtol(argv[i], NULL, 0);
  long result = -1;
  errno = 0;
  if (strcmp(argv[1], "native") == 0) result = syscall(n[0], n[1], n[2], n[3], n[4], n[5]);
  else if (strcmp(argv[1], "high") == 0) result = syscall(n[0], n[1] | 0x100000000, n[2], n[3]);
  else if (strcmp(argv[1], "x32") == 0) result = syscall(n[0] | 0x40000000, n[1], n[2], n[3]);
  else if (strcmp(argv[1], "int80") == 0) result = int80(n[0], n[1], n[2], n[3]);
  else if (strcmp(argv[1], "socketcall") == 0) {
    int *args = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    args[0] = n[0], args[1] = 5, args[2] = 0;
    result = int80(102, 1, (long)args, 0);
  }
  printf("%d\n", result < 0 ? errno : 0);
  return 0;
}
