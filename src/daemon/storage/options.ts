import { invalidParameter } from "../../base/errors.ts";
import { parseBytes } from "../config/value.ts";

/** `--storage-opt` of the daemon: [["overlay2.size", "10G"]]; names in lower case. */
export type DriverOptions = readonly (readonly [name: string, value: string])[];

/** @throws EngineError invalid-parameter in dockerd's words */
export const parseDriverOptions = (texts: readonly string[]): DriverOptions =>
  texts.map((text) => {
    const equals = text.indexOf("=");
    if (equals === -1) throw invalidParameter(`unable to parse storage-opt key/value: ${text}`);
    return [text.slice(0, equals).trim().toLowerCase(), text.slice(equals + 1).trim()];
  });

/** Bytes of a size like "10G". @throws EngineError invalid-parameter `invalid size: 'x'` */
export const sizeOption = (text: string): number => {
  try {
    return parseBytes(text);
  } catch (error) {
    throw invalidParameter(`invalid size: '${text}'`, error);
  }
};
