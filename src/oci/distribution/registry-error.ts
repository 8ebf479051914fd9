/** A registry answered, and said no. `code` is the registry's (`MANIFEST_UNKNOWN`), or made from the status. */
export class RegistryError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, text: string) {
    super(`${code.toLowerCase().replaceAll("_", " ")}: ${text}`);
    this.name = "RegistryError";
    this.status = status;
    this.code = code;
  }
}

/** A registry's answer made no sense: a status or a body that the protocol does not know. */
export class UnexpectedAnswerError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "UnexpectedAnswerError";
    this.status = status;
  }
}

/** No answer could be had. The message is Go's: `Get "https://host/v2/": dial tcp …: connect: connection refused`. */
export class TransportError extends Error {
  /** False when repeating the request cannot help: no credentials, a certificate that is not trusted. */
  readonly temporary: boolean;

  constructor(method: string, url: string, reason: string, options: ErrorOptions & { temporary: boolean }) {
    super(`${method.charAt(0)}${method.slice(1).toLowerCase()} ${JSON.stringify(url)}: ${reason}`, options);
    this.name = "TransportError";
    this.temporary = options.temporary;
  }
}

/** A registry that wants a name and a password got none, or none that it takes. */
export class CredentialsError extends TransportError {
  /** What is wrong, without the request that met it. */
  readonly reason = "no basic auth credentials";

  constructor(method: string, url: string) {
    super(method, url, "no basic auth credentials", { temporary: false });
    this.name = "CredentialsError";
  }
}

/** Bytes that are not what their digest, size or media type says. Never retried from the same place. */
export class ContentError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ContentError";
  }
}
