const headBytes = 8;
const lengthOffset = 4;

/**
 * Takes Docker's stream frames off, however the bytes are cut: what is left is the payload.
 * **Source:** Engine API, ContainerAttach, "Stream format".
 */
export class Unframer {
  #head: Buffer = Buffer.alloc(0);
  #left = 0;

  take(chunk: Buffer): Buffer {
    const payloads: Buffer[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) {
        const missing = headBytes - this.#head.length;
        this.#head = Buffer.concat([this.#head, chunk.subarray(at, at + missing)]);
        at += missing;
        if (this.#head.length < headBytes) break;
        this.#left = this.#head.readUInt32BE(lengthOffset);
        this.#head = Buffer.alloc(0);
        continue;
      }
      const payload = chunk.subarray(at, at + this.#left);
      payloads.push(payload);
      this.#left -= payload.length;
      at += payload.length;
    }
    return payloads.length === 1 ? (payloads[0] ?? Buffer.alloc(0)) : Buffer.concat(payloads);
  }
}
