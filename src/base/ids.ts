import { randomBytes } from "node:crypto";

/** A new object id: 64 lower-case hex digits. */
export const newId = (): string => randomBytes(32).toString("hex");

/**
 * A new container or exec id. Its first 12 digits hold a letter, so that the default hostname is never all digits.
 */
export const newContainerId = (): string => {
  for (;;) {
    const id = newId();
    if (/[a-f]/.test(id.slice(0, 12))) return id;
  }
};

/** The 12 digits people see. Takes `sha256:` ids too. */
export const shortId = (id: string): string => id.slice(id.startsWith("sha256:") ? 7 : 0).slice(0, 12);

export const isFullId = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);
