import { parentPort } from "node:worker_threads";
import { hashBlocks } from "./blocks.ts";
import { Follow } from "./follow.ts";
import type { DigestAnswer, DigestRequest } from "./message.ts";

// The program of a digest thread: it hashes what others download and unpack, so that both digests of a layer cost its
// pipeline no time. It has an event loop; nothing in it waits.

const follows = new Map<number, Follow>();
/** Pieces of memory that go from one to the next: this thread makes so little garbage that nothing would free them. */
const free: Buffer[] = [];

const answer = (message: DigestAnswer): void => {
  if (message.kind !== "taken") follows.delete(message.id);
  parentPort?.postMessage(message);
};

const begin = (request: DigestRequest & { kind: "follow" }): void => {
  try {
    follows.set(request.id, new Follow(request, free, answer));
  } catch (error) {
    answer({ id: request.id, kind: "error", message: String((error as Error).message) });
  }
};

parentPort?.on("message", (request: DigestRequest) => {
  switch (request.kind) {
    case "follow":
      return begin(request);
    case "grow":
      return follows.get(request.id)?.grow(request.availableBytes, request.isWhole);
    case "mute":
      return follows.get(request.id)?.mute();
    case "cancel":
      follows.get(request.id)?.cancel();
      return void follows.delete(request.id);
    case "blocks":
      return hashBlocks(request.port, request.blocks);
  }
});
