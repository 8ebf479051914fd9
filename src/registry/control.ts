import { createServer, request } from "node:http";
import type { Server } from "node:http";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../base/errors.ts";
import type { Collected } from "./gc/collect.ts";
import type { Collector } from "./gc/collector.ts";

const maxAnswerBytes = 64 * 1024;
const socketOf = (root: string): string => join(root, "control.sock");

/** A socket in the registry's folder, through which `berth-registry gc` asks the running server. */
export class Control implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens in the folder, which is locked: a socket there is a dead one. Folders of others cannot be entered. */
  static async listen(root: string, collector: Collector): Promise<Control> {
    await rm(socketOf(root), { force: true });
    const server = createServer((incoming, answer) => {
      if (incoming.method !== "POST" || incoming.url !== "/gc") {
        answer.writeHead(404).end();
        return;
      }
      collector.run().then(
        (collected) => answer.writeHead(200).end(JSON.stringify(collected)),
        (error: unknown) => answer.writeHead(500).end(messageOf(error)),
      );
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(socketOf(root), resolve);
    });
    return new Control(server);
  }

  /** Asks the server that has this folder for a collection. @throws Error when it fails, or none answers. */
  static collect(root: string): Promise<Collected> {
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath: socketOf(root), method: "POST", path: "/gc" }, (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => (text = (text + chunk).slice(0, maxAnswerBytes)));
        answer.on("error", reject);
        answer.on("end", () =>
          answer.statusCode === 200 ? resolve(JSON.parse(text) as Collected) : reject(new Error(text)),
        );
      });
      asked.on("error", reject);
      asked.end();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
