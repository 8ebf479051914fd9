import { closeSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { SystemError } from "../../../linux/error.ts";
import { openView } from "./view.ts";
import type { ViewAnswer, ViewRequest } from "./view.ts";

// The program of the thread that makes views: it alone changes its mount namespace, and the release of one, which
// waits for the kernel, is its work too.

export type ViewMessage = { request: ViewRequest } | { release: number[] };
export type ViewReply =
  | { answer: ViewAnswer }
  | { errno: number; syscall: string; path?: string | undefined }
  | { message: string };

const reply = (request: ViewRequest): ViewReply => {
  try {
    return { answer: openView(request) };
  } catch (error) {
    if (error instanceof SystemError) return { errno: error.errno, syscall: error.syscall, path: error.path };
    return { message: String(error) };
  }
};

parentPort?.on("message", (message: ViewMessage) => {
  if ("request" in message) parentPort?.postMessage(reply(message.request));
  else for (const fd of message.release) closeSync(fd);
});
