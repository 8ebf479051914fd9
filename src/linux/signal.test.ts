import assert from "node:assert/strict";
import { test } from "node:test";
import { signalNumber } from "./signal.ts";

test("signals by number and by every spelling of their name", () => {
  for (const text of ["9", "KILL", "SIGKILL", "sigkill", "kill"]) assert.equal(signalNumber(text), 9);
  assert.equal(signalNumber("RTMIN"), 34);
  assert.equal(signalNumber("SIGRTMIN+3"), 37);
  assert.equal(signalNumber("RTMAX-1"), 63);
});

test("what is no signal is undefined", () => {
  for (const text of ["0", "65", "", "NOPE", "RTMIN-1", "RTMAX+1", "9x"]) assert.equal(signalNumber(text), undefined);
});
