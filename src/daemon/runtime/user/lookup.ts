import { invalidParameter } from "../../../base/errors.ts";

/** Who a process runs as. */
export interface ProcessUser {
  uid: number;
  gid: number;
  /** As the kernel gets them: the gid itself, the user's groups, those of `--group-add`. */
  additionalGids: readonly number[];
  home: string;
}

/** The text of a container's /etc/passwd and /etc/group; "" for one that it has not. */
export interface UserDatabase {
  passwd: string;
  group: string;
}

const maxId = 2 ** 31 - 1;

/**
 * Finds `user[:group]` as Docker does. A number is always a number, whatever names the files hold (CVE-2016-3697).
 * Groups of the user count only when no group is given; a line that is not well formed counts never.
 *
 * @throws EngineError invalid-parameter in Docker's words.
 *
 * **Source:** passwd(5), group(5); Dockerfile reference, USER.
 */
export const lookupUser = (spec: string, database: UserDatabase, groupAdd: readonly string[] = []): ProcessUser => {
  const [userText = "", groupText = ""] = spec.split(":");
  const account = findAccount(userText, database.passwd);
  const groups = parseGroups(database.group);
  const gid = groupText === "" ? account.gid : findGroup(groupText, groups);
  const supplementary =
    groupText === "" && account.name !== null
      ? groups.filter(({ members }) => members.includes(account.name ?? "")).map((group) => group.gid)
      : [];
  const added = groupAdd.map((name) => findGroup(name, groups));
  return {
    uid: account.uid,
    gid,
    additionalGids: [...new Set([gid, ...supplementary, ...added])],
    home: account.home || "/",
  };
};

interface Account {
  /** null: the files hold nobody of this number. */
  name: string | null;
  uid: number;
  gid: number;
  home: string;
}

const findAccount = (text: string, passwd: string): Account => {
  const wanted = text === "" ? 0 : numberOf(text);
  for (const line of lines(passwd)) {
    const [name = "", , uidText = "", gidText = "", , home = ""] = line.split(":");
    const [uid, gid] = [numberOf(uidText), numberOf(gidText)];
    if (uid === null || gid === null || (wanted === null ? name !== text : uid !== wanted)) continue;
    return { name, uid: inRange(uid), gid: inRange(gid), home };
  }
  if (wanted === null) throw invalidParameter(`unable to find user ${text}: no matching entries in passwd file`);
  return { name: null, uid: inRange(wanted), gid: 0, home: "/" };
};

interface Group {
  name: string;
  gid: number;
  members: readonly string[];
}

const parseGroups = (text: string): Group[] => {
  const groups: Group[] = [];
  for (const line of lines(text)) {
    const [name = "", , gidText = "", members = ""] = line.split(":");
    const gid = numberOf(gidText);
    if (gid !== null && gid >= 0 && gid <= maxId) groups.push({ name, gid, members: members.split(",") });
  }
  return groups;
};

const findGroup = (text: string, groups: readonly Group[]): number => {
  const number = numberOf(text);
  if (number !== null) return inRange(number);
  const found = groups.find(({ name }) => name === text);
  if (found === undefined) throw invalidParameter(`unable to find group ${text}: no matching entries in group file`);
  return found.gid;
};

const numberOf = (text: string): number | null => (/^[+-]?\d{1,18}$/.test(text) ? Number(text) : null);

const inRange = (id: number): number => {
  if (id < 0 || id > maxId) throw invalidParameter("uids and gids must be in range 0-2147483647");
  return id;
};

const lines = function* (text: string): Generator<string> {
  for (let start = 0; start < text.length;) {
    const end = text.indexOf("\n", start);
    const line = text.slice(start, end < 0 ? text.length : end).trim();
    if (line !== "" && !line.startsWith("#")) yield line;
    start = end < 0 ? text.length : end + 1;
  }
};
