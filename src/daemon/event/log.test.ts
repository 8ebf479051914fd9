import assert from "node:assert/strict";
import { test } from "node:test";
import { Filters } from "../../base/filters.ts";
import type { StoredEvent } from "./event.ts";
import { EventLog, type EventSource, maxWaitingEvents } from "./log.ts";
import { matchesEvent } from "./match.ts";

/** A source whose clock is its sequence: event N happened at N nanoseconds. */
class FakeSource implements EventSource {
  readonly stored: StoredEvent[] = [];
  readonly listeners = new Set<(event: StoredEvent) => void>();

  emit(Action: string, more: Partial<StoredEvent> = {}): void {
    const sequence = this.stored.length + 1;
    const event: StoredEvent = {
      Type: "container",
      Action,
      Actor: { ID: "id", Attributes: {} },
      sequence,
      timeNs: BigInt(sequence),
      ...more,
    };
    this.stored.push(event);
    for (const listener of this.listeners) listener(event);
  }

  events(fromNs: bigint, toNs: bigint): StoredEvent[] {
    return this.stored.filter(({ timeNs }) => timeNs >= fromNs && timeNs <= toNs);
  }

  subscribe(listener: (event: StoredEvent) => void): Disposable {
    this.listeners.add(listener);
    return { [Symbol.dispose]: () => void this.listeners.delete(listener) };
  }
}

const filters = (values: Record<string, string[]>): Filters => new Filters(new Map(Object.entries(values)));

const open = () => {
  const source = new FakeSource();
  return { source, log: new EventLog(source, () => BigInt(source.stored.length)) };
};

const take = async (events: AsyncIterator<StoredEvent>, count: number): Promise<string[]> => {
  const actions: string[] = [];
  while (actions.length < count) {
    const { value, done } = await events.next();
    if (done === true) break;
    actions.push((value as StoredEvent).Action);
  }
  return actions;
};

test("replay, then live, without gap or double", async () => {
  const { source, log } = open();
  source.emit("a");
  source.emit("b");
  using events = log.follow({ sinceNs: 2n, filters: Filters.none });
  source.emit("c");
  assert.deepEqual(await take(events, 2), ["b", "c"]);
  const later = take(events, 1);
  source.emit("d");
  assert.deepEqual(await later, ["d"]);
});

test("without since only what comes", async () => {
  const { source, log } = open();
  source.emit("a");
  using events = log.follow({ filters: Filters.none });
  source.emit("b");
  assert.deepEqual(await take(events, 1), ["b"]);
});

test("until in the past ends after the replay, in the future at its time", async () => {
  const { source, log } = open();
  for (const action of ["a", "b", "c"]) source.emit(action);
  using past = log.follow({ sinceNs: 1n, untilNs: 2n, filters: Filters.none });
  assert.deepEqual(await take(past, 9), ["a", "b"]);
  assert.equal(source.listeners.size, 0);
  using future = log.follow({ untilNs: 40_000_000n, filters: Filters.none });
  source.emit("d");
  assert.deepEqual(await take(future, 9), ["d"]);
});

test("a reader that leaves or falls too far behind costs nothing more", async () => {
  const { source, log } = open();
  const abort = new AbortController();
  using aborted = log.follow({ filters: Filters.none, signal: abort.signal });
  assert.equal(log.readers, 1);
  const waiting = take(aborted, 1);
  abort.abort();
  assert.deepEqual(await waiting, []);
  assert.equal(log.readers, 0);
  using slow = log.follow({ filters: Filters.none });
  for (let i = 0; i <= maxWaitingEvents; i++) source.emit("x");
  assert.deepEqual(await take(slow, 1), []);
  assert.equal(source.listeners.size, 0);
});

test("filters", () => {
  const event = (more: Partial<StoredEvent>): StoredEvent => ({
    Type: "container",
    Action: "start",
    Actor: { ID: "abc123", Attributes: { name: "web", image: "repo:1", a: "b" } },
    sequence: 1,
    timeNs: 1n,
    ...more,
  });
  const cases: [Record<string, string[]>, Partial<StoredEvent>, boolean][] = [
    [{ event: ["start", "die"] }, {}, true],
    [{ event: ["die"] }, {}, false],
    [{ event: ["exec_create"] }, { Action: "exec_create: sh -c x" }, true],
    [{ event: ["exec_create: sh -c x"] }, { Action: "exec_create: sh -c x" }, true],
    [{ event: ["exec_create: sh"] }, { Action: "exec_create: sh -c x" }, false],
    [{ event: ["health_status"] }, { Action: "health_status: healthy" }, true],
    [{ event: ["star"] }, {}, false],
    [{ container: ["web"] }, {}, true],
    [{ container: ["/web"] }, {}, true],
    [{ container: ["abc"] }, {}, true],
    [{ container: ["we"] }, {}, false],
    [{ container: ["web"] }, { Type: "network" }, false],
    [{ type: ["container", "image"] }, {}, true],
    [{ type: ["image"] }, {}, false],
    [{ label: ["a=b"] }, {}, true],
    [{ label: ["a"] }, {}, true],
    [{ label: ["a=b", "c"] }, {}, false],
    [{ image: ["repo"] }, {}, true],
    [{ image: ["repo:1"] }, {}, true],
    [{ image: ["repo:2"] }, {}, false],
    [{ image: ["localhost:5000/x"] }, { Type: "image", Actor: { ID: "localhost:5000/x:t", Attributes: {} } }, true],
    [{ scope: ["local"] }, {}, true],
    [{ scope: ["swarm"] }, {}, false],
    [{ scope: ["swarm"] }, { scope: "swarm" }, true],
    [{ network: ["n"] }, { Type: "network", Actor: { ID: "f00", Attributes: { name: "n" } } }, true],
    [{ container: ["web"], event: ["die"] }, {}, false],
  ];
  for (const [wanted, more, expected] of cases) {
    assert.equal(matchesEvent(event(more), filters(wanted)), expected, JSON.stringify([wanted, more]));
  }
});
