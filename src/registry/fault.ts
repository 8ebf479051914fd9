/**
 * The codes of the distribution API's errors, with what each stands for when nothing more is known.
 *
 * **Source:** OCI distribution-spec, Error Codes; docker-registry's own (RANGE_INVALID, PAGINATION_NUMBER_INVALID, …).
 */
const codes = {
  BLOB_UNKNOWN: [404, "blob unknown to registry"],
  BLOB_UPLOAD_INVALID: [400, "blob upload invalid"],
  BLOB_UPLOAD_UNKNOWN: [404, "blob upload unknown to registry"],
  DENIED: [403, "requested access to the resource is denied"],
  DIGEST_INVALID: [400, "provided digest did not match uploaded content"],
  MANIFEST_BLOB_UNKNOWN: [400, "blob unknown to registry"],
  MANIFEST_INVALID: [400, "manifest invalid"],
  MANIFEST_UNKNOWN: [404, "manifest unknown"],
  NAME_INVALID: [400, "invalid repository name"],
  NAME_UNKNOWN: [404, "repository name not known to registry"],
  PAGINATION_NUMBER_INVALID: [400, "invalid number of results requested"],
  RANGE_INVALID: [416, "invalid content range"],
  SIZE_INVALID: [400, "provided length did not match content length"],
  TAG_INVALID: [400, "manifest tag did not match URI"],
  TOOMANYREQUESTS: [429, "too many requests"],
  UNAUTHORIZED: [401, "authentication required"],
  UNAVAILABLE: [503, "service unavailable"],
  UNKNOWN: [500, "unknown error"],
  UNSUPPORTED: [405, "The operation is unsupported."],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type FaultCode = keyof typeof codes;

export interface FaultOptions {
  message?: string;
  /** Anything that is JSON, for programs. */
  detail?: unknown;
  status?: number;
  headers?: Record<string, string>;
  cause?: unknown;
}

/** What the registry answers instead of doing what it was asked. Handlers throw it, the server sends it. */
export class RegistryFault extends Error {
  readonly code: FaultCode;
  readonly status: number;
  readonly detail: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: FaultCode, options: FaultOptions = {}) {
    super(options.message ?? codes[code][1], options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "RegistryFault";
    this.code = code;
    this.status = options.status ?? codes[code][0];
    this.detail = options.detail;
    this.headers = options.headers ?? {};
  }

  /** The body of the answer. */
  body(): string {
    const { code, message, detail } = this;
    return `${JSON.stringify({ errors: [{ code, message, ...(detail === undefined ? {} : { detail }) }] })}\n`;
  }
}

export const fault = (code: FaultCode, options?: FaultOptions): RegistryFault => new RegistryFault(code, options);
