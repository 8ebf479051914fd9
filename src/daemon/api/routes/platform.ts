import { invalidParameter, messageOf } from "../../../base/errors.ts";
import { normalizePlatform, type Platform } from "../../../oci/platform.ts";
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
 * A platform as newer calls give it, a JSON object; undefined for "".
 * @throws invalid-parameter
 */
export const platformOf = (text: string): Platform | undefined => {
  if (text === "") return undefined;
  let decoded;
  try {
    decoded = decodeText(platform, text);
  } catch (error) {
    throw invalidParameter(`failed to parse platform: ${messageOf(error).replace(/^invalid JSON: /, "")}`, error);
  }
  const { os, architecture, variant } = decoded;
  if (!os || !architecture) throw invalidParameter("both OS and Architecture must be provided");
  return normalizePlatform({ os, architecture, ...(variant ? { variant } : {}) });
};

/** As `platformOf`, for a parameter that may be repeated. */
export const platformsOf = (texts: readonly string[]): Platform[] =>
  texts.map(platformOf).filter((found) => found !== undefined);
