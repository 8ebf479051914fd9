// A token server as Docker's registries know it, with tokens that a real registry verifies: JSON Web Tokens signed with a
// key whose certificate the registry has. GET with name and password or as anybody, POST with a refresh token.
import { execFileSync } from "node:child_process";
import { createPrivateKey, randomUUID, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TokenRequest {
  method: string;
  grant: "basic" | "anonymous" | "refresh_token";
  account: string;
  scopes: string[];
  offline: boolean;
}

interface Access {
  type: string;
  name: string;
  actions: string[];
}

export const tokenService = "test-registry";
export const tokenIssuer = "test-issuer";

export class TokenServer implements AsyncDisposable {
  readonly requests: TokenRequest[] = [];
  readonly users: Record<string, string>;
  /** The certificate that its tokens are verified with, a file. */
  readonly certificate: string;
  readonly #root = mkdtempSync(join(tmpdir(), "berth-tokens-"));
  readonly #key: KeyObject;
  readonly #chain: string;
  readonly #refresh = new Map<string, string>();
  readonly #server: Server;

  /** @param users passwords by name; each may do anything, and anybody may pull what is below `public/` */
  constructor(users: Record<string, string>) {
    this.users = users;
    this.certificate = join(this.#root, "cert.pem");
    const key = join(this.#root, "key.pem");
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const named = ["-subj", "/CN=token-server", "-days", "2"];
    execFileSync("/usr/bin/openssl", ["req", "-x509", ...curve, "-keyout", key, "-out", this.certificate, ...named], {
      stdio: "ignore",
    });
    this.#key = createPrivateKey(readFileSync(key));
    this.#chain = readFileSync(this.certificate, "utf8").replaceAll(/-----[A-Z ]+-----|\s/g, "");
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch(() => request.destroy());
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get realm(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/token`;
  }

  /** A token as the server gives it. */
  token(account: string, scopes: readonly string[]): string {
    const access = scopes.map((scope) => this.#granted(account, scope));
    const now = Math.floor(Date.now() / 1000);
    const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
    const header = { typ: "JWT", alg: "ES256", x5c: [this.#chain] };
    const claims = {
      iss: tokenIssuer,
      sub: account,
      aud: tokenService,
      exp: now + 300,
      nbf: now - 10,
      iat: now,
      jti: randomUUID(),
      access,
    };
    const signed = `${encode(header)}.${encode(claims)}`;
    const signature = sign("sha256", Buffer.from(signed), { key: this.#key, dsaEncoding: "ieee-p1363" });
    return `${signed}.${signature.toString("base64url")}`;
  }

  #granted(account: string, scope: string): Access {
    const [type = "", name = "", actions = ""] = scope.split(":");
    const asked = actions.split(",");
    const allowed = account !== "" ? asked : name.startsWith("public/") ? asked.filter((one) => one === "pull") : [];
    return { type, name, actions: allowed };
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://x");
    const form = new URLSearchParams();
    if (request.method === "POST") {
      let text = "";
      for await (const chunk of request as AsyncIterable<Buffer>) text += chunk.toString("utf8");
      for (const [name, value] of new URLSearchParams(text)) form.append(name, value);
    }
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    const refused = (): void => answer(401, { errors: [{ code: "UNAUTHORIZED", message: "wrong name or password" }] });
    let account: string;
    let scopes: string[];
    const offline = url.searchParams.get("offline_token") === "true";
    const basic = /^Basic (.*)$/.exec(request.headers.authorization ?? "")?.[1];
    if (request.method === "POST") {
      scopes = (form.get("scope") ?? "").split(" ").filter((scope) => scope !== "");
      const found = this.#refresh.get(form.get("refresh_token") ?? "");
      this.requests.push({ method: "POST", grant: "refresh_token", account: found ?? "", scopes, offline });
      if (form.get("grant_type") !== "refresh_token" || form.get("service") !== tokenService || found === undefined)
        return refused();
      account = found;
      return answer(200, { access_token: this.token(account, scopes), expires_in: 300, scope: scopes.join(" ") });
    }
    scopes = url.searchParams.getAll("scope");
    const [name = "", password = ""] = Buffer.from(basic ?? "", "base64")
      .toString("utf8")
      .split(":");
    account = name;
    this.requests.push({ method: "GET", grant: basic === undefined ? "anonymous" : "basic", account, scopes, offline });
    if (basic !== undefined && this.users[name] !== password) return refused();
    const refresh = offline && account !== "" ? { refresh_token: this.#remember(account) } : {};
    answer(200, { token: this.token(account, scopes), expires_in: 300, ...refresh });
  }

  #remember(account: string): string {
    const token = randomUUID();
    this.#refresh.set(token, account);
    return token;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#root, { recursive: true, force: true });
  }
}
