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
  {
    name: /--tmpfs \/tmp:size=1m,mode=700/,
    part: "stdout",
    reason: "runc gives a tmpfs the image's mode, crun the one asked for",
  },
  { name: /docker inspect up \| tr/, part: "stdout", reason: "the log rotation's keys are among them" },
  { name: /cat \/proc\/self\/cgroup/, part: "stdout", reason: "crun leaves hierarchies without controllers alone" },
  {
    name: /docker diff box/,
    part: "stdout",
    reason: "dockerd counts /etc as changed because its own layer in between touches it",
  },
  {
    name: /^docker save busybox \| tar t/,
    part: "stdout",
    reason: "dockerd adds a configuration of image format v1 for every layer",
  },
  {
    name: /^docker load <\/dev\/null/,
    part: "stderr",
    reason: "Berth unpacks no archive into a directory that its messages could name",
  },
  {
    name: /docker attach cat; docker logs cat/,
    part: "stdout",
    reason: "how long a client goes on when its input has ended is a matter of timing",
  },
  { name: /mountinfo/, part: "stdout", reason: "crun masks in another order and with other mount options than runc" },
];
