import { connect } from "node:net";

export interface RateOptions {
  url: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  connections: number;
  seconds: number;
}

/** One request after the other on a kept connection, until `isOver`. @returns how many were answered */
const keepAsking = (
  host: string,
  port: number,
  request: Buffer,
  isHead: boolean,
  isOver: () => boolean,
): Promise<number> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, host);
    socket.setNoDelay(true);
    let count = 0;
    // Every answer is as long as the first: nothing else has to be read of it, which keeps the client cheap.
    let answerBytes = 0;
    let head = Buffer.alloc(0);
    let missing = 0;
    socket.on("connect", () => socket.write(request));
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      if (answerBytes === 0) {
        head = Buffer.concat([head, chunk as Buffer]);
        const end = head.indexOf("\r\n\r\n");
        if (end < 0) return;
        const text = head.subarray(0, end).toString("latin1");
        if (!text.startsWith("HTTP/1.1 200 ")) return reject(new Error(text));
        const length = isHead ? 0 : Number(/content-length: (\d+)/i.exec(text)?.[1]);
        answerBytes = end + 4 + length;
        missing = answerBytes - head.length;
      } else missing -= chunk.length;
      if (missing > 0) return undefined;
      count++;
      if (isOver()) {
        socket.destroy();
        return resolve(count);
      }
      missing = answerBytes;
      socket.write(request);
      return undefined;
    });
  });

/** Requests per second over several kept connections. */
export const requestRate = async (options: RateOptions): Promise<{ perSecond: number; count: number }> => {
  const { hostname, port, host } = new URL(options.url);
  const lines = Object.entries({ host, ...options.headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = Buffer.from(`${options.method} ${options.path} HTTP/1.1\r\n${lines.join("")}\r\n`);
  const begun = performance.now();
  const isOver = (): boolean => performance.now() - begun > options.seconds * 1000;
  const counts = await Promise.all(
    Array.from({ length: options.connections }, () =>
      keepAsking(hostname, Number(port), request, options.method === "HEAD", isOver),
    ),
  );
  const count = counts.reduce((sum, each) => sum + each, 0);
  return { perSecond: count / ((performance.now() - begun) / 1000), count };
};
