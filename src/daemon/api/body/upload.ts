import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";

/**
 * The body of a call as a stream that may be given up: destroying it does not end the connection, as destroying the
 * request would, so that the client still gets the answer that says why. What it goes on sending is read and dropped.
 */
export const uploadOf = (request: IncomingMessage): Readable => {
  const onData = (chunk: Buffer): void => {
    if (!upload.push(chunk)) request.pause();
  };
  const onEnd = (): void => void upload.push(null);
  const onClose = (): void => {
    if (!request.complete) upload.destroy(new Error("the client left before the end of its upload"));
  };
  const upload = new Readable({
    highWaterMark: request.readableHighWaterMark,
    read: () => void request.resume(),
    destroy: (error, done) => {
      request.off("data", onData).off("end", onEnd).off("close", onClose);
      request.resume();
      done(error);
    },
  });
  request.on("data", onData).on("end", onEnd).on("close", onClose);
  request.on("error", (error) => upload.destroy(error));
  request.pause();
  return upload;
};
