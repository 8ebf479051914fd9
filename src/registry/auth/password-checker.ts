import { createHash } from "node:crypto";
import { Worker } from "node:worker_threads";
import { fault } from "../fault.ts";
import type { PasswordAnswer, PasswordQuestion } from "./password-thread.ts";

/** Comparisons that wait; more are refused, so that guessing cannot fill the memory. */
const maxWaiting = 64;
/** **Source:** bcrypt takes 72 bytes of a password. */
const maxPasswordBytes = 72;

/** Compares passwords with bcrypt hashes beside the event loop. */
export class PasswordChecker implements AsyncDisposable {
  readonly #waiting = new Map<number, (right: boolean) => void>();
  readonly #running = new Map<string, Promise<boolean>>();
  #worker: Worker | undefined;
  #last = 0;

  /** @throws RegistryFault TOOMANYREQUESTS */
  check(password: string, hash: string): Promise<boolean> {
    const key = createHash("sha256").update(`${hash}\0${password}`).digest("base64");
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    if (this.#waiting.size >= maxWaiting) {
      const headers = { "retry-after": "5" };
      return Promise.reject(fault("TOOMANYREQUESTS", { message: "too many passwords are being checked", headers }));
    }
    const started = this.#ask(password, hash).finally(() => this.#running.delete(key));
    this.#running.set(key, started);
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.terminate();
  }

  #ask(password: string, hash: string): Promise<boolean> {
    if (Buffer.byteLength(password) > maxPasswordBytes) return Promise.resolve(false);
    const worker = this.#start();
    const id = ++this.#last;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      const question: PasswordQuestion = { id, password, hash };
      worker.postMessage(question);
    });
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL("./password-thread.ts", import.meta.url));
    worker.unref();
    worker.on("message", ({ id, right }: PasswordAnswer) => {
      this.#waiting.get(id)?.(right);
      this.#waiting.delete(id);
    });
    worker.on("error", () => undefined);
    worker.on("exit", () => {
      this.#worker = undefined;
      for (const settle of this.#waiting.values()) settle(false);
      this.#waiting.clear();
    });
    this.#worker = worker;
    return worker;
  }
}
