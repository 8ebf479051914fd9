import type { RulesetWatch } from "../watch.ts";
import type { IptablesCommand } from "./command.ts";
import { type Change, restoreText } from "./rule.ts";

/** What is to be, against what `iptables-save` shows. */
export interface Desired {
  /** The changes that lead from one to the other. */
  repair(saved: string): Change[];
  /** True when nothing of it is missing. */
  holds(saved: string): boolean;
}

/**
 * Changes of one family, in order. Those that arrive while a restore runs go into the next one together: four containers
 * that start at once cost two processes, not four.
 */
export class Batch {
  readonly #command: IptablesCommand;
  readonly #desired: Desired;
  /** Told of every restore, so that it does not take it for somebody else's. */
  watch: RulesetWatch | undefined;
  #waiting: Change[] = [];
  #next: Promise<void> | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(command: IptablesCommand, desired: Desired) {
    this.#command = command;
    this.#desired = desired;
  }

  /** Fulfilled once the changes are in force. @throws Error when neither they nor the whole state can be put in force. */
  apply(changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return Promise.resolve();
    this.#waiting.push(...changes);
    this.#next ??= this.#enqueue(async () => {
      const batch = this.#waiting;
      this.#waiting = [];
      this.#next = null;
      try {
        await this.#restore(batch);
      } catch {
        await this.#repairAll();
      }
    });
    return this.#next;
  }

  /** Puts the whole state in force. */
  resync(): Promise<void> {
    return this.#enqueue(() => this.#repairAll());
  }

  /** Puts the whole state in force if any of it is missing. */
  verify(): Promise<void> {
    return this.#enqueue(async () => {
      if (!this.#desired.holds(await this.#command.save())) await this.#repairAll();
    });
  }

  async #repairAll(): Promise<void> {
    await this.#restore(this.#desired.repair(await this.#command.save()));
  }

  async #restore(changes: readonly Change[]): Promise<void> {
    const restore = (): Promise<void> => this.#command.restore(restoreText(changes));
    const commits = new Set(changes.map(({ table }) => table)).size;
    await (this.watch === undefined ? restore() : this.watch.expect(commits, restore));
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const result = this.#running.then(work, work);
    this.#running = result.catch(() => {});
    return result;
  }
}
