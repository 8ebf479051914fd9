// Calls that 32-bit x86 also reaches through one entry, which takes the call's code as its first argument.
// Source: linux/net.h (SYS_*), linux/ipc.h.
const throughSocketcall = [
  "socket",
  "bind",
  "connect",
  "listen",
  "accept",
  "getsockname",
  "getpeername",
  "socketpair",
  "send",
  "recv",
  "sendto",
  "recvfrom",
  "shutdown",
  "setsockopt",
  "getsockopt",
  "sendmsg",
  "recvmsg",
  "accept4",
  "recvmmsg",
  "sendmmsg",
];

const throughIpc: Readonly<Record<string, number>> = {
  semop: 1,
  semget: 2,
  semctl: 3,
  semtimedop: 4,
  msgsnd: 11,
  msgrcv: 12,
  msgget: 13,
  msgctl: 14,
  shmat: 21,
  shmdt: 22,
  shmget: 23,
  shmctl: 24,
};

/** Where else 32-bit x86 reaches the call `name`: the entry's own name and the code of the call. */
export const multiplexed = (name: string): { entry: "socketcall" | "ipc"; code: number } | null => {
  const socket = throughSocketcall.indexOf(name);
  if (socket >= 0) return { entry: "socketcall", code: socket + 1 };
  const ipc = throughIpc[name];
  return ipc === undefined ? null : { entry: "ipc", code: ipc };
};
