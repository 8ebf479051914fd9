import { invalidParameter } from "../../../base/errors.ts";
import { decodeText } from "../body/decode.ts";
import * as s from "../body/shape.ts";

const platform = s.struct("v1.Platform", {
  architecture: s.string,
  os: s.string,
  "os.version": s.string,
  "os.features": s.list(s.string),
  variant: s.string,
});

/**
 * A platform as newer calls give it, a JSON object, in the short form `os/architecture/variant`; undefined for "".
 * @throws invalid-parameter
 */
export const platformOf = (text: string): string | undefined => {
  if (text === "") return undefined;
  let decoded;
  try {
    decoded = decodeText(platform, text);
  } catch (error) {
    throw invalidParameter("failed to parse platform", error);
  }
  if (!decoded.os || !decoded.architecture) {
    throw invalidParameter("both OS and Architecture must be provided");
  }
  return [decoded.os, decoded.architecture, decoded.variant].filter(Boolean).join("/");
};

/** As `platformOf`, for a parameter that may be repeated. */
export const platformsOf = (texts: readonly string[]): string[] =>
  texts.map(platformOf).filter((text) => text !== undefined);
