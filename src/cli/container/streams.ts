import type { Socket } from "node:net";
import { demultiplexer } from "../../client/frames.ts";
import type { Cli } from "../cli.ts";

/**
 * Joins the terminal to a hijacked connection until the process's output ends. With `tty` the terminal goes raw, and
 * comes back whatever happens.
 */
export const joinStreams = async (
  cli: Cli,
  connection: { socket: Socket; head: Buffer },
  options: { stdin: boolean; tty: boolean },
): Promise<void> => {
  const { socket, head } = connection;
  const output = options.tty ? cli.stdout : demultiplexer(cli.stdout, cli.stderr);
  const raw = options.tty && options.stdin && cli.stdin.isTTY === true;
  if (raw) cli.stdin.setRawMode?.(true);
  try {
    if (head.length > 0) output.write(head);
    if (options.stdin) {
      cli.stdin.pipe(socket);
    }
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject);
      output.on("error", reject);
      socket.on("end", resolve);
      socket.on("close", () => resolve());
      socket.pipe(output, { end: false });
    });
    // What was read last may still be on its way through the pipe.
    await new Promise<void>((resolve) => output.write(Buffer.alloc(0), () => resolve()));
  } finally {
    if (options.stdin) {
      cli.stdin.unpipe(socket);
      cli.stdin.pause();
    }
    if (raw) cli.stdin.setRawMode?.(false);
    socket.destroy();
  }
};

/** Tells the engine the terminal's size, now and at every change, until the returned function is called. */
export const followSize = (cli: Cli, path: string): (() => void) => {
  if (!cli.stdout.isTTY) return () => {};
  const tell = (): void => {
    const { rows, columns } = cli.stdout;
    if (!rows || !columns) return;
    // The process may not be up yet, or gone: the next change tells again.
    cli.engine.json("POST", path, { query: { h: rows, w: columns } }).catch(() => undefined);
  };
  tell();
  cli.stdout.on("resize", tell);
  return () => void cli.stdout.off("resize", tell);
};
