/** A command line whose outcome may differ from dockerd 28.5's, and why. */
export interface CliException {
  name: RegExp;
  /** Which of code, stdout and stderr; all when absent. */
  part?: "code" | "stdout" | "stderr";
  reason: string;
}

export const exceptions: CliException[] = [
  { name: /HostConfig\.LogConfig/, reason: "Berth rotates logs by default, and shows that it does" },
  {
    name: /^docker info --format .*DefaultRuntime/,
    part: "stdout",
    reason: "Berth's default runtime is crun, and it has other log drivers",
  },
  { name: /ls \/dev \| sort/, part: "stdout", reason: "crun makes /dev/core, runc only where /proc/kcore exists" },
  { name: /mountinfo/, part: "stdout", reason: "crun masks in another order and with other mount options than runc" },
];
