import type { Filters } from "../../../base/filters.ts";
import type { ContainerSummary } from "../../../wire/engine/container.ts";
import type { ContainerContext } from "../context.ts";
import { isActive } from "../state.ts";
import { compileFilters } from "./filters.ts";
import { summarize } from "./summary.ts";

export interface ListOptions {
  all?: boolean;
  /** The newest so many, running or not; 0 or less for no limit. */
  limit?: number;
  size?: boolean;
  filters: Filters;
}

/** The containers, newest first. @throws EngineError invalid-parameter for a filter, not-found for its container */
export const list = async (context: ContainerContext, options: ListOptions): Promise<ContainerSummary[]> => {
  const { filters } = options;
  const accepts = compileFilters(context, filters);
  const limit = options.limit && options.limit > 0 ? options.limit : 0;
  const everyState =
    options.all || limit > 0 || ["before", "since", "status", "exited"].some((key) => filters.has(key));
  const records = [...context.containers.values()]
    .filter((record) => (everyState || isActive(record.state)) && accepts(record))
    .sort((a, b) => (BigInt(b.createdNs) > BigInt(a.createdNs) ? 1 : -1));
  const chosen = limit > 0 ? records.slice(0, limit) : records;
  return Promise.all(chosen.map((record) => summarize(context, record, options.size ?? false)));
};
