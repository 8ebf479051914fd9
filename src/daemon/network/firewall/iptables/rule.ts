export type TableName = "raw" | "nat" | "filter";

/** One rule as iptables takes it. */
export interface Rule {
  table: TableName;
  chain: string;
  /** insert: before all others. */
  at: "append" | "insert";
  /** "-i docker0 -j ACCEPT" */
  spec: string;
}

/** A line of a restore file. */
export interface Change {
  table: TableName;
  line: string;
}

export const add = (rule: Rule): Change => ({
  table: rule.table,
  line: `${rule.at === "insert" ? "-I" : "-A"} ${rule.chain} ${rule.spec}`,
});

export const remove = (rule: Rule): Change => ({ table: rule.table, line: `-D ${rule.chain} ${rule.spec}` });

/**
 * The input of `iptables-restore --noflush`: one commit for each table, in the order that never opens a hole (raw first).
 */
export const restoreText = (changes: readonly Change[]): string =>
  (["raw", "filter", "nat"] as const)
    .map((table) => ({ table, lines: changes.filter((change) => change.table === table).map(({ line }) => line) }))
    .filter(({ lines }) => lines.length > 0)
    .map(({ table, lines }) => `*${table}\n${lines.join("\n")}\nCOMMIT\n`)
    .join("");
