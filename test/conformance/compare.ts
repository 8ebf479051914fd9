/** Where an answer differs from the recorded one. */
export interface Difference {
  /** Key path into the result: `body.HostConfig.Memory`. */
  path: string;
  recorded: unknown;
  answered: unknown;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

const kindOf = (value: unknown): string => (value === null ? "null" : Array.isArray(value) ? "list" : typeof value);

/** Every difference between two normalised results, deepest path first known; `undefined` stands for an absent key. */
export const compare = (recorded: unknown, answered: unknown, path = ""): Difference[] => {
  if (!isObject(recorded) || !isObject(answered) || kindOf(recorded) !== kindOf(answered)) {
    return Object.is(recorded, answered) ? [] : [{ path, recorded, answered }];
  }
  const join = (key: string) => (path === "" ? key : `${path}.${key}`);
  if (Array.isArray(recorded) && Array.isArray(answered) && recorded.length !== answered.length) {
    return [{ path: join("length"), recorded, answered }];
  }
  const keys = [...new Set([...Object.keys(recorded), ...Object.keys(answered)])];
  return keys.flatMap((key) => compare(recorded[key], answered[key], join(key)));
};

const brief = (value: unknown): string => {
  const text = value === undefined ? "(absent)" : JSON.stringify(value);
  return text.length > 600 ? `${text.slice(0, 600)}…` : text;
};

export const describe = (difference: Difference): string =>
  `${difference.path}\n    recorded ${brief(difference.recorded)}\n    answered ${brief(difference.answered)}`;
