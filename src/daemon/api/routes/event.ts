import { invalidParameter } from "../../../base/errors.ts";
import type { StoredEvent } from "../../event/event.ts";
import type { EventLog } from "../../event/log.ts";
import type { Route } from "../router.ts";
import { parseTime } from "../time.ts";

/** **Source:** Engine API, SystemEvents. */
export const eventRoutes = (events: EventLog): Route[] => [
  {
    method: "GET",
    path: "/events",
    handle: async (call) => {
      const sinceNs = parseTime(call.query.string("since"));
      const untilNs = parseTime(call.query.string("until"));
      if (sinceNs !== undefined && untilNs !== undefined && untilNs < sinceNs) {
        throw invalidParameter(
          `\`since\` time (${call.query.string("since")}) cannot be after \`until\` time (${call.query.string("until")})`,
        );
      }
      // Keys that are no filter are let be here, as Docker does.
      const filters = call.query.filters();
      using following = events.follow({
        ...(sinceNs === undefined ? {} : { sinceNs }),
        ...(untilNs === undefined ? {} : { untilNs }),
        filters,
        signal: call.signal,
      });
      const lines = call.lines();
      lines.open();
      for await (const event of following) if (!lines.write(wireEvent(event))) await lines.drained();
      lines.end();
    },
  },
];

/** Without what is empty: a prune has no actor. */
const filled = (fields: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).filter(([, text]) => text !== ""));

/** An event as clients read it; `status`, `id` and `from` are for those of long ago. */
const wireEvent = (event: StoredEvent): object => {
  const { Type, Action, Actor, scope = "local", timeNs } = event;
  const legacy =
    Type === "container"
      ? { status: Action, ...filled({ id: Actor.ID, from: Actor.Attributes["image"] ?? "" }) }
      : Type === "image"
        ? { status: Action, ...filled({ id: Actor.ID }) }
        : {};
  const time = Number(timeNs / 1_000_000_000n);
  return new NanoTime({ ...legacy, Type, Action, Actor, scope, time }, timeNs);
};

/** Adds `timeNano` to an object: more digits than a JavaScript number holds, written as they are. */
class NanoTime {
  readonly #fields: object;
  readonly #timeNs: bigint;

  constructor(fields: object, timeNs: bigint) {
    this.#fields = fields;
    this.#timeNs = timeNs;
  }

  toJSON(): object {
    const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => object };
    return { ...this.#fields, timeNano: rawJSON(String(this.#timeNs)) };
  }
}
