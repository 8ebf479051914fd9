import { EngineError } from "../../base/errors.ts";
import type { StartError } from "../../wire/shim/protocol.ts";

/** What a container's or an exec's exit code is when its process could never be started. **Source:** docker run, "Exit status". */
export const startExitCode = { notExecutable: 126, notFound: 127, other: 128 } as const;

/** A process that the runtime could not start: Docker's words, and the exit code that is stored for it. */
export class TaskStartError extends EngineError {
  readonly exitCode: number;

  constructor(message: string, exitCode: number, cause?: unknown) {
    super(exitCode === startExitCode.other ? "system" : "invalid-parameter", message, { cause });
    this.name = "TaskStartError";
    this.exitCode = exitCode;
  }
}

interface Reason {
  text: string;
  exitCode: number;
}

const { notExecutable, notFound, other } = startExitCode;

// A runtime has no error codes: its words are all there is. Source: crun's src/libcrun/container.c and linux.c; runc's
// are Docker's own already.
const crunWords: readonly [pattern: RegExp, reason: (match: RegExpExecArray, command: string) => Reason][] = [
  [
    /^executable file `(.*)` not found in \$PATH/,
    ([, name = ""]) => ({
      text: name.includes("/")
        ? `exec: ${quote(name)}: stat ${name}: no such file or directory`
        : `exec: ${quote(name)}: executable file not found in $PATH`,
      exitCode: notFound,
    }),
  ],
  [
    /^open executable: Not a directory/,
    (_, command) => ({ text: `exec: ${quote(command)}: stat ${command}: not a directory`, exitCode: notFound }),
  ],
  [
    /^open executable: (?:Permission denied|Operation not permitted)/,
    (_, command) =>
      command === ""
        ? { text: 'exec: "": executable file not found in $PATH', exitCode: notFound }
        : { text: `exec: ${quote(command)}: permission denied`, exitCode: notExecutable },
  ],
  [
    /^exec container process.* `(.*)`: (.*)$/,
    ([, name = "", why = ""]) => ({ text: `exec ${name}: ${why.toLowerCase()}`, exitCode: codeFor(why) }),
  ],
  [
    /^chdir `(.*)`: (.*)$/,
    ([, path = "", why = ""]) => ({
      text: `error during container init: chdir to cwd (${quote(path)}) set in config.json failed: ${why.toLowerCase()}`,
      exitCode: codeFor(why),
    }),
  ],
  [
    /^error stat'ing file `(.*)`: (.*)$/,
    ([, path = "", why = ""]) => ({
      text: `error during container init: error mounting ${quote(path)}: stat ${path}: ${why.toLowerCase()}`,
      exitCode: codeFor(why),
    }),
  ],
  [
    /^mount `(.*)` to `(.*)`: (.*)$/,
    ([, source = "", target = "", why = ""]) => ({
      text:
        `error during container init: error mounting ${quote(source)} to rootfs at ${quote(`/${target}`)}: ` +
        `mount ${source}:/${target}: ${why.toLowerCase()}`,
      exitCode: codeFor(why),
    }),
  ],
];

const quote = (text: string): string => JSON.stringify(text);

const codeFor = (text: string): number => {
  if (/executable file not found|no such file or directory|not a directory/i.test(text)) return notFound;
  return /permission denied|is a directory/i.test(text) ? notExecutable : other;
};

const mountHint =
  ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type";

const createFailed = (runtime: string): string =>
  `failed to create task for container: failed to create shim task: OCI runtime create failed: ${runtime} create failed: ` +
  "unable to start container process: ";

/** The runtime's own words out of what it wrote to its log (one JSON object a line) and to stderr. */
const wordsOf = ({ log, stderr, status }: StartError): string => {
  for (const line of log.split("\n").reverse()) {
    try {
      const { level, msg } = JSON.parse(line) as { level?: string; msg?: string };
      if (msg && (level === undefined || level === "error" || level === "fatal")) return msg;
    } catch {
      // crun writes plain text when it fails early; a cut last line is no JSON either.
      if (line.trim() !== "") return line.trim();
    }
  }
  return stderr.trim() || `exit status ${status}`;
};

const reasonOf = (words: string, command: string): Reason => {
  for (const [pattern, reason] of crunWords) {
    const match = pattern.exec(words);
    if (match !== null) return reason(match, command);
  }
  const text = words
    .replace(/^(?:runc (?:run|create)|exec) failed: /, "")
    .replace(/^unable to start container process: /, "");
  return { text, exitCode: codeFor(text) };
};

/** A bind whose source cannot be looked at, in the words of a runtime that tries to mount it. */
export const bindSourceError = (runtime: string, source: string, target: string, why: string): TaskStartError =>
  new TaskStartError(
    `${createFailed(runtime)}error during container init: error mounting ${quote(source)} to rootfs at ${quote(target)}: ` +
      `stat ${source}: ${why}${mountHint}`,
    notFound,
  );

/** A container that could not be started, in Docker's words. `command` is its first argument. */
export const containerStartError = (
  detail: StartError,
  runtime: string,
  command: string,
  cause?: unknown,
): TaskStartError => {
  const { text, exitCode } = reasonOf(wordsOf(detail), command);
  const hint = text.includes("mount") && text.includes("not a directory") ? mountHint : "";
  return new TaskStartError(`${createFailed(runtime)}${text}${hint}`, exitCode, cause);
};

/** An exec that could not be started, in Docker's words. */
export const execStartError = (detail: StartError, command: string, cause?: unknown): TaskStartError => {
  const { text, exitCode } = reasonOf(wordsOf(detail), command);
  // The container is there already: nothing of this is its beginning.
  const why = text.replace(/^error during container init: /, "");
  return new TaskStartError(
    `OCI runtime exec failed: exec failed: unable to start container process: ${why}`,
    exitCode,
    cause,
  );
};
