/**
 * An engine that does nothing and answers every call at once: what a client takes against it is the client's own time.
 * Usage: node bench/null-engine.ts SOCKET
 */
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

const apiVersion = "1.51";
/** As the bench's logs: 100-byte lines, 200 MB. */
const logLines = 2_000_000;
const lineBytes = 100;
const framesPerChunk = 500;
const listedContainers = 500;

const newId = (): string => randomBytes(32).toString("hex");

const summary = (index: number): Record<string, unknown> => ({
  Id: newId(),
  Names: [`/listed-${index}`],
  Image: "busybox",
  ImageID: `sha256:${newId()}`,
  Command: "true",
  Created: 1_700_000_000,
  Ports: [],
  Labels: {},
  State: "created",
  Status: "Created",
  HostConfig: { NetworkMode: "bridge" },
  NetworkSettings: { Networks: {} },
  Mounts: [],
});

const list = JSON.stringify(Array.from({ length: listedContainers }, (_, index) => summary(index)));

const logChunk = (): Buffer => {
  const frame = Buffer.alloc(8 + lineBytes, "x");
  frame.writeUInt32BE(1 << 24, 0);
  frame.writeUInt32BE(lineBytes, 4);
  frame[frame.length - 1] = 0x0a;
  return Buffer.concat(Array.from({ length: framesPerChunk }, () => frame));
};

const container = (id: string): Record<string, unknown> => ({
  Id: id,
  Name: "/null",
  Created: "2024-01-01T00:00:00Z",
  State: { Status: "running", Running: true, Pid: 1, ExitCode: 0 },
  Config: { Tty: false, OpenStdin: false, AttachStdin: false, Image: "busybox", Env: [], Cmd: ["true"], Labels: {} },
  HostConfig: { NetworkMode: "bridge", AutoRemove: true, LogConfig: { Type: "json-file", Config: {} } },
  NetworkSettings: { Networks: {}, Ports: {} },
  Mounts: [],
});

const headers = {
  "Api-Version": apiVersion,
  Ostype: "linux",
  "Docker-Experimental": "false",
  Server: "Docker/null (linux)",
};

const sendJson = (response: ServerResponse, status: number, value: unknown): void => {
  const body = typeof value === "string" ? value : JSON.stringify(value);
  response.writeHead(status, {
    ...headers,
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
  });
  response.end(body);
};

const sendNothing = (response: ServerResponse, status: number): void => {
  response.writeHead(status, headers);
  response.end();
};

const sendLog = (response: ServerResponse): void => {
  const chunk = logChunk();
  response.writeHead(200, { ...headers, "Content-Type": "application/vnd.docker.multiplexed-stream" });
  let left = logLines / framesPerChunk;
  const more = () => {
    while (left > 0) {
      left -= 1;
      if (!response.write(chunk)) {
        response.once("drain", more);
        return;
      }
    }
    response.end();
  };
  more();
};

const pathStat = (name: string): string =>
  Buffer.from(
    JSON.stringify({ name, size: 4096, mode: 0o20000000755, mtime: "2024-01-01T00:00:00Z", linkTarget: "" }),
  ).toString("base64");

/** A container's waiter and attached stream, which both end when it is started. */
interface Pending {
  attached?: Duplex;
  waiting?: ServerResponse;
}

const pending = new Map<string, Pending>();

const entryOf = (id: string): Pending => {
  const entry = pending.get(id) ?? {};
  pending.set(id, entry);
  return entry;
};

const start = (id: string): void => {
  const entry = pending.get(id);
  pending.delete(id);
  entry?.attached?.end();
  entry?.waiting?.end('{"StatusCode":0}\n');
};

const wait = (response: ServerResponse, id: string, condition: string | null): void => {
  response.writeHead(200, { ...headers, "Content-Type": "application/json" });
  response.flushHeaders();
  // Without a condition the client waits for something that was started before.
  if (condition === null || condition === "not-running") response.end('{"StatusCode":0}\n');
  else entryOf(id).waiting = response;
};

const answer = (request: IncomingMessage, response: ServerResponse): void => {
  const url = new URL(request.url ?? "/", "http://null");
  const path = url.pathname.replace(/^\/v[\d.]+/, "");
  const [, noun, id = "", verb] = path.split("/");
  const key = `${request.method} ${noun}`;
  if (noun === "_ping") {
    response.writeHead(200, { ...headers, "Content-Type": "text/plain; charset=utf-8", "Content-Length": 2 });
    response.end(request.method === "HEAD" ? undefined : "OK");
  } else if (noun === "version")
    sendJson(response, 200, {
      Version: "null",
      ApiVersion: apiVersion,
      MinAPIVersion: "1.24",
      Os: "linux",
      Arch: "amd64",
    });
  else if (noun === "info")
    sendJson(response, 200, {
      ID: "null",
      Name: "null",
      ServerVersion: "null",
      OSType: "linux",
      Architecture: "x86_64",
    });
  else if (key === "GET containers" && id === "json") sendJson(response, 200, list);
  else if (key === "POST containers" && id === "create") sendJson(response, 201, { Id: newId(), Warnings: [] });
  else if (key === "GET containers" && verb === "json") sendJson(response, 200, container(id));
  else if (key === "GET containers" && verb === "logs") sendLog(response);
  else if (key === "POST containers" && verb === "start") {
    sendNothing(response, 204);
    start(id);
  } else if (key === "POST containers" && verb === "wait") wait(response, id, url.searchParams.get("condition"));
  else if (key === "POST containers" && verb === "exec") sendJson(response, 201, { Id: newId() });
  else if (key === "GET exec")
    sendJson(response, 200, { ID: id, Running: false, ExitCode: 0, ContainerID: newId(), Pid: 1 });
  else if (key === "POST exec" && verb === "start") sendNothing(response, 200);
  else if (verb === "archive") {
    response.setHeader("X-Docker-Container-Path-Stat", pathStat("tmp"));
    sendNothing(response, 200);
  } else sendNothing(response, noun === "containers" ? 204 : 404);
};

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  request.resume();
  request.on("end", () => answer(request, response));
});

server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
  const path = (request.url ?? "").replace(/^\/v[\d.]+/, "");
  const [, noun, id = ""] = path.split("/");
  socket.on("error", () => {});
  socket.resume();
  socket.write(
    "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
  );
  if (noun === "exec") socket.end();
  else entryOf(id).attached = socket;
});

const socketPath = process.argv[2];
if (!socketPath) throw new Error("usage: null-engine.ts SOCKET");
server.listen(socketPath);
