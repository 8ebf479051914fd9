import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostConfig } from "../../../wire/engine/container.ts";
import type { SpecInput } from "./input.ts";
import { specInput } from "./input.fake.ts";
import { createResources } from "./resources.ts";

const limited = (hostConfig: HostConfig): SpecInput => ({ ...specInput(), hostConfig });

test("a limit that is taken away is left out of a start", () => {
  const input = limited({ Memory: 1 << 26, MemorySwap: -1, PidsLimit: -1 });
  assert.deepEqual(createResources(input), { memory: { limit: 1 << 26 } });
});
