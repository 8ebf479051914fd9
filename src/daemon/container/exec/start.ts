import type { Duplex } from "node:stream";
import { conflict, invalidParameter, messageOf } from "../../../base/errors.ts";
import type { ContainerContext } from "../context.ts";
import { connect } from "../attach/connect.ts";
import { parseDetachKeys } from "../attach/detach-keys.ts";
import { execEvent, requireExecutable } from "./create.ts";
import { startFailed, watchExec } from "./finish.ts";
import { execProcess } from "./process.ts";
import type { ExecRecord } from "./record.ts";

export interface ExecStartOptions {
  detach: boolean;
  tty: boolean;
  /** Rows and columns. */
  consoleSize?: [number, number] | null | undefined;
}

/** An exec that may start; `run` starts it and serves the client until either side ends. */
export interface ExecSession {
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
  if (record.state.status === "exited") throw conflict(`Error: Exec command ${id} has already run`);
  if (record.state.status === "running") throw conflict(`Error: Exec command ${id} is already running`);
  requireExecutable(context.containers.find(record.containerId));
  const detachKeys = parseDetachKeys(record.config.DetachKeys ?? "");
  if (options.detach) {
    await startExec(context, record, options, false);
    return undefined;
  }
  const tty = record.config.Tty ?? false;
  if (tty !== options.tty && options.tty) throw invalidParameter("exec was created without a terminal");
  return { tty, run: (client) => run(context, record, options, detachKeys, client) };
};

const run = async (
  context: ContainerContext,
  record: Readonly<ExecRecord>,
  options: ExecStartOptions,
  detachKeys: Buffer,
  client: Duplex,
): Promise<void> => {
  const tty = record.config.Tty ?? false;
  let streams: Duplex | undefined;
  try {
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
    detachKeys: tty ? detachKeys : undefined,
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
  const tty = config.Tty ?? false;
  const wanted = {
    stdin: config.AttachStdin ?? false,
    stdout: config.AttachStdout ?? false,
    stderr: config.AttachStderr ?? false,
    raw: tty,
  };
  try {
    const started = await context.runtimes.exec({
      containerId: container.id,
      execId: record.id,
      runtime: container.hostConfig.Runtime || context.settings.defaultRuntime,
      process: execProcess(context, container, config),
      tty,
      stdin: attached && wanted.stdin,
      attach: attached ? [wanted] : [],
      consoleSize: options.consoleSize ?? config.ConsoleSize ?? undefined,
    });
    context.execs.setTask(record.id, started.task);
    context.execs.put(
      { ...record, state: { status: "running", pid: started.task.pid } },
      execEvent(container, record, "exec_start"),
    );
    watchExec(context, record.id, started.task);
    return started.attached[0];
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
