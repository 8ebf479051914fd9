// Archives that would fill the disk: what is left of it stays free, and what was written goes again.
import assert from "node:assert/strict";
import { mkdtempSync, rmdirSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, suite, test } from "node:test";
import { gzipSync } from "node:zlib";
import { mountTmpfs } from "../../src/linux/mount/mount.ts";
import { digestOf, dockerArchive, imageOf, layerOf } from "../support/image.ts";
import type { TestImage } from "../support/image.ts";
import { LyingRegistry } from "../support/lying-registry.ts";
import { memberOf, tarOf } from "../support/tar.ts";
import { attackImage, Engine } from "./engine.ts";
import type { Answer } from "./engine.ts";

const mebibyte = 2 ** 20;
const diskBytes = 256 * mebibyte;
const inodes = 20_000;
/** What an attack may make the daemon grow by. */
const growthLimitBytes = 64 * mebibyte;
/** How long what is thrown away may take to be gone. */
const removalLimitMs = 10_000;

/** Ten gibibytes in ten mebibytes: files of a gibibyte, each of the same compressed pieces; zeros would take no room. */
const spaceBomb = (): Buffer => {
  const ones = gzipSync(Buffer.alloc(64 * mebibyte, 1));
  const file = (name: string): Buffer[] => {
    const header = memberOf({ name, content: "" });
    header.write("10000000000\0", 124, "latin1");
    header.fill(0x20, 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    return [gzipSync(header), ...Array.from({ length: 16 }, () => ones)];
  };
  return Buffer.concat(Array.from({ length: 10 }, (_, index) => file(`ones${index}`)).flat());
};

/** More files than the filesystem can have. */
const inodeBomb = (): Buffer =>
  gzipSync(tarOf(...Array.from({ length: 22_000 }, (_, index) => ({ name: `d/${index}` }))), { level: 1 });

suite("bombs", () => {
  let engine: Engine;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "berth-small-disk-"));
    mountTmpfs(folder, { data: { size: String(diskBytes), nr_inodes: String(inodes) } });
    engine = await Engine.start([], folder);
    await engine.load("attack", attackImage());
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
    rmdirSync(folder);
  });

  /** An image whose one layer is an archive that is compressed already; nobody gets as far as its diffID. */
  const image = (blob: Buffer): TestImage =>
    imageOf({ layers: [{ ...layerOf([]), blob, tar: blob, digest: digestOf(blob) }] });
  const ways: Record<string, (bomb: Buffer) => Promise<Answer>> = {
    load: (bomb) =>
      engine.api("POST", "/images/load?quiet=1", dockerArchive([{ image: image(bomb), tags: ["bomb:latest"] }])),
    import: (bomb) => engine.api("POST", "/images/create?fromSrc=-&repo=bomb&tag=latest", bomb),
    pull: async (bomb) => {
      await using registry = await new LyingRegistry({ image: image(bomb) }).listen();
      return await engine.api("POST", `/images/create?fromImage=${registry.name}&tag=latest`);
    },
    copy: async (bomb) => {
      const id = await engine.ok("create", "attack", "true");
      const answer = await engine.api("PUT", `/containers/${id}/archive?path=/tmp`, bomb);
      await engine.ok("rm", id);
      return answer;
    },
  };
  const bombs: Record<string, () => Buffer> = { space: spaceBomb, inodes: inodeBomb };

  for (const [what, make] of Object.entries(bombs))
    for (const [way, send] of Object.entries(ways))
      test(`a bomb of ${what}: ${way}`, async () => {
        const bomb = make();
        if (what === "space") assert.ok(bomb.length < 12 * mebibyte);
        const idle = statfsSync(folder);
        let leastFree = idle.bfree;
        const watch = setInterval(() => (leastFree = Math.min(leastFree, statfsSync(folder).bfree)), 5);
        const peak = engine.resetPeak();
        const answer = await send(bomb).finally(() => clearInterval(watch));
        assert.match(answer.text, /no space left on device: the last \d+ (?:KiB|inodes) are kept free/);
        assert.ok(leastFree > 0, "the disk was full");
        const grown = engine.peakBytes() - peak;
        assert.ok(grown < growthLimitBytes, `the daemon grew by ${Math.round(grown / mebibyte)} MiB`);
        for (const end = Date.now() + removalLimitMs; ; await sleep(50)) {
          const now = statfsSync(folder);
          const left = (idle.bfree - now.bfree) * now.bsize;
          // What a pull has downloaded waits for the next one.
          if (left < 2 * mebibyte + (way === "pull" ? bomb.length : 0) && idle.ffree - now.ffree < 20) break;
          assert.ok(Date.now() < end, `${left} bytes and ${idle.ffree - now.ffree} inodes are left behind`);
        }
        assert.doesNotMatch(await engine.ok("images", "-a"), /bomb/);
        assert.equal(await engine.ok("run", "--rm", "--network", "none", "attack", "echo", "alive"), "alive");
      });
});
