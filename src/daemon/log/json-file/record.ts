import { invalidTime, utcText } from "../time.ts";

/** One record of a log file, exactly as it was written. */
export interface LogRecord {
  /** The bytes the container wrote; with its newline, but for a piece of a longer line. */
  line: Buffer;
  stream: "stdout" | "stderr";
  /** What `--log-opt labels=…,env=…,tag=…` chose. */
  attrs: Record<string, string>;
  /** When it was read, as UTC with nine digits: "2026-01-02T03:04:05.600000000Z". Sorts as text. */
  time: string;
}

/**
 * Reads a line of a json-file log, whoever wrote it. What is not UTF-8 has its exact bytes beside the text, in `raw`
 * (base64). @returns null when the line is no record: torn by a power loss, or not JSON.
 */
export const parseRecord = (line: Buffer): LogRecord | null => {
  const value = parseJson(line);
  if (typeof value !== "object" || value === null) return null;
  const { log, stream, time, attrs, raw } = value as Record<string, unknown>;
  if (typeof log !== "string" || (stream !== "stdout" && stream !== "stderr") || typeof time !== "string") return null;
  const utc = utcText(time);
  if (utc === invalidTime) return null;
  const bytes = typeof raw === "string" ? Buffer.from(raw, "base64") : Buffer.from(log);
  return { line: bytes, stream, attrs: textsOf(attrs), time: utc };
};

const parseJson = (line: Buffer): unknown => {
  try {
    return JSON.parse(line.toString());
  } catch {
    return null;
  }
};

const textsOf = (value: unknown): Record<string, string> =>
  typeof value === "object" && value !== null
    ? Object.fromEntries(
        Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
      )
    : {};

/** `--details`: "k=v,k=v" sorted by key and escaped as Go's url.QueryEscape does; "" without attributes. */
export const detailsOf = (attrs: Record<string, string>): string =>
  Object.entries(attrs)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${queryEscape(key)}=${queryEscape(value)}`)
    .join(",");

const queryEscape = (text: string): string =>
  encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
