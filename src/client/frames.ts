import { Writable } from "node:stream";

const headerBytes = 8;
const stderrStream = 2;
const systemStream = 3;

/**
 * Takes Docker's multiplexed frames apart: stream 1 goes to `stdout`, 2 to `stderr`; stream 3 is the engine's own error.
 * **Source:** Engine API, ContainerAttach, stream format.
 */
export const demultiplexer = (stdout: Writable, stderr: Writable): Writable => {
  let rest: Buffer = Buffer.alloc(0);
  return new Writable({
    write(chunk: Buffer, _encoding, callback) {
      let data: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let blocked: Writable | undefined;
      while (data.length >= headerBytes) {
        const length = data.readUInt32BE(4);
        if (data.length < headerBytes + length) break;
        const payload = data.subarray(headerBytes, headerBytes + length);
        const stream = data[0];
        data = data.subarray(headerBytes + length);
        if (stream === systemStream) return callback(new Error(payload.toString()));
        const target = stream === stderrStream ? stderr : stdout;
        if (!target.write(payload)) blocked = target;
      }
      rest = data;
      if (blocked) blocked.once("drain", () => callback());
      else callback();
    },
  });
};
