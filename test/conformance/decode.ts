import { readTar } from "../support/tar-archive.ts";
import type { Answer } from "./step.ts";

/** Demultiplexes Docker's 8-byte frames; neighbouring frames of one stream are joined, since their cut is chance. */
export const frames = (body: Buffer): { stream: number; text: string }[] => {
  const result: { stream: number; text: string }[] = [];
  for (let offset = 0; offset + 8 <= body.length;) {
    const stream = body[offset] ?? 0;
    const length = body.readUInt32BE(offset + 4);
    const text = body.toString("utf8", offset + 8, offset + 8 + length);
    const last = result.at(-1);
    if (last?.stream === stream) last.text += text;
    else result.push({ stream, text });
    offset += 8 + length;
  }
  return result;
};

const looksMultiplexed = (body: Buffer): boolean =>
  body.length >= 8 && (body[0] ?? 9) <= 3 && body[1] === 0 && body[2] === 0 && body[3] === 0;

const isTar = (body: Buffer): boolean => body.length >= 512 && body.toString("latin1", 257, 262) === "ustar";

const tarListing = (body: Buffer) =>
  readTar(body).map((entry) => {
    const line = {
      name: entry.name,
      type: entry.type,
      mode: entry.mode.toString(8),
      owner: `${entry.uid}:${entry.gid}`,
    };
    return {
      ...line,
      ...(entry.linkname ? { linkname: entry.linkname } : {}),
      ...(entry.type === "0" ? { size: entry.content.length } : {}),
    };
  });

/** What an answer's body says, as data: JSON, lines of JSON with their separator, frames, a tar's listing, or text. */
export const decodeBody = (answer: Answer): unknown => {
  const { body } = answer;
  const type = answer.headers["content-type"] ?? "";
  if (body.length === 0) return "";
  if (isTar(body)) return { tar: tarListing(body) };
  if (type.includes("multiplexed-stream") || (type.includes("raw-stream") && looksMultiplexed(body)))
    return { frames: frames(body) };
  const text = body.toString("utf8");
  if (!type.includes("json")) return { text };
  const separator = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = text.split(separator).filter((line) => line !== "");
  try {
    if (lines.length === 1) return JSON.parse(text) as unknown;
    return { separator, lines: lines.map((line) => JSON.parse(line) as unknown) };
  } catch {
    return { text };
  }
};
