import type { Cli } from "../cli.ts";

/** A line of a progress stream. **Source:** Engine API, CreateImageInfo. */
export interface Progress {
  id?: string;
  status?: string;
  stream?: string;
  progress?: string;
  error?: string;
  errorDetail?: { message?: string };
}

/**
 * Shows a progress stream: on a terminal one line per layer, rewritten in place; else a line per change of status.
 * @returns the error that ended the stream, if one did
 */
export const showProgress = async (
  messages: AsyncIterable<Progress>,
  output: Cli["stdout"] | undefined,
): Promise<string | undefined> => {
  const rows = new Map<string, number>();
  const terminal = output?.isTTY === true;
  let failure: string | undefined;
  for await (const { id, status = "", stream, progress, error, errorDetail } of messages) {
    if (error !== undefined) failure = errorDetail?.message ?? error;
    // What is for programs alone has no words: the digest that was pushed.
    if (!output || error !== undefined || (stream === undefined && status === "")) continue;
    if (stream !== undefined) output.write(stream);
    else if (id === undefined || status.startsWith("Pulling from")) {
      output.write(`${id === undefined ? "" : `${id}: `}${status}\n`);
    } else if (!terminal) {
      if (progress === undefined || progress === "") output.write(`${id}: ${status}\n`);
    } else {
      const row = rows.get(id);
      if (row === undefined) {
        rows.set(id, rows.size);
        output.write(`${id}: ${status} ${progress ?? ""}\n`);
      } else {
        const up = rows.size - row;
        output.write(`\u001B[${up}A\u001B[2K\r${id}: ${status} ${progress ?? ""}\r\u001B[${up}B`);
      }
    }
  }
  return failure;
};
