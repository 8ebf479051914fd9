import type { ExecConfig } from "../../../wire/engine/exec.ts";

/** An exec: what was asked, and how far it is. Kept for five minutes behind its end, for those who inspect it. */
export interface ExecRecord {
  /** 64 hex digits. */
  id: string;
  containerId: string;
  config: ExecConfig;
  /** Entry point and arguments. */
  path: string;
  args: string[];
  state:
    | { status: "created" }
    | { status: "running"; pid: number }
    | { status: "exited"; exitCode: number; pid: number; endedMs: number };
}
