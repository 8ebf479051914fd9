import type { ExecInspectResponse } from "../../wire/engine/exec.ts";
import type { Command } from "../cli.ts";
import { type FlagSpec, parseFlags, UsageError } from "../flags.ts";
import { wantsHelp } from "../help.ts";
import { envList } from "./env.ts";
import { followSize, joinStreams } from "./streams.ts";

const spec = {
  detach: { kind: "flag", short: "d", help: "Detached mode: run command in the background" },
  "detach-keys": { kind: "value", help: "Override the key sequence for detaching" },
  env: { kind: "list", short: "e", help: "Set environment variables" },
  "env-file": { kind: "list", help: "Read in a file of environment variables" },
  interactive: { kind: "flag", short: "i", help: "Keep STDIN open even if not attached" },
  privileged: { kind: "flag", help: "Give extended privileges to the command" },
  tty: { kind: "flag", short: "t", help: "Allocate a pseudo-TTY" },
  user: { kind: "value", short: "u", help: 'Username or UID (format: "<name|uid>[:<group|gid>]")' },
  workdir: { kind: "value", short: "w", help: "Working directory inside the container" },
} as const satisfies Record<string, FlagSpec>;

export const exec: Command = async (cli, argv) => {
  const usage = "exec [OPTIONS] CONTAINER COMMAND [ARG...]";
  if (wantsHelp(cli, argv, usage, "Execute a command in a running container", spec)) return 0;
  const { flags, args } = parseFlags(spec, argv, false);
  const [name, ...command] = args;
  if (name === undefined || command.length === 0) throw new UsageError(`"berth exec" requires at least 2 arguments.`);
  const attached = !flags.detach;
  const { Id } = await cli.engine.json<{ Id: string }>("POST", `/containers/${encodeURIComponent(name)}/exec`, {
    body: {
      AttachStdin: attached && flags.interactive,
      AttachStdout: attached,
      AttachStderr: attached,
      Cmd: command,
      DetachKeys: flags["detach-keys"] ?? "",
      Env: await envList(cli, flags.env, flags["env-file"]),
      Privileged: flags.privileged,
      Tty: flags.tty,
      User: flags.user ?? "",
      WorkingDir: flags.workdir ?? "",
    },
  });
  const start = { Detach: flags.detach, Tty: flags.tty };
  if (flags.detach) {
    await cli.engine.json("POST", `/exec/${Id}/start`, { body: start });
    return 0;
  }
  const connection = await cli.engine.hijack(`/exec/${Id}/start`, { body: start });
  const stop = flags.tty ? followSize(cli, `/exec/${Id}/resize`) : undefined;
  await joinStreams(cli, connection, { stdin: flags.interactive, tty: flags.tty });
  stop?.();
  const { ExitCode } = await cli.engine.json<ExecInspectResponse>("GET", `/exec/${Id}/json`);
  return ExitCode ?? 0;
};
