/** The tables of the first schema; never edited. */
const firstTables = [
  "containers",
  "execs",
  "images",
  "references",
  "layers",
  "blobs",
  "leases",
  "networks",
  "endpoints",
  "volumes",
  "settings",
] as const;

/** The nouns that have records. One SQL table each: a key and the record as JSON. */
export const tableNames = [...firstTables, "manifests"] as const;

export type TableName = (typeof tableNames)[number];

const createTable = (name: string): string =>
  `CREATE TABLE "${name}" (key TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT`;

/**
 * The steps from an empty database to the newest schema. Step N brings `user_version` N to N + 1; a released step is
 * never edited, a new one is added behind it.
 */
export const migrations: readonly string[] = [
  [
    ...firstTables.map(createTable),
    `CREATE TABLE events (sequence INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, event TEXT NOT NULL) STRICT`,
    `CREATE INDEX events_by_time ON events (time_ns)`,
  ].join(";\n"),
  // References say what they stand for in registries. A name with a digest has always said it; of a tag it is learnt at
  // the start, from the documents.
  [
    createTable("manifests"),
    `UPDATE "references" SET record = json_set(record, '$.target',
       CASE WHEN instr(key, '@') > 0 THEN substr(key, instr(key, '@') + 1) END)`,
  ].join(";\n"),
];
