// From a fresh clone to a running container: set-up, daemon, image, web server, page, logs, private registry.
// Usage: npm run quickstart            does no harm a second time
//        npm run quickstart -- --stop  ends what the quick start began
import { fail, root } from "./lib.mjs";
import {
  answers,
  dataRoot,
  hasDied,
  logPath,
  ownPid,
  socketPath,
  startDaemon,
  stopDaemon,
} from "./quickstart/daemon.mjs";
import { unpinNamespace } from "./quickstart/namespace.mjs";
import * as registry from "./quickstart/registry.mjs";
import * as web from "./quickstart/web.mjs";

const say = (text) => console.log(text);

const start = async () => {
  await import("./setup.mjs");
  if (await answers()) say(`quickstart: an engine answers on ${socketPath} already`);
  else {
    await startDaemon();
    say(`quickstart: berthd runs, process ${ownPid()}, data in ${dataRoot}, log in ${logPath}`);
  }
  if (web.isRunning()) say(`quickstart: container ${web.name} runs already`);
  else await web.run(say);
  const port = web.publishedPort();
  const url = `http://127.0.0.1:${port}/`;
  say(`quickstart: ${url} says:\n`);
  say(indented(await web.fetchPage(url)));
  say("quickstart: the container's log says:\n");
  say(indented(web.logs()));
  say("quickstart: a private registry, and the image through it:");
  registry.pushAndPull(await registry.start(say), say);
  say(`quickstart: the daemon, the container and the registry keep running. What you need next:

  export DOCKER_HOST=unix://${socketPath}
  ${root}/bin/berth ps                # or: docker ps
  npm run quickstart -- --stop        # ends them; ${url} until then`);
};

const stop = async () => {
  await registry.stop(say);
  // Only a daemon can end the containers that one left behind.
  if (hasDied() && !(await answers())) await startDaemon();
  const pid = ownPid();
  if (await answers()) web.remove(say);
  if (pid === undefined) return say("quickstart: no daemon of the quick start runs");
  const others = web.running();
  await stopDaemon(pid);
  say("quickstart: berthd has ended");
  if (others.length === 0) unpinNamespace();
  else say(`quickstart: these containers run on, and the next quick start finds them: ${others.join(" ")}`);
  say(`quickstart: images, volumes and other containers are kept in ${dataRoot}`);
};

const indented = (text) => text.trimEnd().replaceAll(/^/gm, "  ") + "\n";

const args = process.argv.slice(2);
if (args.some((arg) => arg !== "--stop")) fail("Usage: npm run quickstart [-- --stop]");
if (process.getuid?.() !== 0) fail("quickstart: Berth starts containers and needs root: run it as root.");
await (args.includes("--stop") ? stop() : start());
