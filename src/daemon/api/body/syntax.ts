/**
 * What Go's decoder says of a body that is no JSON. Only called for text that `JSON.parse` refused, so the words are
 * right and its speed does not matter.
 */
export const explainSyntax = (text: string): string => {
  const scanner = new Scanner(text);
  try {
    scanner.space();
    scanner.value();
  } catch (error) {
    if (error instanceof Refusal) return `invalid JSON: ${error.message}`;
    throw error;
  }
  return "unexpected content after JSON";
};

class Refusal extends Error {}

const maxDepth = 10_000;

class Scanner {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  space(): void {
    while (/^[ \t\r\n]$/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  value(): void {
    const character = this.#peek();
    if (character === "{") this.#nest(() => this.#object());
    else if (character === "[") this.#nest(() => this.#list());
    else if (character === '"') this.#string();
    else if (character === "t") this.#literal("true");
    else if (character === "f") this.#literal("false");
    else if (character === "n") this.#literal("null");
    else if (character === "-" || /[0-9]/.test(character)) this.#number();
    else this.#refuse("looking for beginning of value");
  }

  #nest(work: () => void): void {
    if (++this.#depth > maxDepth) throw new Refusal("exceeded max depth");
    work();
    this.#depth--;
  }

  #object(): void {
    this.#at++;
    this.space();
    if (this.#peek() === "}") return void this.#at++;
    for (;;) {
      if (this.#peek() !== '"') this.#refuse("looking for beginning of object key string");
      this.#string();
      this.space();
      if (this.#peek() !== ":") this.#refuse("after object key");
      this.#at++;
      this.space();
      this.value();
      this.space();
      if (this.#peek() === "}") return void this.#at++;
      if (this.#peek() !== ",") this.#refuse("after object key:value pair");
      this.#at++;
      this.space();
    }
  }

  #list(): void {
    this.#at++;
    this.space();
    if (this.#peek() === "]") return void this.#at++;
    for (;;) {
      this.value();
      this.space();
      if (this.#peek() === "]") return void this.#at++;
      if (this.#peek() !== ",") this.#refuse("after array element");
      this.#at++;
      this.space();
    }
  }

  #string(): void {
    this.#at++;
    for (;;) {
      const character = this.#peek();
      if (character === '"') return void this.#at++;
      if (character === "\\") this.#escape();
      else if (character < " ") this.#refuse("in string");
      else this.#at++;
    }
  }

  #escape(): void {
    const begin = this.#at++;
    const character = this.#peek();
    this.#at++;
    if ('"\\/bfnrt'.includes(character)) return;
    const refuse = (): never => {
      throw new Refusal(`invalid escape sequence \`${this.#text.slice(begin, this.#at)}\` in string`);
    };
    if (character !== "u") refuse();
    for (let i = 0; i < 4; i++) {
      const isHex = /[0-9a-fA-F]/.test(this.#peek());
      this.#at++;
      if (!isHex) {
        this.#at = Math.min(begin + 6, this.#text.length);
        refuse();
      }
    }
  }

  #literal(word: string): void {
    for (const expected of word) {
      if (this.#peek() !== expected) this.#refuse(`in literal ${word} (expecting ${show(expected)})`);
      this.#at++;
    }
  }

  #number(): void {
    if (this.#peek() === "-") this.#at++;
    if (this.#peek() === "0") this.#at++;
    else this.#digits();
    if (this.#text[this.#at] === ".") {
      this.#at++;
      this.#digits();
    }
    if (/^[eE]$/.test(this.#text[this.#at] ?? "")) {
      this.#at++;
      if (/[+-]/.test(this.#peek())) this.#at++;
      this.#digits();
    }
  }

  #digits(): void {
    if (!/[0-9]/.test(this.#peek())) this.#refuse("in numeric literal");
    while (/^[0-9]$/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #peek(): string {
    const character = this.#text[this.#at];
    if (character === undefined) throw new Refusal("unexpected EOF");
    return character;
  }

  #refuse(where: string): never {
    throw new Refusal(`invalid character ${show(this.#peek())} ${where}`);
  }
}

/** A character as Go quotes it. */
const show = (character: string): string => {
  if (character === "'") return "'\\''";
  if (character === '"') return "'\"'";
  return `'${JSON.stringify(character)
    .slice(1, -1)
    .replace(/^\\u00/, "\\x")}'`;
};
