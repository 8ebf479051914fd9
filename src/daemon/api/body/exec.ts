import type { ExecConfig, ExecStartConfig } from "../../../wire/engine/exec.ts";
import * as s from "./shape.ts";

const strings = s.list(s.string);
const consoleSize = s.list(s.uint, "[2]uint");

export const execCreate = s.struct("container.ExecOptions", {
  User: s.string,
  Privileged: s.boolean,
  Tty: s.boolean,
  ConsoleSize: consoleSize,
  AttachStdin: s.boolean,
  AttachStderr: s.boolean,
  AttachStdout: s.boolean,
  DetachKeys: s.string,
  Env: strings,
  WorkingDir: s.string,
  Cmd: strings,
}) as s.Shape<ExecConfig>;

export const execStart = s.struct("container.ExecStartOptions", {
  Detach: s.boolean,
  Tty: s.boolean,
  ConsoleSize: consoleSize,
}) as s.Shape<ExecStartConfig>;
