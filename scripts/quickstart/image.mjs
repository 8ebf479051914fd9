// A web server's image, made from nothing but Debian's busybox-static, in the form that `docker save` writes.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const blockBytes = 512;
const directory = "5";
const symbolicLink = "2";
const regular = "0";

const octal = (value, width) => `${value.toString(8).padStart(width - 1, "0")}\0`;

/** **Source:** POSIX pax, ustar interchange format. */
const header = ({ name, type = regular, mode = 0o644, target = "" }, sizeBytes) => {
  const block = Buffer.alloc(blockBytes);
  block.write(name, 0);
  block.write(octal(mode, 8) + octal(0, 8) + octal(0, 8) + octal(sizeBytes, 12) + octal(0, 12), 100);
  block.write(`        ${type}${target}`, 148);
  block.write("ustar\0" + "00", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
};

const tar = (entries) =>
  Buffer.concat([
    ...entries.flatMap((entry) => {
      const content = Buffer.from(entry.content ?? "");
      return [header(entry, content.length), content, Buffer.alloc(-content.length & (blockBytes - 1))];
    }),
    Buffer.alloc(2 * blockBytes),
  ]);

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

const page = `<!doctype html>
<title>Berth</title>
<h1>Hello from a container</h1>
<p>Berth made this image, runs it, and publishes its port.</p>
`;

const applets = "cat echo env grep head hostname httpd id ip kill ls mount nc ping ps sh sleep top vi wget".split(" ");

const layer = () =>
  tar([
    ...["bin/", "etc/", "tmp/", "www/"].map((name) => ({ name, type: directory, mode: 0o755 })),
    { name: "bin/busybox", mode: 0o755, content: readFileSync("/bin/busybox") },
    ...applets.map((name) => ({ name: `bin/${name}`, type: symbolicLink, mode: 0o777, target: "busybox" })),
    { name: "etc/passwd", content: "root:x:0:0:root:/:/bin/sh\n" },
    { name: "etc/group", content: "root:x:0:\n" },
    { name: "www/index.html", content: page },
  ]);

/** The archive of an image with this name; the same bytes each time. */
export const webServerImage = (tag) => {
  const rootfs = layer();
  const created = "2024-01-01T00:00:00Z";
  const config = JSON.stringify({
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    created,
    config: {
      Env: ["PATH=/bin"],
      Cmd: ["httpd", "-f", "-v", "-p", "80", "-h", "/www"],
      ExposedPorts: { "80/tcp": {} },
      // busybox httpd, as process 1, has no handler for SIGTERM: a stop would wait in vain.
      StopSignal: "SIGKILL",
    },
    history: [{ created, created_by: "berth quickstart" }],
    rootfs: { type: "layers", diff_ids: [`sha256:${sha256(rootfs)}`] },
  });
  const Config = `${sha256(config)}.json`;
  const manifest = JSON.stringify([{ Config, RepoTags: [tag], Layers: ["layer.tar"] }]);
  return tar([
    { name: "layer.tar", content: rootfs },
    { name: Config, content: config },
    { name: "manifest.json", content: manifest },
  ]);
};
