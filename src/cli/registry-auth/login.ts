import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import type { RegistryAuthConfig } from "../../wire/registry/auth.ts";
import { type Cli, type Command, ExitError } from "../cli.ts";
import { requireArguments } from "../arguments.ts";
import { type FlagSpec, parseFlags } from "../flags.ts";
import { wantsHelp } from "../help.ts";
import { configPath } from "./config-file.ts";
import { credentialsFor, hostOf, hubServer, serverOf, storeCredentials } from "./credentials.ts";

const spec = {
  password: { kind: "value", short: "p", help: "Password or Personal Access Token (PAT)" },
  "password-stdin": { kind: "flag", help: "Take the Password or Personal Access Token (PAT) from stdin" },
  username: { kind: "value", short: "u", help: "Username" },
} as const satisfies Record<string, FlagSpec>;

const maxPasswordBytes = 64 * 1024;
const summary = "Authenticate to a registry. Defaults to Docker Hub if no server is specified.";

const readAll = async (cli: Cli): Promise<string> => {
  let text = "";
  for await (const chunk of cli.stdin) {
    text += String(chunk);
    if (text.length > maxPasswordBytes) throw new ExitError(1, "the password on stdin is too long");
  }
  return text.replace(/\r?\n$/, "");
};

/** Asks on the terminal; what is typed is not shown when it is secret. */
const ask = async (cli: Cli, question: string, secret: boolean): Promise<string> => {
  cli.stdout.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({
    input: cli.stdin,
    output: secret ? silent : cli.stdout,
    // The terminal's own editing for what is shown; raw, and so without echo, for what is not.
    terminal: secret && cli.stdin.isTTY === true,
  });
  try {
    const answer = (await lines.question("")).trim();
    if (secret) cli.stdout.write("\n");
    return answer;
  } finally {
    lines.close();
  }
};

/** User and password: of the flags, of stdin, of a person. */
const identify = async (
  cli: Cli,
  server: string,
  flags: { username: string | undefined; password: string | undefined; stdin: boolean },
): Promise<{ username: string; password: string }> => {
  if (flags.stdin) return { username: flags.username ?? "", password: await readAll(cli) };
  let { username, password } = flags;
  if ((username === undefined || password === undefined) && !cli.stdin.isTTY)
    throw new ExitError(1, "Error: Cannot perform an interactive login from a non TTY device");
  if (username === undefined) {
    const known = (await credentialsFor(cli.env, server === hubServer ? "" : server)).username ?? "";
    username = (await ask(cli, known === "" ? "Username: " : `Username (${known}): `, false)) || known;
    if (username === "") throw new ExitError(1, "username is required");
  }
  password ??= await ask(cli, "Password: ", true);
  if (password === "") throw new ExitError(1, "password is required");
  return { username, password };
};

export const login: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "login [OPTIONS] [SERVER]", summary, spec)) return 0;
  const { flags, args } = parseFlags(spec, argv);
  requireArguments("login", args, 0, 1);
  const stdin = flags["password-stdin"];
  if (flags.password !== undefined) {
    cli.stderr.write("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
    if (stdin) throw new ExitError(1, "--password and --password-stdin are mutually exclusive");
  }
  if (stdin && !flags.username) throw new ExitError(1, "Must provide --username with --password-stdin");
  const server = serverOf(hostOf(args[0] ?? ""));
  const { username, password } = await identify(cli, server, { ...flags, stdin });
  const auth: RegistryAuthConfig = { username, password, serveraddress: server };
  const answer = await cli.engine.json<{ Status?: string; IdentityToken?: string }>("POST", "/auth", { body: auth });
  const kept = answer.IdentityToken ? { username, password: "", identitytoken: answer.IdentityToken } : auth;
  if (await storeCredentials(cli.env, server, kept))
    cli.stderr.write(
      `\nWARNING! Your credentials are stored unencrypted in '${configPath(cli.env)}'.\n` +
        "Configure a credential helper to remove this warning. See\n" +
        "https://docs.docker.com/go/credential-store/\n\n",
    );
  cli.stdout.write(`${answer.Status || "Login Succeeded"}\n`);
  return 0;
};
