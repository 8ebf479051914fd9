import { invalidParameter } from "./errors.ts";

/**
 * The `filters` of a list, prune or events call: each key with the values given for it. Several values of one key mean
 * any of them, save where a noun says all; several keys mean all.
 * **Source:** Engine API, `filters` query parameter.
 */
export class Filters {
  static readonly none = new Filters(new Map());
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  get(key: string): readonly string[] {
    return this.#values.get(key) ?? [];
  }

  has(key: string): boolean {
    return this.get(key).length > 0;
  }

  keys(): IterableIterator<string> {
    return this.#values.keys();
  }

  /** True when nothing is asked of `key`, or `accepts` one of its values. */
  any(key: string, accepts: (value: string) => boolean): boolean {
    const values = this.get(key);
    return values.length === 0 || values.some(accepts);
  }

  /** True when `accepts` every value of `key`. */
  every(key: string, accepts: (value: string) => boolean): boolean {
    return this.get(key).every(accepts);
  }

  /** @throws EngineError invalid-parameter for the first key that is not among `known`. */
  requireKeys(known: readonly string[]): void {
    for (const key of this.#values.keys()) {
      if (!known.includes(key)) throw invalidParameter(`invalid filter '${key}'`);
    }
  }

  /**
   * The truth of a key that takes true/false, 1/0; `fallback` when it is absent.
   * @throws EngineError invalid-parameter for another word or for both at once.
   */
  flag(key: string, fallback: boolean): boolean {
    const values = this.get(key);
    if (values.length === 0) return fallback;
    const isTrue = values.some((value) => ["1", "true", "True", "TRUE", "t", "T"].includes(value));
    const isFalse = values.some((value) => ["0", "false", "False", "FALSE", "f", "F"].includes(value));
    if (isTrue === isFalse) throw invalidParameter(`invalid filter '${key}=[${values.join(" ")}]'`);
    return isTrue;
  }

  /** `label` and `label!` together: `k` or `k=v`; every one must hold. */
  matchLabels(labels: Readonly<Record<string, string>> | null | undefined): boolean {
    const holds = (wanted: string): boolean => {
      const [key, value] = splitOnce(wanted);
      // A label may be called like something every object has.
      const own = labels && Object.hasOwn(labels, key) ? labels[key] : undefined;
      return own !== undefined && (value === undefined || own === value);
    };
    return this.every("label", holds) && this.every("label!", (wanted) => !holds(wanted));
  }
}

const splitOnce = (text: string): [string, string | undefined] => {
  const at = text.indexOf("=");
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
};
