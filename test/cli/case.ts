/** One command line of the stock CLI. */
export interface Case {
  /** The command line, with a number when it comes again in its group. */
  name: string;
  /** For /bin/sh, in a fresh folder of its group, with `docker` meaning the CLI under test. */
  sh: string;
  /** Prepares the next cases: not recorded, must succeed. */
  setup?: true;
  /** Lines of stdout may come in any order. */
  sorted?: true;
}

export interface CaseGroup {
  name: string;
  cases: Case[];
}

/** Prepares the next cases: not recorded, must succeed. */
export const setup = (sh: string): Case => ({ name: sh, sh, setup: true });
/** Lines of stdout may come in any order. */
export const sorted = (sh: string): Case => ({ name: sh, sh, sorted: true });

export const cases = (name: string, list: (string | Case)[]): CaseGroup => {
  const seen = new Map<string, number>();
  return {
    name,
    cases: list.map((item) => {
      const one = typeof item === "string" ? { name: item, sh: item } : item;
      const count = (seen.get(one.sh) ?? 0) + 1;
      seen.set(one.sh, count);
      return count === 1 ? one : { ...one, name: `${one.sh} (${count})` };
    }),
  };
};

/** Runs something on a terminal: util-linux's `script` gives it one and passes its status on. `input` is typed a second later. */
export const onTerminal = (command: string, input = ""): string =>
  `{ sleep 1; printf '${input}'; } | script -qec "${command.replaceAll(/["$]/g, "\\$&")}" /dev/null`;

/** A container that leaves at once on SIGTERM. */
export const sleeper = (name: string, options = ""): Case =>
  setup(`docker run -d --name ${name} ${options} busybox sh -c 'trap "exit 0" TERM; sleep 1000 & wait'`);
