import { notFound } from "../../../base/errors.ts";
import type { Clock } from "../../../base/clock.ts";
import type { EventInput } from "../../event/event.ts";
import type { TaskProcess } from "../../runtime/process.ts";
import type { Database } from "../../state/database.ts";
import type { Table } from "../../state/table.ts";
import type { ExecRecord } from "./record.ts";

/** How long the exit code of an exec can be asked for. */
export const keptAfterExitMs = 5 * 60_000;

/** The execs of every container, and the tasks of those that run. */
export class Execs {
  readonly #database: Database;
  readonly #table: Table<ExecRecord>;
  readonly #clock: Clock;
  readonly #tasks = new Map<string, TaskProcess>();
  readonly #byContainer = new Map<string, Set<string>>();

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
    this.#table = database.table<ExecRecord>("execs");
    for (const record of this.#table.values()) this.#index(record);
  }

  /** @throws EngineError not-found */
  find(id: string): Readonly<ExecRecord> {
    const record = this.#table.get(id);
    if (!record) throw notFound(`No such exec instance: ${id}`);
    return record;
  }

  get(id: string): Readonly<ExecRecord> | undefined {
    return this.#table.get(id);
  }

  values(): IterableIterator<Readonly<ExecRecord>> {
    return this.#table.values();
  }

  /** Those of a container that have not ended: what its inspect shows. */
  idsOf(containerId: string): string[] {
    return [...(this.#byContainer.get(containerId) ?? [])].filter(
      (id) => this.#table.get(id)?.state.status !== "exited",
    );
  }

  task(id: string): TaskProcess | undefined {
    return this.#tasks.get(id);
  }

  /** Those that run. */
  tasks(): IterableIterator<TaskProcess> {
    return this.#tasks.values();
  }

  setTask(id: string, task: TaskProcess | undefined): void {
    if (task) this.#tasks.set(id, task);
    else this.#tasks.delete(id);
  }

  /** An exec does not outlive a reboot, so its record need not either: a light transaction. */
  put(record: ExecRecord, event?: EventInput): void {
    this.#sweep();
    this.#database.lightTransaction((transaction) => {
      transaction.put(this.#table, record.id, record);
      if (event) transaction.emit(event);
    });
    this.#index(record);
  }

  /** Everything of a container that is being removed. */
  forgetContainer(containerId: string): void {
    const ids = this.#byContainer.get(containerId);
    if (ids) this.#delete([...ids]);
  }

  /** The execs of a container that nobody has started: none outlives the run it was made in. */
  forgetUnstarted(containerId: string): void {
    const ids = [...(this.#byContainer.get(containerId) ?? [])];
    const unstarted = ids.filter((id) => this.#table.get(id)?.state.status === "created");
    if (unstarted.length > 0) this.#delete(unstarted);
  }

  /** Drops what ended longer ago than anybody may ask for. Cheap: called at every change instead of by a timer. */
  #sweep(): void {
    const limit = this.#clock.now() - keptAfterExitMs;
    const old: string[] = [];
    for (const { id, state } of this.#table.values()) {
      if (state.status === "exited" && state.endedMs < limit) old.push(id);
    }
    if (old.length > 0) this.#delete(old);
  }

  #delete(ids: string[]): void {
    this.#database.lightTransaction((transaction) => {
      for (const id of ids) transaction.delete(this.#table, id);
    });
    for (const id of ids) {
      this.#tasks.delete(id);
      for (const [containerId, set] of this.#byContainer) {
        if (set.delete(id) && set.size === 0) this.#byContainer.delete(containerId);
      }
    }
  }

  #index(record: Readonly<ExecRecord>): void {
    const set = this.#byContainer.get(record.containerId);
    if (set) set.add(record.id);
    else this.#byContainer.set(record.containerId, new Set([record.id]));
  }
}
