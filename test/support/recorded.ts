// The frame of the tests that compare an engine's answers with recordings of dockerd's.
import { after, type TestContext } from "node:test";
import { clean, prepare, type Prepared } from "../conformance/clean.ts";
import { type Engine, useEngine } from "./engine.ts";

/**
 * Starts a daemon before the tests of the suite; behind them it is emptied and stopped, and nothing may be left of it.
 *
 * @returns what empties the engine for a group and loads the two images that all scripts use
 */
export const useRecordedEngine = (): { prepared(): Promise<Prepared> } => {
  let engine: Engine | undefined;
  // Before the engine's own, which looks for what is left.
  after(() => clean(engine?.daemon.socketPath ?? ""));
  engine = useEngine();
  return { prepared: () => prepare(engine.daemon.socketPath) };
};

/** One line of a script. Those that set something up, or only begin something, are no cases. */
interface Line {
  name: string;
  setup?: boolean | undefined;
  background?: string | undefined;
}

/** Runs a script in its order; each case is a test of its own, which holds the outcome against the recorded one. */
export const replay = async <L extends Line, Outcome>(
  context: TestContext,
  script: readonly L[],
  run: (line: L) => Promise<Outcome>,
  check: (line: L, outcome: Outcome) => void,
): Promise<void> => {
  for (const line of script) {
    if (line.setup === true || line.background !== undefined) await run(line);
    else await context.test(line.name, async () => check(line, await run(line)));
  }
};
