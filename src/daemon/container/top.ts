import { conflict, messageOf, systemError } from "../../base/errors.ts";
import { findBinary } from "../../linux/process/find-binary.ts";
import { run } from "../../linux/process/run.ts";
import type { RunResult } from "../../linux/process/run.ts";
import type { ContainerTopResponse } from "../../wire/engine/container.ts";

/** What is listed: the processes of a container that runs. */
export interface TopSubject {
  id: string;
  running: boolean;
  restarting: boolean;
  /** Process ids as the host counts them; asked for only when the container runs. */
  pids: () => readonly number[];
}

const defaultArgs = "-ef";
/** The host's ps over all processes; as long as its arguments let it. */
const timeoutMs = 10_000;
const maxOutputBytes = 16 * 1024 * 1024;

/**
 * `GET /containers/{id}/top`: the host's `ps`, its lines of the container's processes. `ps` prints names as processes
 * gave them, so what counts is the column PID, which no argument may take from another.
 *
 * @throws EngineError in Docker's words. **Source:** Engine API, ContainerTop.
 */
export const top = async (subject: TopSubject, psArgs: string): Promise<ContainerTopResponse> => {
  const args = psArgs === "" ? defaultArgs : psArgs;
  validateArgs(args);
  if (!subject.running) throw conflict(`container ${subject.id} is not running`);
  if (subject.restarting) throw conflict(`Container ${subject.id} is restarting, wait until the container is running`);
  const pids = subject.pids();
  return parseOutput(await ps(args.split(" "), pids), new Set(pids));
};

/** "-o cmd=PID" would give another column the name that processes are told by. */
const validateArgs = (args: string): void => {
  for (const [, column, title] of args.matchAll(/[\t\n\f\r ]+([^\t\n\f\r ]*)=[\t\n\f\r ]*(PID[^\t\n\f\r ]*)/g))
    if (column !== "pid") throw systemError(`specifying "${column}=${title}" is not allowed`);
};

const ps = async (args: string[], pids: readonly number[]): Promise<string> => {
  const program = findBinary("ps");
  if (program === null) throw systemError('ps: exec: "ps": executable file not found in $PATH');
  const few = await runPs([program, ...args, `-q${pids.join(",")}`]);
  // Some options (such as f) go not together with -q.
  const result = few.code === 0 ? few : await runPs([program, ...args]);
  if (result.code === 0) return result.stdout.toString();
  const reason = result.stderr.split("\n", 1)[0] ?? "";
  throw systemError(`ps: ${reason === "" ? `exit status ${result.code}` : reason.replace(/^ps: /, "")}`);
};

const runPs = async (argv: string[]): Promise<RunResult> => {
  try {
    return await run(argv, { timeoutMs, maxOutputBytes });
  } catch (cause) {
    throw systemError(`ps: ${messageOf(cause)}`, cause);
  }
};

/** The lines of `pids`; of threads that ps lists under a process without a pid ("-"), those below one of them. */
export const parseOutput = (output: string, pids: ReadonlySet<number>): ContainerTopResponse => {
  const [header = "", ...lines] = output.split("\n");
  const Titles = fieldsOf(header);
  const column = Titles.indexOf("PID");
  if (column === -1) throw systemError("Couldn't find PID field in ps output");
  const found: string[][] = [];
  let inside = false;
  for (const line of lines) {
    if (line === "") continue;
    const fields = fieldsOf(line);
    const pid = fields[column] ?? "";
    if (pid !== "-") {
      if (!/^[+-]?\d+$/.test(pid))
        throw systemError(`Unexpected pid '${pid}': strconv.Atoi: parsing ${JSON.stringify(pid)}: invalid syntax`);
      inside = pids.has(Number(pid));
    }
    if (inside) found.push(merged(fields, Titles.length));
  }
  return { Processes: found.length === 0 ? null : found, Titles };
};

const fieldsOf = (line: string): string[] => line.split(/[\t\n\v\f\r ]+/).filter(Boolean);

/** As many fields as there are titles: the last one takes the rest of the line. */
const merged = (fields: readonly string[], count: number): string[] => [
  ...fields.slice(0, count - 1),
  fields.slice(count - 1).join(" "),
];
