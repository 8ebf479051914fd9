// An /etc of the test's own: whoever changes users and subordinate ids there changes nothing of the machine's.
import { appendFileSync, mkdirSync, mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { mountTmpfs, umount } from "../../src/linux/mount/mount.ts";
import { mountOverlay } from "../../src/linux/mount/overlay.ts";

/** Ranges of the user `daemon`, whom every machine has. */
export const ranges = { first: 100_000, second: 300_000, size: 65_536 };

/** Lays a writable copy over /etc of this mount namespace. Dispose it behind the daemons that read it. */
export const privateEtc = (lines: readonly string[] = [`daemon:${ranges.first}:${ranges.size}`]): Disposable => {
  const folder = mkdtempSync(join(tmpdir(), "berth-etc-"));
  mountTmpfs(folder);
  for (const name of ["upper", "work"]) mkdirSync(join(folder, name));
  mountOverlay({ lower: ["/etc"], upper: join(folder, "upper"), work: join(folder, "work"), target: "/etc" });
  for (const name of ["/etc/subuid", "/etc/subgid"]) appendFileSync(name, lines.map((line) => `${line}\n`).join(""));
  return {
    [Symbol.dispose]: () => {
      umount("/etc", { detach: true });
      umount(folder, { detach: true });
      rmdirSync(folder);
    },
  };
};

/** The same for a whole test file; to be called before `useEngine`. */
export const usePrivateEtc = (lines?: readonly string[]): void => {
  let etc: Disposable | undefined;
  before(() => void (etc = privateEtc(lines)));
  after(() => etc?.[Symbol.dispose]());
};
