import type { Readable, Writable } from "node:stream";
import type { EngineClient } from "../client/client.ts";

/** What a command works with: the terminal it talks to and the engine it drives. */
export interface Cli {
  engine: EngineClient;
  stdin: Readable & { isTTY?: boolean; setRawMode?: (raw: boolean) => void };
  stdout: Writable & { isTTY?: boolean; rows?: number; columns?: number };
  stderr: Writable & { isTTY?: boolean };
  env: Readonly<Record<string, string | undefined>>;
}

/** A command: takes what stands behind its name, resolves to the exit status. */
export type Command = (cli: Cli, argv: readonly string[]) => Promise<number>;

/** An error whose exit status is not 1. */
export class ExitError extends Error {
  readonly exitCode: number;
  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
