interface NodeError extends Error {
  code?: string;
  address?: string;
  port?: number;
  hostname?: string;
  errors?: NodeError[];
}

const plainAnswer = new Set(["EPROTO", "ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_PACKET_LENGTH_TOO_LONG"]);

const untrusted: Record<string, string> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "x509: certificate signed by unknown authority",
  UNABLE_TO_GET_ISSUER_CERT: "x509: certificate signed by unknown authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "x509: certificate signed by unknown authority",
  SELF_SIGNED_CERT_IN_CHAIN: "x509: certificate signed by unknown authority",
  DEPTH_ZERO_SELF_SIGNED_CERT: "x509: certificate signed by unknown authority",
  CERT_HAS_EXPIRED: "x509: certificate has expired or is not yet valid",
  CERT_NOT_YET_VALID: "x509: certificate has expired or is not yet valid",
};

const place = (address: string | undefined, port: number | undefined): string => {
  if (address === undefined) return "";
  return ` ${address.includes(":") ? `[${address}]` : address}${port === undefined ? "" : `:${port}`}`;
};

const dialWords: Record<string, string> = {
  ECONNREFUSED: "connect: connection refused",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
  ETIMEDOUT: "i/o timeout",
  EADDRNOTAVAIL: "connect: cannot assign requested address",
};

/** What a failed request says, in the words that scripts around Docker know, and whether another try may help. */
export interface FailureReason {
  text: string;
  temporary: boolean;
}

/** Puts a Node error of a request into Go's words. */
export const reasonOf = (error: unknown): FailureReason => {
  const failure = (error instanceof AggregateError ? error.errors[0] : error) as NodeError;
  const code = failure.code ?? "";
  const dial = dialWords[code];
  if (dial !== undefined)
    return { text: `dial tcp${place(failure.address, failure.port)}: ${dial}`, temporary: code === "ETIMEDOUT" };
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return {
      text: `dial tcp: lookup ${failure.hostname ?? ""}: ${code === "ENOTFOUND" ? "no such host" : "server misbehaving"}`,
      temporary: code === "EAI_AGAIN",
    };
  if (plainAnswer.has(code)) return { text: "http: server gave HTTP response to HTTPS client", temporary: false };
  const trust = untrusted[code];
  if (trust !== undefined) return { text: `tls: failed to verify certificate: ${trust}`, temporary: false };
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return { text: `tls: failed to verify certificate: x509: ${failure.message}`, temporary: false };
  if (code === "ECONNRESET" && /hang up/.test(failure.message)) return { text: "EOF", temporary: true };
  if (code === "ECONNRESET") return { text: "read: connection reset by peer", temporary: true };
  if (code === "EPIPE") return { text: "write: broken pipe", temporary: true };
  return { text: failure.message, temporary: true };
};
