/**
 * What went wrong, as the noun that was asked sees it. The API maps each kind to one HTTP status
 * (`src/daemon/api/errors.ts`), nothing else looks at it.
 */
export type ErrorKind =
  | "invalid-parameter"
  | "unauthorized"
  | "forbidden"
  | "not-found"
  | "conflict"
  | "not-modified"
  | "not-implemented"
  | "unavailable"
  | "system";

/**
 * The one error that crosses from a service to its caller. `message` is shown to the user in Docker's words;
 * code decides by `kind`, never by the message. Low layers throw `SystemError` (src/linux) and the noun that was
 * asked translates once, keeping `cause`.
 */
export class EngineError extends Error {
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "EngineError";
    this.kind = kind;
  }
}

export const isKind = (error: unknown, kind: ErrorKind): boolean => error instanceof EngineError && error.kind === kind;

/** The same error with words in front: "cannot kill container: x: …". What is no `EngineError` becomes `system`. */
export const prefixed = (prefix: string, error: unknown): EngineError =>
  new EngineError(error instanceof EngineError ? error.kind : "system", `${prefix}: ${messageOf(error)}`, {
    cause: error,
  });

/** The text of anything thrown, for a message that carries its cause. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const make =
  (kind: ErrorKind) =>
  (message: string, cause?: unknown): EngineError =>
    new EngineError(kind, message, cause === undefined ? undefined : { cause });

export const invalidParameter = make("invalid-parameter");
export const unauthorized = make("unauthorized");
export const forbidden = make("forbidden");
export const notFound = make("not-found");
export const conflict = make("conflict");
export const notModified = make("not-modified");
export const notImplemented = make("not-implemented");
export const unavailable = make("unavailable");
export const systemError = make("system");
