import { readFileSync } from "node:fs";
import { systemError } from "../../../base/errors.ts";
import { isCode } from "../../../linux/error.ts";
import { findBinary } from "../../../linux/process/find-binary.ts";
import { run } from "../../../linux/process/run.ts";

/** Where users and groups are written down. */
export interface AccountFiles {
  passwd: string;
  group: string;
  subuid: string;
  subgid: string;
}

export const systemAccounts: AccountFiles = {
  passwd: "/etc/passwd",
  group: "/etc/group",
  subuid: "/etc/subuid",
  subgid: "/etc/subgid",
};

export interface Account {
  name: string;
  id: number;
}

type Kind = "passwd" | "group";

/**
 * A user or group by name or number: of the file, else of whatever else the machine asks (`getent`: LDAP, systemd).
 * @throws EngineError system in Docker's words
 */
export const findAccount = async (files: AccountFiles, kind: Kind, key: string | number): Promise<Account> => {
  const found = inText(readText(files[kind]), key) ?? inText(await getent(kind, String(key)), key);
  if (found === undefined) throw systemError(`getent unable to find entry "${key}" in ${kind} database`);
  return found;
};

const inText = (text: string, key: string | number): Account | undefined => {
  for (const line of text.split("\n")) {
    const [name = "", , id = ""] = line.split(":");
    if (/^\d+$/.test(id) && (typeof key === "number" ? Number(id) === key : name === key))
      return { name, id: Number(id) };
  }
  return undefined;
};

const readText = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return "";
    throw error;
  }
};

const getentTimeoutMs = 10_000;

const getent = async (kind: Kind, key: string): Promise<string> => {
  const program = findBinary("getent");
  if (program === null || key.startsWith("-")) return "";
  return (await run([program, kind, key], { timeoutMs: getentTimeoutMs })).stdout.toString();
};
