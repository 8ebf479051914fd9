import { invalidParameter } from "../base/errors.ts";
import { parseDigest } from "./digest.ts";
import type { Digest } from "./digest.ts";

/** The domain that a name without one means. */
export const defaultDomain = "docker.io";
/** The tag that a name without tag and digest means. */
export const defaultTag = "latest";

const legacyDefaultDomain = "index.docker.io";
const officialPrefix = "library/";
const nameCharactersMax = 255;

// **Source:** the grammar of distribution references (distribution/reference, regexp.go).
const component = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const domainComponent = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const domain = `(?:${domainComponent}(?:\\.${domainComponent})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const tag = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
const digest = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
const grammar = new RegExp(`^(${domain})/(${component}(?:/${component})*)(?::(${tag}))?(?:@(${digest}))?$`);
const anchoredTag = new RegExp(`^${tag}$`);
const referenceCharactersMax = 4096;

/** A parsed image reference. Immutable; make another by `withTag` and friends. */
export class Reference {
  /** `docker.io`, `localhost:5000`. */
  readonly domain: string;
  /** `library/busybox`. */
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;

  constructor(domain: string, path: string, tag?: string, digest?: Digest) {
    this.domain = domain;
    this.path = path;
    this.tag = tag;
    this.digest = digest;
  }

  /** Domain and path: `docker.io/library/busybox`. */
  get name(): string {
    return `${this.domain}/${this.path}`;
  }

  /** The name as people write it: `busybox`. */
  get familiarName(): string {
    if (this.domain !== defaultDomain) return this.name;
    const short = this.path.startsWith(officialPrefix) ? this.path.slice(officialPrefix.length) : this.path;
    return short.includes("/") || short === "" ? this.path : short;
  }

  /** The whole reference as people write it: `busybox:latest`. */
  familiar(): string {
    return this.familiarName + this.#suffix();
  }

  toString(): string {
    return this.name + this.#suffix();
  }

  /** The name alone. */
  withoutTag(): Reference {
    return new Reference(this.domain, this.path);
  }

  /** @throws EngineError `invalid-parameter` `invalid tag format` */
  withTag(tag: string): Reference {
    if (!anchoredTag.test(tag)) throw invalidParameter("invalid tag format");
    return new Reference(this.domain, this.path, tag);
  }

  withDigest(digest: Digest): Reference {
    return new Reference(this.domain, this.path, undefined, parseDigest(digest));
  }

  /** This reference, or with `:latest` when it has neither tag nor digest. */
  withDefaultTag(): Reference {
    return this.tag === undefined && this.digest === undefined ? this.withTag(defaultTag) : this;
  }

  #suffix(): string {
    return (this.tag === undefined ? "" : `:${this.tag}`) + (this.digest === undefined ? "" : `@${this.digest}`);
  }
}

/**
 * Reads what a person typed as Docker does: the default domain and `library/` are filled in, no tag is.
 *
 * @throws EngineError `invalid-parameter`, Docker's words.
 * **Source:** distribution/reference, normalize.go and reference.go.
 */
export const parseReference = (text: string): Reference => {
  if (/^[0-9a-f]{64}$/.test(text)) {
    throw invalidParameter(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  if (text.length > referenceCharactersMax) throw invalidParameter("invalid reference format");
  const [domain, rest] = splitDomain(text);
  const remote = rest.split(":", 1)[0] ?? "";
  if (remote !== remote.toLowerCase()) {
    throw invalidParameter(`invalid reference format: repository name (${remote}) must be lowercase`);
  }
  const match = grammar.exec(`${domain}/${rest}`);
  if (match === null) throw invalidParameter("invalid reference format");
  const path = match[2] ?? "";
  if (path.length > nameCharactersMax) {
    throw invalidParameter(`repository name must not be more than ${nameCharactersMax} characters`);
  }
  return new Reference(match[1] ?? "", path, match[3], match[4] === undefined ? undefined : parseDigest(match[4]));
};

const splitDomain = (text: string): [domain: string, rest: string] => {
  const slash = text.indexOf("/");
  const first = slash === -1 ? "" : text.slice(0, slash);
  const named = first === "localhost" || /[.:]/.test(first) || first !== first.toLowerCase();
  const domain = !named || first === legacyDefaultDomain ? defaultDomain : first;
  const rest = named ? text.slice(slash + 1) : text;
  return [domain, domain === defaultDomain && !rest.includes("/") ? officialPrefix + rest : rest];
};
