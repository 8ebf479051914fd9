import { readFileSync } from "node:fs";
import type { NetworkContext } from "../context.ts";

/** In table `settings`: for which families this engine turned forwarding on since the machine's start. */
export interface ForwardingRecord {
  bootId: string;
  families: (4 | 6)[];
}

const key = "network-forwarding";

const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

/** The families in which nothing but the engine's traffic is to be forwarded. A restart of the machine ends it. */
export const droppedForwards = ({ settings }: Pick<NetworkContext, "settings">): (4 | 6)[] => {
  const stored = settings.get(key);
  return stored?.bootId === bootId() ? [...stored.families] : [];
};

export const rememberDropped = (context: NetworkContext, family: 4 | 6): void => {
  const families = [...new Set([...droppedForwards(context), family])];
  context.database.transaction((transaction) => transaction.put(context.settings, key, { bootId: bootId(), families }));
};
