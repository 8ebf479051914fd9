import { parentPort } from "node:worker_threads";
import { TarError } from "../tar/error.ts";
import type { JobAnswer, JobMessage, PlainError } from "./job.ts";
import { runJob } from "./run.ts";

// The program of one worker thread: a message is a job, its answer is the result or the error.

const causesMax = 4;

const plainError = (error: unknown, depth = 0): PlainError => {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const plain: PlainError = { name: error.name, message: error.message };
  if ("code" in error && typeof error.code === "string") plain.code = error.code;
  if (error instanceof TarError && error.truncated) plain.truncated = true;
  if (error.cause !== undefined && depth < causesMax) plain.cause = plainError(error.cause, depth + 1);
  return plain;
};

const answer = (message: JobMessage): JobAnswer => {
  try {
    return { result: runJob(message) };
  } catch (error) {
    return { error: plainError(error) };
  }
};

parentPort?.on("message", (message: JobMessage) => parentPort?.postMessage(answer(message)));
