// Hostile archives by every way in, copies that race with the container, and archives that are bombs.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, suite, test } from "node:test";
import { createGzip } from "node:zlib";
import { Engine, attackImage } from "./engine.ts";
import type { Answer } from "./engine.ts";
import { encodePax } from "../../src/oci/layer/tar/pax.ts";
import { hostileArchives, makeCanary, snapshot } from "../support/hostile-archives.ts";
import { digestOf, dockerArchive, imageOf, layerOf } from "../support/image.ts";
import { LyingRegistry } from "../support/lying-registry.ts";
import { memberOf, tarOf } from "../support/tar.ts";

const mebibyte = 2 ** 20;
/** What an attack may make the daemon grow by: far below each bomb, above the garbage of a busy moment. */
const growthLimitBytes = 64 * mebibyte;
/** Copies each way that race with a container; 5,000 in the long variant. */
const rounds = Number(process.env["BERTH_TEST_ROUNDS"] ?? 600);

suite("archives", () => {
  let engine: Engine;
  let folder: string;
  let canary: string;
  before(async () => {
    engine = await Engine.start();
    folder = mkdtempSync(join(tmpdir(), "berth-canary-"));
    canary = join(folder, "canary");
    makeCanary(canary);
    await engine.load("attack", attackImage());
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const ways: Record<string, (archive: Buffer) => Promise<Answer>> = {
    load: (archive) => {
      const image = imageOf({ layers: [layerOf(archive, "none")] });
      return engine.api("POST", "/images/load?quiet=1", dockerArchive([{ image, tags: [] }]));
    },
    "load as the archive itself": (archive) => engine.api("POST", "/images/load?quiet=1", archive),
    import: (archive) => engine.api("POST", "/images/create?fromSrc=-&repo=hostile&tag=latest", archive),
    pull: async (archive) => {
      // A layer that no other way has brought in before.
      const image = imageOf({ layers: [layerOf(Buffer.concat([memberOf({ name: "pulled" }), archive]))] });
      await using registry = await new LyingRegistry({ image }).listen();
      return await engine.api("POST", `/images/create?fromImage=${registry.name}&tag=latest`);
    },
    copy: async (archive) => {
      const id = await engine.ok("create", "attack", "true");
      const answer = await engine.api("PUT", `/containers/${id}/archive?path=/tmp`, archive);
      await engine.ok("rm", id);
      return answer;
    },
  };

  for (const [way, send] of Object.entries(ways))
    test(`hostile archives change nothing on the host: ${way}`, async () => {
      const before = snapshot(canary);
      let [sent, taken] = [0, 0];
      for (const [name, members] of Object.entries(hostileArchives(canary))) {
        const answer = await send(tarOf({ name: "first", content: "1" }, ...members));
        if (answer.status === 200 && !answer.text.includes("errorDetail")) taken++;
        assert.deepEqual(snapshot(canary), before, name);
        sent++;
      }
      assert.ok(sent > 40);
      // Some are unpacked whole, their attack inside the root: what refuses everything proves nothing.
      if (way !== "load as the archive itself") assert.ok(taken > 5, `only ${taken} were unpacked`);
      assert.equal((await engine.api("GET", "/_ping")).text, "OK");
    });

  test("names in a docker-archive lead nowhere", async () => {
    const before = snapshot(canary);
    const file = join(canary, "file");
    for (const Config of [file, `../../../../../../../../..${file}`, "link"])
      for (const Layers of [[], [file], ["link"]]) {
        const manifest = JSON.stringify([{ Config, RepoTags: ["stolen:latest"], Layers }]);
        const link = { name: "link", type: "symlink" as const, linkName: file };
        const answer = await engine.api(
          "POST",
          "/images/load",
          tarOf(link, { name: "manifest.json", content: manifest }),
        );
        assert.doesNotMatch(answer.text, /Loaded/);
      }
    assert.deepEqual(snapshot(canary), before);
    assert.doesNotMatch(await engine.ok("images", "-a"), /stolen/);
  });

  test("a copy to /var/run/x, where /var/run is an absolute symlink to /run, arrives", async () => {
    const links = [
      { name: "run/", type: "5" },
      { name: "var/run", type: "2", linkname: "/run" },
    ];
    await engine.load("linked", attackImage(links));
    for (const command of [["create"], ["run", "-d"]]) {
      const id = await engine.ok(...command, "linked", "sleep", "100");
      await engine.ok("cp", join(canary, "file"), `${id}:/var/run/x`);
      const { stdout } = await engine.docker(["cp", `${id}:/run/x`, "-"]);
      assert.match(stdout, /canary/);
    }
  });

  test(`a container that swaps a directory and a symlink to the host gets and gives only its own files, ${rounds} times`, async () => {
    const before = snapshot(canary);
    // Two names that change places, and a volume's mountpoint between them.
    const flip = [
      `mkdir -p /race/d /race/mp; echo mine > /race/d/file; ln -s ${canary} /race/l; cd /race`,
      "while true; do mv -T d x; mv -T l d; mv -T d l; mv -T x d; done",
    ].join("; ");
    const id = await engine.ok("run", "-d", "-v", "racing:/race/mp", "attack", "sh", "-c", flip);
    const upload = tarOf({ name: "file", content: "owned" }, { name: "new", content: "owned" });
    const counts = { read: 0, written: 0, other: 0 };
    for (let round = 0; round < rounds; round++) {
      const got = await engine.api("GET", `/containers/${id}/archive?path=/race/d/file`);
      assert.doesNotMatch(got.text, /canary/);
      const put = await engine.api("PUT", `/containers/${id}/archive?path=/race/d`, upload);
      if (got.status === 200) counts.read++;
      if (put.status === 200) counts.written++;
      if (got.status !== 200 || put.status !== 200) counts.other++;
    }
    assert.deepEqual(snapshot(canary), before);
    assert.ok(counts.read > 10 && counts.written > 10 && counts.other > 0, JSON.stringify(counts));
  });

  const grows = async (attack: () => Promise<void>): Promise<void> => {
    const before = engine.resetPeak();
    await attack();

    const grown = engine.peakBytes() - before;
    assert.ok(grown < growthLimitBytes, `the daemon grew by ${Math.round(grown / mebibyte)} MiB`);
    assert.equal((await engine.api("GET", "/_ping")).text, "OK");
  };

  test("half a gibibyte from a few mebibytes of gzip takes little memory, in a copy and in an import", async () => {
    const zeros = Buffer.alloc(mebibyte);
    const parts = Array.from({ length: 512 }, (_, index) => [
      memberOf({ name: `zeros${index}`, content: zeros }),
    ]).flat();
    const gzip = Readable.from([...parts, Buffer.alloc(1024)]).pipe(createGzip({ level: 1 }));
    const bomb = Buffer.concat(await gzip.toArray());
    assert.ok(bomb.length < 8 * mebibyte);
    await grows(async () => {
      const id = await engine.ok("create", "attack", "true");
      assert.equal((await engine.api("PUT", `/containers/${id}/archive?path=/tmp`, bomb)).status, 200);
      await engine.ok("rm", "-f", id);
      const imported = await engine.api("POST", "/images/create?fromSrc=-&repo=bomb", bomb);
      assert.match(imported.text, /sha256:/);
      await engine.ok("rmi", "bomb");
    });
  });

  test("a sparse map of a billion entries is refused in little memory", async () => {
    const map = `1000000000\n${"0\n".repeat(2_000_000)}`;
    const records = encodePax("GNU.sparse.major", "1") + encodePax("GNU.sparse.minor", "0");
    const named = tarOf({ name: "PaxHeaders/x", content: records }).subarray(0, 1024);
    named.write("x", 156);
    named.fill(0x20, 148, 156);
    const sum = named.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    named.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    const archive = tarOf(named, { name: "GNUSparseFile.0/x", content: map });
    await grows(async () => {
      for (const way of ["load", "import", "copy"]) {
        const answer = await ways[way]?.(archive);
        assert.match(answer?.text ?? "", /invalid tar header/, way);
      }
    });
  });

  test("a manifest of a hundred mebibytes is refused in little memory, by pull and by load", async () => {
    const image = attackImage();
    const large = Buffer.concat([image.manifest.subarray(0, -1), Buffer.alloc(100 * mebibyte, " "), Buffer.from("}")]);
    const server = createServer((request, response) => {
      if (request.url === "/v2/") return void response.end();
      response.writeHead(200, { "content-type": image.manifestType, "docker-content-digest": digestOf(large) });
      response.end(request.method === "HEAD" ? undefined : large);
    });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    try {
      await grows(async () => {
        const name = `127.0.0.1:${(server.address() as AddressInfo).port}/a/b`;
        const pulled = await engine.docker(["pull", "-q", name]);
        assert.notEqual(pulled.code, 0);
        const padded = `[${" ".repeat(100 * mebibyte)}]`;
        const loaded = await engine.docker(["load"], { input: tarOf({ name: "manifest.json", content: padded }) });
        assert.notEqual(loaded.code, 0);
      });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  test("nothing of all this is left in the data root", async () => {
    assert.equal(readFileSync(join(canary, "file"), "utf8"), "canary");
    await engine.ok("image", "prune", "-af");
    const info = JSON.parse((await engine.api("GET", "/info")).text) as { Images: number };
    assert.ok(info.Images <= 3, String(info.Images));
  });
});
