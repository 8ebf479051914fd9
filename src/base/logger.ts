export type Level = "debug" | "info" | "warn" | "error" | "fatal";

/** Where a part of the daemon says what nobody asked it. `details` become fields of their own; an Error its stack. */
export type Log = (level: Level, message: string, details?: unknown) => void;

const order: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3, fatal: 4 };

export interface LoggerOptions {
  /** The lowest level that is written, asked anew for each line. */
  level: () => Level;
  format: "text" | "json";
  write: (line: string) => void;
}

/** Lines in logfmt or JSON, as dockerd writes its own. */
export const createLogger =
  ({ level, format, write }: LoggerOptions): Log =>
  (at, message, details) => {
    if (order[at] < order[level()]) return;
    const fields = { time: new Date().toISOString(), level: at, msg: message, ...fieldsOf(details) };
    write(`${format === "json" ? JSON.stringify(fields) : logfmt(fields)}\n`);
  };

const fieldsOf = (details: unknown): Record<string, unknown> => {
  if (details === undefined || details === null) return {};
  if (details instanceof Error) return { error: details.stack ?? details.message, ...causeOf(details) };
  return typeof details === "object" ? { ...details } : { details };
};

const causeOf = ({ cause }: Error): Record<string, unknown> =>
  cause === undefined ? {} : { cause: cause instanceof Error ? (cause.stack ?? cause.message) : JSON.stringify(cause) };

const logfmt = (fields: Record<string, unknown>): string =>
  Object.entries(fields)
    .map(([key, value]) => {
      const text = value instanceof Error ? value.message : String(value);
      return `${key}=${/^[\w./:+-]+$/.test(text) ? text : JSON.stringify(text)}`;
    })
    .join(" ");
