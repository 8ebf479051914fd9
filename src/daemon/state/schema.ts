/** The nouns that have records. One SQL table each: a key and the record as JSON. */
export const tableNames = [
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

export type TableName = (typeof tableNames)[number];

/**
 * The steps from an empty database to the newest schema. Step N brings `user_version` N to N + 1; a released step is
 * never edited, a new one is added behind it.
 */
export const migrations: readonly string[] = [
  [
    ...tableNames.map((name) => `CREATE TABLE "${name}" (key TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT`),
    `CREATE TABLE events (sequence INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, event TEXT NOT NULL) STRICT`,
    `CREATE INDEX events_by_time ON events (time_ns)`,
  ].join(";\n"),
];
