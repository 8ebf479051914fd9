import { ApiError } from "../../client/client.ts";
import { type Cli, type Command, ExitError } from "../cli.ts";
import { type Flags, parseFlags, UsageError } from "../flags.ts";
import { wantsHelp } from "../help.ts";
import { pullImage } from "../image/pull.ts";
import { createBody } from "./run-body.ts";
import { runFlags } from "./run-flags.ts";
import { followSize, joinStreams } from "./streams.ts";

const engineFailure = 125;
const cannotInvoke = 126;
const notFound = 127;

export const run: Command = async (cli, argv) => {
  const usage = "run [OPTIONS] IMAGE [COMMAND] [ARG...]";
  if (wantsHelp(cli, argv, usage, "Create and run a new container from an image", runFlags)) return 0;
  const { flags, args } = parseFlags(runFlags, argv, false);
  const [image, ...command] = args;
  if (image === undefined) throw new UsageError(`"berth run" requires at least 1 argument.`);
  if (flags.rm && flags.restart && flags.restart !== "no") {
    throw new ExitError(engineFailure, "conflicting options: cannot specify both --restart and --rm");
  }
  const body = await createBody(cli, flags, image, command);
  try {
    return await runContainer(cli, flags, image, body);
  } catch (error) {
    if (error instanceof ExitError) throw error;
    throw new ExitError(statusOf(error as Error), `berth: ${describe(error as Error)}`);
  }
};

const runContainer = async (cli: Cli, flags: Flags<typeof runFlags>, image: string, body: unknown): Promise<number> => {
  if (flags.pull === "always") await pullImage(cli, image, flags.quiet, { platform: flags.platform });
  const id = await create(cli, flags, image, body);
  const path = `/containers/${id}`;
  if (flags.detach) {
    await startOrRemove(cli, flags, path);
    cli.stdout.write(`${id}\n`);
    return 0;
  }
  const connection = await cli.engine.hijack(`${path}/attach`, {
    query: { stdin: flags.interactive, stdout: true, stderr: true, stream: true },
  });
  const streams = joinStreams(cli, connection, { stdin: flags.interactive, tty: flags.tty });
  const exit = cli.engine.json<{ StatusCode: number; Error?: { Message: string } }>("POST", `${path}/wait`, {
    query: { condition: flags.rm ? "removed" : "next-exit" },
  });
  exit.catch(() => undefined);
  try {
    await cli.engine.json("POST", `${path}/start`);
  } catch (error) {
    connection.socket.destroy();
    await streams.catch(() => undefined);
    if (flags.rm) await exit.catch(() => undefined);
    throw error;
  }
  const stop = flags.tty ? followSize(cli, `${path}/resize`) : undefined;
  await streams;
  stop?.();
  return (await exit).StatusCode;
};

const create = async (cli: Cli, flags: Flags<typeof runFlags>, image: string, body: unknown): Promise<string> => {
  const options = { query: { name: flags.name, platform: flags.platform }, body };
  type Created = { Id: string; Warnings?: string[] | null };
  let created: Created;
  try {
    created = await cli.engine.json<Created>("POST", "/containers/create", options);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404 || flags.pull === "never") throw error;
    cli.stderr.write(`Unable to find image '${image.includes(":") ? image : `${image}:latest`}' locally\n`);
    await pullImage(cli, image, flags.quiet, { platform: flags.platform });
    created = await cli.engine.json<Created>("POST", "/containers/create", options);
  }
  for (const warning of created.Warnings ?? []) cli.stderr.write(`WARNING: ${warning}\n`);
  return created.Id;
};

const startOrRemove = async (cli: Cli, flags: Flags<typeof runFlags>, path: string): Promise<void> => {
  try {
    await cli.engine.json("POST", `${path}/start`);
  } catch (error) {
    if (flags.rm) await cli.engine.json("DELETE", path, { query: { v: true } }).catch(() => undefined);
    throw error;
  }
};

/** Docker's status for a container that did not start, told from the engine's words as its own CLI does. */
const statusOf = (error: Error): number => {
  if (/executable file not found|no such file or directory|system cannot find/.test(error.message)) return notFound;
  return /permission denied|is a directory/.test(error.message) ? cannotInvoke : engineFailure;
};

const describe = (error: Error): string =>
  `${error instanceof ApiError ? "Error response from daemon: " : ""}${error.message}\n\nRun 'berth run --help' for more information`;
