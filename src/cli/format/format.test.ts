import assert from "node:assert/strict";
import { test } from "node:test";
import { portsText } from "./ports.ts";
import { humanSize } from "./size.ts";
import { table } from "./table.ts";

test("sizes in decimal units", () => {
  for (const [bytes, text] of [
    [0, "0B"],
    [999, "999B"],
    [13_312, "13.3kB"],
    [1_236_000, "1.24MB"],
    [4.26e9, "4.26GB"],
  ] as const)
    assert.equal(humanSize(bytes), text);
});

test("ports: published, exposed, and neighbours as a range", () => {
  assert.equal(
    portsText([
      { PrivatePort: 81, PublicPort: 8081, IP: "0.0.0.0", Type: "tcp" },
      { PrivatePort: 80, PublicPort: 8080, IP: "0.0.0.0", Type: "tcp" },
      { PrivatePort: 80, PublicPort: 8080, IP: "::", Type: "tcp" },
      { PrivatePort: 53, Type: "udp" },
    ]),
    "53/udp, 0.0.0.0:8080-8081->80-81/tcp, [::]:8080->80/tcp",
  );
});

test("columns line up, the last has no blanks behind it", () => {
  assert.equal(
    table([
      ["A", "B"],
      ["long", "x"],
    ]),
    "A         B\nlong      x\n",
  );
});
