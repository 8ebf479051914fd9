import { Transform } from "node:stream";
import { invalidParameter } from "../../../base/errors.ts";

const ctrl: Record<string, number> = { "@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, _: 31 };
const defaultKeys = Buffer.from([16, 17]);

/**
 * The bytes of a detach sequence such as `ctrl-p,ctrl-q` or `a,b`; empty text gives Docker's default.
 * @throws EngineError invalid-parameter for a key that is none
 */
export const parseDetachKeys = (text: string, refuse = invalidParameter): Buffer => {
  if (text === "") return defaultKeys;
  return Buffer.from(
    text.split(",").map((key) => {
      if (key.length === 1) return key.charCodeAt(0);
      const letter = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
      if (letter === undefined)
        throw refuse(`Invalid ${refuse === invalidParameter ? "detach" : "escape"} keys (${text}) provided`);
      return ctrl[letter] ?? letter.charCodeAt(0) - 96;
    }),
  );
};

/**
 * Passes a terminal's input on and watches for the detach sequence. The keys of a sequence that is begun are held back
 * until it is broken; once it is whole, `detached` is called and nothing more passes.
 */
export const detachFilter = (keys: Buffer, detached: () => void): Transform => {
  let matched = 0;
  let done = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      if (done) return callback();
      const out: number[] = [];
      for (const byte of chunk) {
        if (byte === keys[matched]) {
          matched += 1;
          if (matched < keys.length) continue;
          done = true;
          if (out.length > 0) this.push(Buffer.from(out));
          detached();
          return callback();
        }
        for (let i = 0; i < matched; i++) out.push(keys[i] ?? 0);
        matched = byte === keys[0] ? 1 : 0;
        if (matched === 0) out.push(byte);
      }
      if (out.length > 0) this.push(Buffer.from(out));
      callback();
    },
    flush(callback) {
      if (!done && matched > 0) this.push(keys.subarray(0, matched));
      callback();
    },
  });
};
