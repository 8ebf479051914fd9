import { invalidParameter } from "../../base/errors.ts";

/** The versions of the Engine API that are served: 1.24 to 1.51. Only the minor number differs. */
export const minApiMinor = 24;
export const maxApiMinor = 51;
export const minApiVersion = `1.${minApiMinor}`;
export const maxApiVersion = `1.${maxApiMinor}`;

/** Compares dotted version numbers part by part; a missing part counts as 0. */
export const compareVersions = (a: string, b: string): number => {
  const left = a.split(".");
  const right = b.split(".");
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = Number(left[i] ?? 0) - Number(right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
};

/**
 * The minor number of the version that a path asks for.
 * @throws invalid-parameter outside the window, in Docker's words.
 */
export const negotiate = (version: string | undefined): number => {
  if (version === undefined) return maxApiMinor;
  if (compareVersions(version, minApiVersion) < 0) {
    throw invalidParameter(
      `client version ${version} is too old. Minimum supported API version is ${minApiVersion}, please upgrade your client to a newer version`,
    );
  }
  if (compareVersions(version, maxApiVersion) > 0) {
    throw invalidParameter(`client version ${version} is too new. Maximum supported API version is ${maxApiVersion}`);
  }
  return Number(version.split(".")[1] ?? 0);
};

/** Clients so old that they expect an error as plain text. */
export const wantsPlainErrors = (version: string | undefined): boolean =>
  version !== undefined && compareVersions(version, minApiVersion) < 0;
