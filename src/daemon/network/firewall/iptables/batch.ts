import type { IptablesCommand } from "./command.ts";
import { type Change, restoreText } from "./rule.ts";

/**
 * Changes of one family, in order. Those that arrive while a restore runs go into the next one together: four containers
 * that start at once cost two processes, not four.
 */
export class Batch {
  readonly #command: IptablesCommand;
  readonly #repair: (saved: string) => Change[];
  #waiting: Change[] = [];
  #next: Promise<void> | null = null;
  #running: Promise<void> = Promise.resolve();

  /** @param repair the changes that lead from what is in force to what should be. */
  constructor(command: IptablesCommand, repair: (saved: string) => Change[]) {
    this.#command = command;
    this.#repair = repair;
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
        await this.#command.restore(restoreText(batch));
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

  async #repairAll(): Promise<void> {
    await this.#command.restore(restoreText(this.#repair(await this.#command.save())));
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const result = this.#running.then(work, work);
    this.#running = result.catch(() => {});
    return result;
  }
}
