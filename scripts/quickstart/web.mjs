// The quick start's container: a web server with a published port.
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fail } from "../lib.mjs";
import { berth, must } from "./berth.mjs";
import { webServerImage } from "./image.mjs";

export const name = "berth-quickstart";
export const image = "berth-quickstart:latest";
const ports = [8080, 8081, 8082, 8083, 8084, 8085, 8086, 8087, 8088, 8089];
const pageLimitMs = 10_000;
const stepMs = 100;

const inspected = () => {
  const result = berth(["inspect", "--type", "container", name]);
  return result.status === 0 ? JSON.parse(result.stdout)[0] : undefined;
};

/** True when our container runs; one that has ended is no use. */
export const isRunning = () => inspected()?.State.Running === true;

/** Names of the containers that run. */
export const running = () => must(["ps", "--quiet"]).split("\n").filter(Boolean);

const isFree = (port) =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "0.0.0.0", () => server.close(() => resolve(true)));
  });

const freePort = async () => {
  for (const port of ports) if (await isFree(port)) return port;
  return fail(`quickstart: ports ${ports[0]} to ${ports.at(-1)} are all taken`);
};

/** Loads the image and runs the container on the first free port. */
export const run = async (say) => {
  say(`quickstart: ${must(["load"], { input: webServerImage(image) }).trim()}, made from Debian's busybox-static`);
  if (inspected() !== undefined) must(["rm", "--force", name]);
  const port = await freePort();
  const args = ["run", "--detach", "--name", name, "--publish", `${port}:80`, image];
  say(`quickstart: berth ${args.join(" ")}`);
  must(args);
};

/** The port of this machine that leads to the web server. */
export const publishedPort = () => {
  const port = inspected()?.NetworkSettings.Ports["80/tcp"]?.[0]?.HostPort;
  if (port === undefined) fail(`quickstart: container ${name} does not run; its log:\n${logs()}`);
  return port;
};

/** The page, as soon as the web server answers. */
export const fetchPage = async (url) => {
  let why = "";
  for (const end = Date.now() + pageLimitMs; Date.now() < end; await sleep(stepMs)) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
      if (answer.ok) return await answer.text();
      why = `status ${answer.status}`;
    } catch (error) {
      why = error.cause?.message ?? error.message;
    }
  }
  return fail(`quickstart: no page from ${url}: ${why}`);
};

export const logs = () => {
  const { stdout, stderr } = berth(["logs", "--tail", "20", name]);
  return stdout + stderr;
};

export const remove = (say) => {
  if (inspected() === undefined) return;
  must(["rm", "--force", name]);
  say(`quickstart: container ${name} is gone`);
};
