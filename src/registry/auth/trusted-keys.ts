import { createHash, createPublicKey, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { decodeProtectedHeader, exportJWK, importJWK, calculateJwkThumbprint } from "jose";
import type { JWK } from "jose";
import type { TokenConfig } from "../config/config.ts";

const pemBlock = /-----BEGIN (CERTIFICATE|PUBLIC KEY)-----[^-]+-----END \1-----/g;
/** Certificates of a chain that are looked at. */
const maxChain = 5;

type Key = KeyObject | Exclude<Awaited<ReturnType<typeof importJWK>>, Uint8Array>;

/**
 * How docker's token servers name a key: the first 30 bytes of the SHA-256 of its DER, in base32, in groups of four.
 *
 * **Source:** docker/libtrust, util.go (keyIDFromCryptoKey).
 */
const libtrustId = (key: KeyObject): string => {
  const der = key.export({ type: "spki", format: "der" });
  const hash = createHash("sha256").update(der).digest().subarray(0, 30);
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  let bits = "";
  for (const byte of hash) bits += byte.toString(2).padStart(8, "0");
  const text = (bits.match(/.{5}/g) ?? []).map((five) => alphabet[Number.parseInt(five, 2)]).join("");
  return (text.match(/.{4}/g) ?? []).join(":");
};

/** The keys that tokens may be signed with, all from files of the configuration. */
export class TrustedKeys {
  readonly #roots: X509Certificate[] = [];
  readonly #keys: Key[] = [];
  readonly #byId = new Map<string, Key>();

  /** @throws Error when a file cannot be read or holds no key. */
  static async read({ rootCertificates, jwks }: TokenConfig): Promise<TrustedKeys> {
    const trusted = new TrustedKeys();
    if (rootCertificates !== undefined) await trusted.#readPem(rootCertificates);
    if (jwks !== undefined) await trusted.#readSet(jwks);
    if (trusted.#keys.length === 0) throw new Error("token authentication needs rootcertbundle or jwks with a key");
    return trusted;
  }

  /** The keys that may have signed a token; none when it brings its own or names one that is not ours. */
  async candidates(token: string): Promise<Key[]> {
    let header: { kid?: unknown; jwk?: unknown; jku?: unknown; x5u?: unknown; x5c?: unknown };
    try {
      header = decodeProtectedHeader(token);
    } catch {
      return [];
    }
    if (Array.isArray(header.x5c)) return this.#fromChain(header.x5c);
    if (header.jwk !== undefined || header.jku !== undefined || header.x5u !== undefined) return [];
    if (typeof header.kid !== "string") return this.#keys;
    const named = this.#byId.get(header.kid);
    return named === undefined ? [] : [named];
  }

  /** The key of a certificate that leads to one of ours. */
  #fromChain(chain: unknown[]): Key[] {
    try {
      const certificates = chain
        .slice(0, maxChain)
        .map((entry) => new X509Certificate(Buffer.from(String(entry), "base64")));
      const [leaf] = certificates;
      if (leaf === undefined) return [];
      const now = Date.now();
      for (const [index, certificate] of certificates.entries()) {
        if (certificate.validFromDate.getTime() > now || certificate.validToDate.getTime() < now) return [];
        if (index > 0 && !certificate.ca) return [];
        const signedBy = (root: X509Certificate): boolean =>
          certificate.fingerprint256 === root.fingerprint256 ||
          (certificate.checkIssued(root) && certificate.verify(root.publicKey));
        if (this.#roots.some(signedBy)) return [leaf.publicKey];
        const next = certificates[index + 1];
        if (next === undefined || !certificate.checkIssued(next) || !certificate.verify(next.publicKey)) return [];
      }
    } catch {
      // No certificates at all.
    }
    return [];
  }

  async #readPem(path: string): Promise<void> {
    for (const [block] of (await readFile(path, "utf8")).matchAll(pemBlock)) {
      const certificate = block.includes("CERTIFICATE") ? new X509Certificate(block) : undefined;
      if (certificate !== undefined) this.#roots.push(certificate);
      const key = certificate?.publicKey ?? createPublicKey(block);
      this.#keys.push(key);
      this.#byId.set(libtrustId(key), key);
      this.#byId.set(await calculateJwkThumbprint(await exportJWK(key)), key);
    }
  }

  async #readSet(path: string): Promise<void> {
    const { keys } = JSON.parse(await readFile(path, "utf8")) as { keys?: JWK[] };
    for (const jwk of keys ?? []) {
      const key = await importJWK(jwk, jwk.alg ?? "RS256");
      if (key instanceof Uint8Array) continue;
      this.#keys.push(key);
      if (jwk.kid !== undefined) this.#byId.set(jwk.kid, key);
    }
  }
}
