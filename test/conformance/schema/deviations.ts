/** Where dockerd 28.5 itself leaves its published schema, as `METHOD /route /path message`. */
export const deviations: RegExp[] = [
  // null for a container without changes
  /^GET \/containers\/\{id\}\/changes {2}must be array$/,
  // kept for clients before 1.52
  /^GET \/events {2}unknown key (from|id|status)$/,
];
