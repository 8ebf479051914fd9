import { EngineError, isKind, messageOf, systemError } from "../../../base/errors.ts";
import { TaskStartError } from "../../runtime/start-error.ts";
import type { Task } from "../../runtime/task.ts";
import type { ContainerContext } from "../context.ts";
import { taskFolder } from "../folders.ts";
import { handleExit, removeByItself } from "../exit.ts";
import type { PendingAttachment } from "../attach/pending.ts";
import { complain, releaseResources } from "../release.ts";
import { beginHealth } from "../health/begin.ts";
import { type ContainerRecord, eventAttributes } from "../record.ts";
import { transition } from "../state.ts";
import { joinedNetworks } from "../networks.ts";
import { checkRemapped, wantedRemap } from "../remap.ts";
import type { Remap } from "../../storage/remap/remap.ts";
import { connectNetwork } from "./network.ts";
import { mountAll } from "./mounts.ts";
import { compressLog } from "./log.ts";
import { createTaskSpec } from "./task-spec.ts";
import { writeFiles } from "./files.ts";

/** The exit code of a container that the engine itself could not start. */
const engineFailureCode = 128;
const SIGKILL = 9;

/**
 * Starts the process of a container that does not run: root filesystem, network, files, mounts, runtime; then the record
 * and the event. Inside the container's queue. When a step fails everything before it is taken back.
 * @throws EngineError in Docker's words; the record keeps the message and the exit code
 */
export const launch = async (context: ContainerContext, id: string): Promise<void> => {
  const remap = wantedRemap(context, context.containers.find(id));
  const record = withMapping(context, id, remap);
  const live = context.live.of(id);
  const step = context.trace(id);
  const reached: Reached = { files: false, log: false };
  let task: Task | undefined;
  let running: Readonly<ContainerRecord>;
  try {
    if (remap) checkRemapped(record.hostConfig);
    task = await startTask(context, record, remap, reached, step);
    live.task = task;
    running = recordStart(context, record, task);
  } catch (error) {
    if (task) await abandon(context, id, task);
    await releaseResources(context, record);
    const told = noteFailure(context, record, reached, error);
    if (record.hostConfig.AutoRemove) {
      const now = context.containers.get(id);
      if (now) await removeByItself(context, now);
    }
    throw told;
  }
  for (const attachment of live.pending) {
    if (!attachment.connected) void attachLate(task, attachment, record.config.Tty ?? false);
  }
  step("record");
  // The exit of a process that is over already comes through the queue, behind this start.
  watchTask(context, id, task);
  beginHealth(context, running);
};

/** Ends a process that could not be recorded: nobody would know of it. */
const abandon = async (context: ContainerContext, id: string, task: Task): Promise<void> => {
  context.live.of(id).task = undefined;
  task.signal(SIGKILL);
  await task.exited;
  await task.delete().catch((error: unknown) => complain(context, id, error));
};

/** Serves a client that attached while the start was under way: output from now on, as if it had come behind it. */
const attachLate = async (task: Task, attachment: PendingAttachment, raw: boolean): Promise<void> => {
  const { stdin, stdout, stderr } = attachment;
  try {
    await attachment.connect(await task.attach({ stdin, stdout, stderr, raw }));
  } catch {
    // It is over already.
    attachment.cancel();
  }
};

/** Follows a task to its end. */
export const watchTask = (context: ContainerContext, id: string, task: Task): void => {
  compressLog(context, context.containers.find(id), task);
  void task.exited.then((exit) => handleExit(context, id, exit));
};

/** How far a start came: what is on the disk from then on. */
interface Reached {
  files: boolean;
  log: boolean;
}

/** dockerd calls a process that cannot be described its own failure: an unknown user, a device that is not there. */
const taskSpec = (...parts: Parameters<typeof createTaskSpec>): ReturnType<typeof createTaskSpec> => {
  try {
    return createTaskSpec(...parts);
  } catch (error) {
    throw isKind(error, "invalid-parameter") ? systemError(messageOf(error), error) : error;
  }
};

/** Whoever looks at its files while it runs must see them as this run does. */
const withMapping = (context: ContainerContext, id: string, remap: Remap | undefined): Readonly<ContainerRecord> => {
  const record = context.containers.find(id);
  const idMapping = remap?.mapping ?? null;
  if (JSON.stringify(record.idMapping ?? null) === JSON.stringify(idMapping)) return record;
  return context.containers.update(id, () => ({ idMapping }), undefined, "light") ?? record;
};

