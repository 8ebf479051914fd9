import type { Readable } from "node:stream";

const maxLineBytes = 16 << 20;

/** The JSON objects of a stream, one a line. @throws Error for a line that is none or has no end */
export async function* jsonLines<T>(stream: Readable): AsyncGenerator<T> {
  let rest = "";
  stream.setEncoding("utf8");
  for await (const chunk of stream as AsyncIterable<string>) {
    rest += chunk;
    if (rest.length > maxLineBytes) throw new Error("the engine sent a line that has no end");
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield JSON.parse(line) as T;
  }
  if (rest.trim() !== "") yield JSON.parse(rest) as T;
}
