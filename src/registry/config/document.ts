/** Reads values out of a configuration document, and says where one does not fit. */
export class Section {
  readonly #value: unknown;
  readonly #path: string;

  constructor(value: unknown, path = "") {
    this.#value = value;
    this.#path = path;
  }

  get isPresent(): boolean {
    return this.#value !== undefined && this.#value !== null;
  }

  at(...names: string[]): Section {
    const [first, ...rest] = names;
    return first === undefined ? this : this.#child(first).at(...rest);
  }

  #child(name: string): Section {
    const path = this.#path === "" ? name : `${this.#path}.${name}`;
    if (!this.isPresent) return new Section(undefined, path);
    if (typeof this.#value !== "object" || Array.isArray(this.#value)) {
      // `filesystem:` alone, and `redis: {}` are the same to docker-registry.
      throw this.#wrong("a section");
    }
    return new Section((this.#value as Record<string, unknown>)[name], path);
  }

  text(): string | undefined {
    if (!this.isPresent) return undefined;
    if (typeof this.#value === "string") return this.#value;
    if (typeof this.#value === "number") return String(this.#value);
    throw this.#wrong("a string");
  }

  required(): string {
    const text = this.text();
    if (text === undefined || text === "") throw new Error(`configuration: ${this.#path} is missing`);
    return text;
  }

  flag(fallback: boolean): boolean {
    if (!this.isPresent) return fallback;
    if (typeof this.#value === "boolean") return this.#value;
    if (this.#value === "true" || this.#value === "false") return this.#value === "true";
    throw this.#wrong("true or false");
  }

  /** Milliseconds of a duration in Go's words, `1h30m`, or of a number of seconds. */
  durationMs(): number | undefined {
    const text = this.text();
    if (text === undefined) return undefined;
    const unitMs: Record<string, number> = {
      ns: 1e-6,
      us: 1e-3,
      ms: 1,
      s: 1000,
      m: 60_000,
      h: 3_600_000,
      d: 86_400_000,
    };
    if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
    if (!/^(\d+(\.\d+)?(ns|us|ms|s|m|h|d))+$/.test(text)) throw this.#wrong("a duration");
    let total = 0;
    for (const [, number, , unit] of text.matchAll(/(\d+(\.\d+)?)(ns|us|ms|s|m|h|d)/g)) {
      total += Number(number) * (unitMs[unit ?? ""] ?? 0);
    }
    return total;
  }

  /** Bytes of a size, `10GB`, `512MiB`, `1024`. */
  bytes(): number | undefined {
    const text = this.text();
    if (text === undefined) return undefined;
    const match = /^(\d+(?:\.\d+)?) ?([kmgt]?)(i?)b?$/i.exec(text);
    if (match === null) throw this.#wrong("a size");
    const [, number, letter = "", binary] = match;
    const exponent = ["", "k", "m", "g", "t"].indexOf(letter.toLowerCase());
    return Math.floor(Number(number) * (binary === "" ? 1000 : 1024) ** exponent);
  }

  items(): Section[] {
    if (!this.isPresent) return [];
    if (!Array.isArray(this.#value)) throw this.#wrong("a list");
    return this.#value.map((value: unknown, index) => new Section(value, `${this.#path}[${index}]`));
  }

  /** Names and the text, or texts, that they have. */
  entries(): [name: string, values: string[]][] {
    if (!this.isPresent) return [];
    if (typeof this.#value !== "object" || Array.isArray(this.#value)) throw this.#wrong("a section");
    return Object.entries(this.#value as Record<string, unknown>).map(([name, value]) => [
      name,
      (Array.isArray(value) ? value : [value]).map(String),
    ]);
  }

  oneOf<T extends string>(...allowed: T[]): T | undefined {
    const text = this.text();
    if (text === undefined) return undefined;
    const found = allowed.find((each) => each === text);
    if (found === undefined) throw this.#wrong(`one of ${allowed.join(", ")}`);
    return found;
  }

  #wrong(what: string): Error {
    return new Error(`configuration: ${this.#path} must be ${what}`);
  }
}
