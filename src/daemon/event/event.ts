/**
 * An event as a service states it inside a transaction; the database adds the time and the sequence number.
 * **Source:** Engine API, SystemEvents.
 */
export interface EventInput {
  Type: "builder" | "container" | "daemon" | "image" | "network" | "plugin" | "volume";
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope?: "local" | "swarm";
}

/** An event as it was committed. `sequence` grows by one with each event, in commit order. */
export interface StoredEvent extends EventInput {
  sequence: number;
  /** Nanoseconds since the Unix epoch, strictly increasing with `sequence`. */
  timeNs: bigint;
}
