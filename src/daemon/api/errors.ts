import { EngineError, type ErrorKind, messageOf } from "../../base/errors.ts";

/**
 * The HTTP status of each kind of error.
 * **Source:** Engine API, section "Errors".
 */
const statusOf: Record<ErrorKind, number> = {
  "invalid-parameter": 400,
  unauthorized: 401,
  forbidden: 403,
  "not-found": 404,
  conflict: 409,
  "not-modified": 304,
  "not-implemented": 501,
  unavailable: 503,
  system: 500,
};

/** What a client is told of anything thrown. What is no `EngineError` is the engine's own fault: 500. */
export const describeError = (error: unknown): { status: number; message: string } => ({
  status: error instanceof EngineError ? statusOf[error.kind] : 500,
  message: messageOf(error),
});
