import type { Filters } from "../../base/filters.ts";
import type { StoredEvent } from "./event.ts";

/** Actions that carry a detail after a colon and are asked for without it. */
const prefixActions = ["exec_create", "exec_start", "health_status"];

/** Nouns whose filter gives an id, the start of one, or a name. */
const nouns = ["config", "container", "daemon", "network", "node", "plugin", "secret", "service", "volume"] as const;

/** True when an event is asked for. **Source:** the filters as dockerd applies them. */
export const matchesEvent = (event: StoredEvent, filters: Filters): boolean =>
  matchesAction(event, filters) &&
  filters.any("type", (type) => type === event.Type) &&
  filters.any("scope", (scope) => scope === (event.scope ?? "local")) &&
  filters.matchLabels(event.Actor.Attributes) &&
  nouns.every((noun) => !filters.has(noun) || (event.Type === noun && matchesActor(event, filters, noun))) &&
  matchesImage(event, filters);

const matchesAction = (event: StoredEvent, filters: Filters): boolean => {
  const colon = event.Action.indexOf(": ");
  const head = colon < 0 ? event.Action : event.Action.slice(0, colon);
  return filters.any("event", (wanted) => wanted === event.Action || (wanted === head && prefixActions.includes(head)));
};

const matchesActor = (event: StoredEvent, filters: Filters, noun: string): boolean => {
  const name = event.Actor.Attributes["name"];
  return filters.any(noun, (wanted) => {
    const bare = wanted.replace(/^\//, "");
    return event.Actor.ID === wanted || name === bare || (bare !== "" && isStart(event.Actor.ID, bare));
  });
};

const isStart = (id: string, start: string): boolean => /^[0-9a-f]+$/.test(start) && id.startsWith(start);

/** An image is known by its id and, in events of containers too, by its name with or without the tag. */
const matchesImage = (event: StoredEvent, filters: Filters): boolean => {
  if (!filters.has("image")) return true;
  const attribute = event.Type === "image" ? "name" : "image";
  const name = event.Actor.Attributes[attribute] ?? "";
  return filters.any("image", (wanted) =>
    [event.Actor.ID, name, withoutTag(event.Actor.ID), withoutTag(name)].includes(wanted),
  );
};

const withoutTag = (name: string): string => {
  const at = name.lastIndexOf(":");
  return at > name.lastIndexOf("/") ? name.slice(0, at) : name;
};
