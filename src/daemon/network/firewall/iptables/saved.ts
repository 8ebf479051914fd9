import type { Change, TableName } from "./rule.ts";

/** What `iptables-save` says there is, as far as it matters here. */
export interface Saved {
  /** table → chains, built in ones too. */
  chains: Record<TableName, Set<string>>;
  /** Rules that carry the mark, as lines "-A CHAIN …". */
  own: { table: TableName; line: string }[];
  /** Chains that hold a rule, or are jumped to by one, that does not carry the mark: "nat DOCKER". */
  foreign: Set<string>;
}

const isTable = (name: string): name is TableName => name === "raw" || name === "nat" || name === "filter";

/** Reads the output of `iptables-save`. **Source:** iptables-save(8). */
export const parseSaved = (text: string, mark: string): Saved => {
  const saved: Saved = {
    chains: { raw: new Set(), nat: new Set(), filter: new Set() },
    own: [],
    foreign: new Set(),
  };
  let table: TableName | null = null;
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) {
      const name = line.slice(1);
      table = isTable(name) ? name : null;
    } else if (table !== null && line.startsWith(":")) {
      saved.chains[table].add(line.slice(1, line.indexOf(" ")));
    } else if (table !== null && line.startsWith("-A ")) {
      const words = line.split(" ");
      const comment = words[words.indexOf("--comment") + 1]?.replaceAll('"', "");
      if (comment === mark) saved.own.push({ table, line });
      else {
        saved.foreign.add(`${table} ${words[1] ?? ""}`);
        const jump = words[words.findIndex((word) => word === "-j" || word === "-g") + 1];
        if (jump !== undefined) saved.foreign.add(`${table} ${jump}`);
      }
    }
  }
  return saved;
};

/** Takes every rule of ours away. */
export const removeOwn = (saved: Saved): Change[] =>
  saved.own.map(({ table, line }) => ({ table, line: `-D${line.slice(2)}` }));

/** Makes the chains that are not there. (In a restore file, naming one that exists would empty it.) */
export const missingChains = (saved: Saved, wanted: Record<TableName, string[]>): Change[] =>
  (Object.keys(wanted) as TableName[]).flatMap((table) =>
    wanted[table]
      .filter((chain) => !saved.chains[table].has(chain))
      .map((chain) => ({ table, line: `:${chain} - [0:0]` })),
  );
