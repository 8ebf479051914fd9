import { EngineError, messageOf, notFound, systemError, unauthorized } from "../../../base/errors.ts";
import { isCode } from "../../../linux/error.ts";
import { RegistryError } from "../../../oci/distribution/registry-error.ts";
import type { Reference } from "../../../oci/reference.ts";

/** Whether there was no room for what came, somewhere in the chain of causes. */
export const isDiskFull = (error: unknown): boolean => {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (isCode(cause, "ENOSPC", "EDQUOT")) return true;
  return false;
};

/** Puts what a pull met into Docker's words: what a registry does not have or does not give is "not found". */
export const pullError = (error: unknown, reference: Reference, signal?: AbortSignal): EngineError => {
  if (error instanceof EngineError) return error;
  if (signal?.aborted) return systemError("context canceled", error);
  const message = messageOf(error);
  if (!(error instanceof RegistryError)) return systemError(message, error);
  const name = reference.familiarName;
  switch (error.code) {
    case "DENIED":
      return notFound(
        `pull access denied for ${name}, repository does not exist or may require 'docker login': ${message}`,
        error,
      );
    case "MANIFEST_UNKNOWN":
      return notFound(`manifest for ${reference.familiar()} not found: ${message}`, error);
    case "NAME_UNKNOWN":
      return notFound(`repository ${name} not found: ${message}`, error);
    case "UNAUTHORIZED":
      return unauthorized(message, error);
    default:
      return systemError(message, error);
  }
};
