import type { Socket } from "node:net";
import { StreamBit } from "../../../wire/shim/protocol.ts";
import { openSocket } from "./socket.ts";

/** What an attach carries. `raw`: output as plain bytes (a TTY's), else in Docker's frames. */
export interface AttachStreams {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  raw: boolean;
}

export const streamBits = (streams: AttachStreams): number =>
  (streams.stdin ? StreamBit.stdin : 0) |
  (streams.stdout ? StreamBit.stdout : 0) |
  (streams.stderr ? StreamBit.stderr : 0) |
  (streams.raw ? StreamBit.raw : 0);

/**
 * Attaches to a running shim: write stdin to the socket and end it for a half-close, read output until its end, which
 * comes when the process has ended. Output before the attach is in the log. The socket is not read
 * until somebody asks, and has `allowHalfOpen`.
 * @throws a system error when no shim listens in `dir`.
 */
export const attachShim = async (dir: string, streams: AttachStreams): Promise<Socket> =>
  (await openSocket(dir, streamBits(streams))).socket;
