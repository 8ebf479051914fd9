import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { listen } from "../../../src/daemon/api/listener.ts";

const listens = 200;

test("what others in the process make while an engine begins to listen has the mode that they gave it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-listener-"));
  const path = join(folder, "api.sock");
  const mode = 0o666 & ~process.umask();
  let going = true;
  const write = async (writer: number): Promise<void> => {
    for (let n = 0; going; n += 1) await writeFile(join(folder, `file-${writer}-${n}`), "");
  };
  try {
    const writers = [1, 2, 3].map(write);
    for (let n = 0; n < listens; n += 1) {
      const [listener] = await listen({ kind: "unix", path }, () => createServer());
      assert.equal(statSync(path).mode & 0o777, 0o660);
      await listener?.[Symbol.asyncDispose]();
    }
    going = false;
    await Promise.all(writers);
    assert.deepEqual(
      readdirSync(folder).filter((name) => (statSync(join(folder, name)).mode & 0o777) !== mode),
      [],
      "and no socket is left",
    );
  } finally {
    going = false;
    rmSync(folder, { recursive: true, force: true });
  }
});