/** A container that shares another's network has that one's names, too. */
const withNamesOf = (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  otherId: string | undefined,
): Readonly<ContainerRecord> => {
  const other = otherId === undefined ? undefined : context.containers.get(otherId);
  if (!other) return record;
  const { Hostname = "", Domainname = "" } = other.config;
  return (
    context.containers.update(record.id, ({ config }) => ({ config: { ...config, Hostname, Domainname } })) ?? record
  );
};

const startTask = async (
  context: ContainerContext,
  created: Readonly<ContainerRecord>,
  remap: Remap | undefined,
  reached: Reached,
  step: (name: string) => void,
): Promise<Task> => {
  const { id } = created;
  const live = context.live.of(id);
  context.runtime.expectStart();
  const rootfs = context.layers.writable.mount(id, remap);
  step("rootfs");
  const network = await connectNetwork(context, created, remap);
  const record = withNamesOf(context, created, network.filesOf);
  step("network");
  try {
    const files = writeFiles(context, record, network, remap?.owner);
    reached.files = true;
    step("files");
    const mounts = await mountAll(context, record, remap);
    step("mounts");
    const pending = [...live.pending];
    let remembered: Promise<void> | undefined;
    const spec = taskSpec(context, record, { rootfs, network, files, mounts, remap });
    reached.log = true;
    step("spec");
    const task = await context.runtime.start({
      ...spec,
      dir: taskFolder(context.settings, id),
      attach: pending.map(({ stdin, stdout, stderr }) => ({
        stdin,
        stdout,
        stderr,
        raw: record.config.Tty ?? false,
      })),
      spawned: () => void (remembered = rememberStart(context, record)),
      trace: step,
    });
    pending.forEach((attachment, i) => {
      const streams = task.attached[i];
      if (streams) void attachment.connect(streams);
    });
    await remembered;
    return task;
  } finally {
    network.closeFds();
  }
};

/**
 * What must survive a loss of power about a start: that there was one, for the restart policies of the next boot. It is
 * written while the runtime works; which process it became is written lightly afterwards, since a reboot ends it.
 */
const rememberStart = async (context: ContainerContext, { id }: Readonly<ContainerRecord>): Promise<void> => {
  const record = context.containers.get(id);
  if (!record || (record.startedBefore && !record.manuallyStopped)) return;
  try {
    context.containers.update(id, () => ({ startedBefore: true, manuallyStopped: false }), undefined, "light");
    await context.database.synced();
  } catch (error) {
    // The process is on its way whatever the disk says.
    complain(context, id, error);
  }
};

const recordStart = (context: ContainerContext, record: Readonly<ContainerRecord>, task: Task): ContainerRecord =>
  context.containers.update(
    record.id,
    ({ state }) => ({
      state: transition(state, { kind: "started", pid: task.pid, atNs: task.startedAt.toString() }),
      startedBefore: true,
      filesWritten: true,
      logOpened: true,
      joined: joinedNetworks(context, record.id),
      manuallyStopped: false,
    }),
    (transaction) =>
      transaction.emit({
        Type: "container",
        Action: "start",
        Actor: { ID: record.id, Attributes: eventAttributes(record) },
      }),
    "light",
  ) ?? record;

const noteFailure = (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  reached: Reached,
  error: unknown,
): EngineError => {
  const exitCode = error instanceof TaskStartError ? error.exitCode : engineFailureCode;
  const log = reached.log || error instanceof TaskStartError;
  const told = error instanceof EngineError && !isKind(error, "system") ? error : systemError(messageOf(error), error);
  try {
    context.containers.update(
      record.id,
      ({ state, filesWritten, logOpened }) => ({
        state: transition(state, { kind: "start-failed", exitCode, error: told.message }),
        startedBefore: record.startedBefore,
        filesWritten: filesWritten || reached.files,
        logOpened: logOpened || log,
      }),
      (transaction) =>
        transaction.emit({
          Type: "container",
          Action: "die",
          Actor: {
            ID: record.id,
            Attributes: { ...eventAttributes(record), execDuration: "0", exitCode: String(exitCode) },
          },
        }),
    );
  } catch (failed) {
    // What kept the container from starting is worth more to whoever asked than what kept it from being noted.
    complain(context, record.id, failed);
  }
  const live = context.live.of(record.id);
  for (const attachment of live.pending) attachment.cancel();
  live.lastExit = { StatusCode: exitCode, Error: { Message: told.message } };
  // Who waits for an exit goes on waiting: there was none.
  return told;
};
