import type { IncomingMessage } from "node:http";
import { type EngineError, invalidParameter } from "../../../base/errors.ts";

/** The largest JSON body that is read. dockerd's own requests stay far below it. */
export const maxBodyBytes = 16 * 1024 * 1024;

/**
 * Reads a request's body whole.
 * @returns undefined when the request says it has none (`Content-Length: 0`, or no body header at all).
 * @throws invalid-parameter when it is larger than `maxBodyBytes` or the client left in the middle.
 */
export const readBody = async (request: IncomingMessage): Promise<string | undefined> => {
  const length = request.headers["content-length"];
  if (length === "0") return undefined;
  if (length === undefined && request.headers["transfer-encoding"] === undefined) return undefined;
  if (length !== undefined && Number(length) > maxBodyBytes) throw tooLarge();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    const take = (chunk: Buffer): void => {
      sizeBytes += chunk.length;
      if (sizeBytes <= maxBodyBytes) chunks.push(chunk);
      else {
        // The rest is thrown away after the answer, so that the client comes to read it.
        request.off("data", take).pause();
        reject(tooLarge());
      }
    };
    request.on("data", take);
    request.once("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    const cut = (): void => reject(invalidParameter("invalid JSON: unexpected EOF"));
    request.once("error", cut).once("close", cut);
  });
};

const tooLarge = (): EngineError => invalidParameter("http: request body too large");
