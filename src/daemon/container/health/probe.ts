import { execCreate } from "../exec/create.ts";
import { execStart } from "../exec/start.ts";
import { Duplex } from "node:stream";
import type { ContainerContext } from "../context.ts";
import { maxProbeOutputBytes, type ProbeResult } from "./monitor.ts";

const sigkill = 9;
const headerBytes = 8;

/** Runs a health check's command as an exec in the container and collects the beginning of its output. */
export const runProbe = async (
  context: ContainerContext,
  containerId: string,
  command: string[],
  signal: AbortSignal,
): Promise<ProbeResult> => {
  const { Id } = execCreate(context, containerId, { Cmd: command, AttachStdout: true, AttachStderr: true });
  const session = await execStart(context, Id, {});
  const output: Buffer[] = [];
  let size = 0;
  const sink = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, callback) {
      if (size < maxProbeOutputBytes + headerBytes * 16) output.push(chunk);
      size += chunk.length;
      callback();
    },
  });
  const kill = (): void => void context.execs.task(Id)?.signal(sigkill);
  signal.addEventListener("abort", kill, { once: true });
  try {
    await session?.run(sink);
    await context.execs.task(Id)?.exited;
  } finally {
    signal.removeEventListener("abort", kill);
  }
  signal.throwIfAborted();
  const { state } = context.execs.find(Id);
  return {
    exitCode: state.status === "exited" ? state.exitCode : -1,
    output: payload(Buffer.concat(output)).subarray(0, maxProbeOutputBytes).toString(),
  };
};

/** The bytes inside Docker's frames; a frame cut short gives what there is of it. */
const payload = (framed: Buffer): Buffer => {
  const parts: Buffer[] = [];
  for (let at = 0; at + headerBytes <= framed.length;) {
    const length = framed.readUInt32BE(at + 4);
    parts.push(framed.subarray(at + headerBytes, at + headerBytes + length));
    at += headerBytes + length;
  }
  return Buffer.concat(parts);
};
