import { closeSync, openSync } from "node:fs";
import { systemError } from "../../../base/errors.ts";
import { findBinary } from "../../../linux/process/find-binary.ts";
import { run } from "../../../linux/process/run.ts";
import type { AccountFiles } from "./accounts.ts";
import { nextFree, readSubordinate } from "./subordinate.ts";

/** As many as a distribution gives to each of its users. */
const rangeSize = 65_536;

/**
 * Makes the system user and group that containers' root is to be, with a range of users and one of groups: by the
 * machine's own tools alone, which know its locks and backups.
 * @throws EngineError system with what to do by hand
 */
export const createUser = async (files: AccountFiles, name: string): Promise<void> => {
  const byHand = `create the user and group "${name}", and add the line "${name}:100000:${rangeSize}" to ${files.subuid} and ${files.subgid}`;
  const [useradd, usermod] = [findBinary("useradd"), findBinary("usermod")];
  if (useradd === null || usermod === null) {
    throw systemError(`cannot add user; no useradd or usermod binary found: ${byHand}`);
  }
  await call(
    [
      useradd,
      "--system",
      "--user-group",
      "--no-create-home",
      "--home-dir",
      "/nonexistent",
      "--shell",
      "/bin/false",
      name,
    ],
    (output) => `failed to add user: ${output}: ${byHand}`,
  );
  for (const [file, flag, what] of [
    [files.subuid, "--add-subuids", "subuid"],
    [files.subgid, "--add-subgids", "subgid"],
  ] as const) {
    // The tool refuses where there is no file.
    closeSync(openSync(file, "a", 0o644));
    const ranges = readSubordinate(file);
    if (ranges.some(({ owner }) => owner === name)) continue;
    const start = nextFree(ranges);
    // oxlint-disable-next-line no-await-in-loop -- both lock the same files
    await call(
      [usermod, flag, `${start}-${start + rangeSize - 1}`, name],
      (output) => `unable to add ${what} range to user: "${name}"; output: ${output}: ${byHand}`,
    );
  }
};

const call = async (argv: readonly string[], words: (output: string) => string): Promise<void> => {
  const { code, stdout, stderr } = await run(argv);
  if (code !== 0) throw systemError(words((stderr || stdout.toString()).trim()));
};
