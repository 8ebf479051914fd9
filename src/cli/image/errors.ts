import { ApiError } from "../../client/client.ts";

/** An error as it is shown when it is one of several; what is no answer of the engine ends the command. */
export const errorText = (error: unknown): string => {
  if (!(error instanceof ApiError)) throw error;
  return `Error response from daemon: ${error.message}`;
};
