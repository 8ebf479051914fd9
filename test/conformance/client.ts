import { request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Answer, Step, Vars } from "./step.ts";

/** No single request of the script may take longer. */
const requestLimitMs = 60_000;
const bodyLimitBytes = 64 << 20;

const fill = (text: string, vars: Vars): string =>
  text.replaceAll(/<([a-z][a-z0-9-]*)>/g, (whole, name: string) => vars.get(name) ?? whole);

const fillJson = (value: unknown, vars: Vars): unknown => JSON.parse(fill(JSON.stringify(value), vars));

const queryString = (query: Record<string, unknown>, vars: Vars): string =>
  Object.entries(query)
    .flatMap(([key, value]) =>
      (Array.isArray(value) ? value : [value]).map((one: unknown) => {
        const text = typeof one === "string" ? one : JSON.stringify(one);
        return `${encodeURIComponent(key)}=${encodeURIComponent(fill(text, vars))}`;
      }),
    )
    .join("&");

const headersOf = (message: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(message.headers).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.join(", ") : (value ?? ""),
    ]),
  );

/** Collects a stream until it ends or the step has read enough. */
const collectBody = (
  stream: Duplex | IncomingMessage,
  step: Step,
  first: Buffer,
): Promise<{ body: Buffer; ended: boolean }> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = first.length > 0 ? [first] : [];
    let sizeBytes = first.length;
    let timer: NodeJS.Timeout | undefined;
    const finish = (ended: boolean) => {
      clearTimeout(timer);
      resolve({ body: Buffer.concat(chunks), ended });
      if (!ended) stream.destroy();
    };
    const enough = () =>
      step.lines !== undefined && Buffer.concat(chunks).toString("latin1").split("\n").length > step.lines;
    if (enough()) return finish(false);
    timer = setTimeout(() => finish(false), step.readMs ?? requestLimitMs);
    stream.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      sizeBytes += chunk.length;
      if (sizeBytes > bodyLimitBytes || enough()) finish(false);
    });
    stream.on("end", () => finish(true));
    stream.on("close", () => finish(true));
    stream.on("error", () => finish(true));
  });

const sendRaw = (socketPath: string, step: Step): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const socket: Socket = connect(socketPath, () => socket.write(step.raw ?? ""));
    socket.on("error", reject);
    void collectBody(socket, { ...step, readMs: step.readMs ?? 3000 }, Buffer.alloc(0)).then(({ body, ended }) => {
      socket.destroy();
      const text = body.toString("latin1");
      const [head = "", ...rest] = text.split("\r\n\r\n");
      const [statusLine = "", ...lines] = head.split("\r\n");
      const headers = Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
      );
      return resolve({
        status: Number(statusLine.split(" ")[1] ?? 0),
        statusText: statusLine.split(" ").slice(2).join(" "),
        headers,
        body: Buffer.from(rest.join("\r\n\r\n"), "latin1"),
        ended,
      });
    });
  });

const writeHijacked = (socket: Duplex, step: Step): void => {
  if (step.hijack?.input) socket.write(step.hijack.input);
  if (step.hijack?.close) socket.end();
};

const payloadOf = (step: Step, vars: Vars): { body: Buffer | undefined; headers: Record<string, string> } => {
  if (step.json !== undefined)
    return {
      body: Buffer.from(JSON.stringify(fillJson(step.json, vars))),
      headers: { "Content-Type": "application/json" },
    };
  if (typeof step.body === "function")
    return { body: step.body(vars), headers: { "Content-Type": "application/x-tar" } };
  return { body: step.body === undefined ? undefined : Buffer.from(step.body), headers: {} };
};

/** Sends one step to the engine behind `socketPath` and returns what came back, however it was framed. */
export const send = (socketPath: string, step: Step, vars: Vars): Promise<Answer> => {
  if (step.raw !== undefined) return sendRaw(socketPath, step);
  const query = step.query ? `?${queryString(step.query, vars)}` : "";
  const payload = payloadOf(step, vars);
  const headers: Record<string, string> = { Host: "docker", ...payload.headers };
  if (payload.body) headers["Content-Length"] = String(payload.body.length);
  else if (step.method === "POST") headers["Content-Length"] = "0";
  if (step.hijack && step.hijack.upgrade !== false) Object.assign(headers, { Connection: "Upgrade", Upgrade: "tcp" });
  Object.assign(headers, step.headers);
  if (headers["Transfer-Encoding"]) delete headers["Content-Length"];
  return new Promise((resolve, reject) => {
    const request: ClientRequest = httpRequest({
      socketPath,
      method: step.method,
      path: fill(step.path, vars) + query,
      headers,
      agent: false,
      setHost: false,
    });
    const answer = (message: IncomingMessage, stream: Duplex | IncomingMessage, first: Buffer) => {
      void collectBody(stream, step, first).then(({ body, ended }) => {
        request.destroy();
        return resolve({
          status: message.statusCode ?? 0,
          statusText: message.statusMessage ?? "",
          headers: headersOf(message),
          body,
          ended,
        });
      });
    };
    request.setTimeout(requestLimitMs, () =>
      request.destroy(new Error(`no answer within ${requestLimitMs} ms: ${step.name}`)),
    );
    request.on("error", reject);
    request.on("upgrade", (message, socket, first) => {
      socket.on("error", () => {});
      writeHijacked(socket, step);
      answer(message, socket, first);
    });
    request.on("response", (message) => answer(message, message, Buffer.alloc(0)));
    request.end(payload.body);
  });
};
