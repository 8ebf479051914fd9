import type { Duplex } from "node:stream";
import { conflict, messageOf } from "../../../base/errors.ts";
import { startExitCode, TaskStartError } from "../../runtime/start-error.ts";
import { connect } from "../attach/connect.ts";
import { parseDetachKeys } from "../attach/detach-keys.ts";
import type { ContainerContext } from "../context.ts";
import { execFolder } from "../folders.ts";
import { execEvent, requireExecutable } from "./create.ts";
import { startFailed, watchExec } from "./finish.ts";
import { remapOf } from "../remap.ts";
import { execProcess } from "./process.ts";
import type { ExecRecord } from "./record.ts";

export interface ExecStartOptions {
  Detach?: boolean;
  Tty?: boolean;
  /** Rows and columns. */
  ConsoleSize?: [number, number] | null;
}

/** An exec that may start; `run` starts it and serves the client until either side ends. */
export interface ExecSession {
  /** False: the output is framed, as for a client that did not ask for a terminal. */
  tty: boolean;
  run(client: Duplex): Promise<void>;
}

const stdoutFrame = 1;

/**
 * Starts an exec. Detached it answers when the process runs; else the session starts it once the client's connection
 * has been taken over, and a failure to start is told in the stream, as Docker does.
 * @throws EngineError not-found, conflict, invalid-parameter
 */
export const execStart = async (
  context: ContainerContext,
  id: string,
  options: ExecStartOptions,
): Promise<ExecSession | undefined> => {
  const record = context.execs.find(id);
  requireExecutable(context.containers.find(record.containerId));
  const detachKeys = parseDetachKeys(record.config.DetachKeys ?? "");
  if (options.Detach) {
    requireFresh(record);
    await startExec(context, record, options, false);
    return undefined;
  }
  const tty = options.Tty ?? false;
  return { tty, run: (client) => run(context, record, options, detachKeys, client) };
};

/** @throws EngineError conflict */
const requireFresh = ({ id, state }: Readonly<ExecRecord>): void => {
  if (state.status === "exited") throw conflict(`exec command ${id} has already run`);
  if (state.status === "running") throw conflict(`exec command ${id} is already running`);
};

const run = async (
  context: ContainerContext,
  record: Readonly<ExecRecord>,
  options: ExecStartOptions,
  detachKeys: Buffer,
  client: Duplex,
): Promise<void> => {
  const tty = options.Tty ?? false;
  let streams: Duplex | undefined;
  try {
    requireFresh(context.execs.find(record.id));
    streams = await startExec(context, record, options, true);
  } catch (error) {
    client.end(inStream(`${messageOf(error)}\r\n`, tty));
    return;
  }
  if (!streams) {
    client.end();
    return;
  }
  const how = await connect(streams, client, {
    stdin: record.config.AttachStdin ?? false,
    detachKeys: record.config.Tty ? detachKeys : undefined,
  });
  const container = context.containers.get(record.containerId);
  if (how === "detached" && container) context.database.emit(execEvent(container, record, "exec_detach"));
};

const startExec = async (
  context: ContainerContext,
  record: Readonly<ExecRecord>,
  options: ExecStartOptions,
  attached: boolean,
): Promise<Duplex | undefined> => {
  const container = context.containers.find(record.containerId);
  const { config } = record;
  const size = options.ConsoleSize ?? config.ConsoleSize ?? [0, 0];
  const stdin = config.AttachStdin ?? false;
  const step = context.trace(`exec ${record.id.slice(0, 12)}`);
  try {
    const running = context.live.of(container.id).task;
    if (!running) throw conflict(`container ${container.id} is not running`);
    if (config.WorkingDir && !config.WorkingDir.startsWith("/")) {
      throw new TaskStartError(
        "OCI runtime exec failed: exec failed: Cwd must be an absolute path",
        startExitCode.other,
      );
    }
    const process = execProcess(context, container, { ...config, ConsoleSize: size });
    step("process");
    const task = await running.exec({
      dir: execFolder(context.settings, record.id),
      process,
      owner: remapOf(context, container)?.owner,
      ...(config.Tty ? { terminal: { rows: size[0], columns: size[1] } } : {}),
      ...(attached && stdin ? { stdin: "once" as const } : {}),
      ...(attached
        ? {
            attach: [
              {
                stdin,
                stdout: config.AttachStdout ?? false,
                stderr: config.AttachStderr ?? false,
                raw: options.Tty ?? false,
              },
            ],
          }
        : {}),
      trace: step,
    });
    context.execs.setTask(record.id, task);
    context.execs.put(
      { ...record, state: { status: "running", pid: task.pid } },
      execEvent(container, record, "exec_start"),
    );
    watchExec(context, record.id, task);
    step("record");
    return task.attached[0];
  } catch (error) {
    throw startFailed(context, record, error);
  }
};

/** A message in the stream the client reads: plain on a terminal, else in a frame of stdout. */
const inStream = (text: string, tty: boolean): Buffer => {
  const bytes = Buffer.from(text);
  if (tty) return bytes;
  const header = Buffer.alloc(8);
  header[0] = stdoutFrame;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
};
