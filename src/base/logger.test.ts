import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger, type Level } from "./logger.ts";

test("lines below the level are not written; the level may change", () => {
  const lines: string[] = [];
  let level: Level = "warn";
  const log = createLogger({ level: () => level, format: "text", write: (line) => lines.push(line) });
  log("info", "no");
  log("error", "it failed", { id: "a b" });
  level = "debug";
  log("debug", "now");
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? "", /^time=[^ ]+ level=error msg="it failed" id="a b"\n$/);
});

test("JSON lines, with an error's stack and its cause", () => {
  const lines: string[] = [];
  const log = createLogger({ level: () => "info", format: "json", write: (line) => lines.push(line) });
  log("warn", "x", new Error("outer", { cause: "inner" }));
  const line = JSON.parse(lines[0] ?? "") as Record<string, string>;
  assert.equal(line["msg"], "x");
  assert.match(line["error"] ?? "", /^Error: outer\n/);
  assert.equal(line["cause"], '"inner"');
});
