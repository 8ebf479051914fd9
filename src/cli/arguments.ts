import { UsageError } from "./flags.ts";

const wrongArguments = 1;

const plural = (count: number): string => `${count} argument${count === 1 ? "" : "s"}`;

/** How many arguments a command takes, in Docker's words when there are others. @throws UsageError */
export const requireArguments = (command: string, args: readonly string[], min: number, max: number): void => {
  if (args.length >= min && args.length <= max) return;
  const wanted =
    max === 0
      ? "accepts no arguments"
      : max === min
        ? `requires ${plural(min)}`
        : args.length < min && max === Number.POSITIVE_INFINITY
          ? `requires at least ${plural(min)}`
          : min === 0
            ? `requires at most ${plural(max)}`
            : `requires at least ${min} and at most ${plural(max)}`;
  throw new UsageError(`berth: 'berth ${command}' ${wanted}`, wrongArguments);
};
