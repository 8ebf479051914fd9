import { invalidParameter } from "../../../base/errors.ts";
import type { RegistryAuthConfig } from "../../../wire/registry/auth.ts";
import { decodeText } from "./decode.ts";
import * as s from "./shape.ts";

export const registryAuth: s.Shape<RegistryAuthConfig> = s.struct("registry.AuthConfig", {
  username: s.string,
  password: s.string,
  auth: s.string,
  email: s.string,
  serveraddress: s.string,
  identitytoken: s.string,
  registrytoken: s.string,
});

/**
 * Reads `X-Registry-Auth`: JSON in base64url, padded or not.
 * @throws invalid-parameter when it is neither absent nor that.
 */
export const parseRegistryAuth = (header: string | undefined): RegistryAuthConfig => {
  if (header === undefined || header === "") return {};
  try {
    return decodeText(registryAuth, Buffer.from(header, "base64url").toString("utf8"));
  } catch (error) {
    // Its text stays out of the message: it holds a password.
    throw invalidParameter("invalid X-Registry-Auth header: must be a valid base64url-encoded JSON object", error);
  }
};
