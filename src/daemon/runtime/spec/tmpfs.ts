import { invalidParameter } from "../../../base/errors.ts";

const defaultOptions = ["noexec", "nosuid", "nodev", "rprivate"];

// Flags that exclude one another have one name here; "defaults" says nothing.
const flagOf: Readonly<Record<string, string>> = {
  ro: "ro",
  rw: "ro",
  suid: "nosuid",
  nosuid: "nosuid",
  dev: "nodev",
  nodev: "nodev",
  exec: "noexec",
  noexec: "noexec",
  sync: "sync",
  async: "sync",
  dirsync: "dirsync",
  remount: "remount",
  mand: "mand",
  nomand: "mand",
  atime: "noatime",
  noatime: "noatime",
  diratime: "nodiratime",
  nodiratime: "nodiratime",
  bind: "bind",
  rbind: "rbind",
  relatime: "relatime",
  norelatime: "relatime",
  strictatime: "strictatime",
  nostrictatime: "strictatime",
  unbindable: "propagation",
  runbindable: "propagation",
  private: "propagation",
  rprivate: "propagation",
  shared: "propagation",
  rshared: "propagation",
  slave: "propagation",
  rslave: "propagation",
};

const valueNames = new Set(["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"]);

/**
 * Docker's options of a tmpfs with those of the user: of each kind the last one wins, in the order they were given.
 *
 * @throws EngineError invalid-parameter for what a tmpfs does not take.
 */
export const mergeTmpfsOptions = (text: string): string[] => {
  const seen = new Set<string>();
  const merged: string[] = [];
  for (const option of [...defaultOptions, ...text.split(",").filter((part) => part !== "")].reverse()) {
    if (option === "defaults") continue;
    const kind = kindOf(option);
    if (kind === null) throw invalidParameter(`invalid tmpfs option ${goList(option)}`);
    if (seen.has(kind)) continue;
    seen.add(kind);
    merged.unshift(option);
  }
  return merged;
};

const kindOf = (option: string): string | null => {
  const flag = Object.hasOwn(flagOf, option) ? flagOf[option] : undefined;
  if (flag !== undefined) return flag;
  const [name = "", value] = option.split("=", 2);
  return value !== undefined && valueNames.has(name) ? `=${name}` : null;
};

// Go's %q of the option cut at its first "=".
const goList = (option: string): string => {
  const at = option.indexOf("=");
  const parts = at < 0 ? [option] : [option.slice(0, at), option.slice(at + 1)];
  return `[${parts.map((part) => JSON.stringify(part)).join(" ")}]`;
};
