import { messageOf, systemError } from "../../../base/errors.ts";
import type { IdMapping } from "../../../linux/namespace/id-mapping.ts";
import { type Account, type AccountFiles, findAccount, systemAccounts } from "./accounts.ts";
import { createUser } from "./create-user.ts";
import { rangesOf, readSubordinate } from "./subordinate.ts";

/** Whom `default` stands for. */
const defaultUser = "dockremap";
const defaultSpecifier = "default";

/** Whose subordinate ids containers have. */
export interface RemapUser {
  user: string;
  group: string;
  mapping: IdMapping;
}

/**
 * What `--userns-remap` means: `default`, `user`, `user:group`, `uid`, `uid:gid`. The ids are the user's in /etc/subuid
 * and /etc/subgid; the group is only checked, as in Docker.
 * @param make makes the default user when it is missing
 * @returns null when nothing is remapped: no option, or root, who cannot be remapped with itself
 * @throws EngineError system in Docker's words
 */
export const resolveRemap = async (
  option: string,
  files: AccountFiles = systemAccounts,
  make: (name: string) => Promise<void> = (name) => createUser(files, name),
): Promise<RemapUser | null> => {
  if (option === "") return null;
  const { user, group } = await parse(option, files, make);
  if (user.name === "root") return null;
  const names = [user.name, String(user.id)];
  const mapping = {
    uids: need(rangesOf(readSubordinate(files.subuid), names, files.subuid), "subuid", user.name, files.subuid),
    gids: need(rangesOf(readSubordinate(files.subgid), names, files.subgid), "subgid", user.name, files.subgid),
  };
  return { user: user.name, group: group.name, mapping };
};

const need = <T>(ranges: T[], what: string, user: string, file: string): T[] => {
  if (ranges.length > 0) return ranges;
  throw systemError(
    `Can't create ID mappings: no ${what} ranges found for user "${user}": add a line "${user}:100000:65536" to ${file}`,
  );
};

const parse = async (
  option: string,
  files: AccountFiles,
  make: (name: string) => Promise<void>,
): Promise<{ user: Account; group: Account }> => {
  const parts = option.split(":");
  if (parts.length > 2) {
    throw systemError(`Invalid user/group specification in --userns-remap: ${JSON.stringify(option)}`);
  }
  const [first = "", second] = parts;
  const uid = numberIn(first);
  const name = first === defaultSpecifier ? defaultUser : first;
  const find = lookup(files);
  if (uid !== undefined) {
    const user = await find("passwd", uid, `Uid ${uid} has no entry in /etc/passwd`);
    const gid = numberIn(second ?? first);
    return { user, group: await groupOf(find, gid, second ?? "", second === undefined ? "group" : "passwd") };
  }
  if (first === defaultSpecifier) await makeMissing(files, make);
  const user = await find("passwd", name, `Error during uid lookup for "${name}"`);
  if (second === undefined) return { user, group: await find("group", name, `Error during gid lookup for "${name}"`) };
  return { user, group: await groupOf(find, numberIn(second), second, "passwd") };
};

type Find = (kind: "passwd" | "group", key: string | number, words: string) => Promise<Account>;

const lookup =
  (files: AccountFiles): Find =>
  async (kind, key, words) => {
    try {
      return await findAccount(files, kind, key);
    } catch (error) {
      throw systemError(`${words}: ${messageOf(error)}`, error);
    }
  };

/** @param file what Docker calls the file that has not the number */
const groupOf = (find: Find, gid: number | undefined, name: string, file: "group" | "passwd"): Promise<Account> =>
  gid === undefined
    ? find("group", name, `Error during groupname lookup for "${name}"`)
    : find("group", gid, `Gid ${gid} has no entry in /etc/${file}`);

const makeMissing = async (files: AccountFiles, make: (name: string) => Promise<void>): Promise<void> => {
  try {
    await findAccount(files, "passwd", defaultUser);
  } catch {
    try {
      await make(defaultUser);
    } catch (error) {
      throw systemError(`Error during "${defaultUser}" user creation: ${messageOf(error)}`, error);
    }
  }
};

/** What Go's ParseInt takes for a number of 32 bits. */
const numberIn = (text: string): number | undefined =>
  /^[+-]?\d{1,10}$/.test(text) && Math.abs(Number(text)) < 2 ** 31 ? Number(text) : undefined;
