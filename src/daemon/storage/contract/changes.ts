import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { setxattr } from "../../../linux/file/xattr.ts";
import { makeLayer } from "./fixture.ts";
import type { WithDriver } from "./fixture.ts";

/** One directory for each thing that is done. */
const below = `
mkdir attr same own touch content file2dir dir2file dir2link rmdir redo mv mvdir link unlink empty mode revert dirtouch fifo none swap xattr deep
for d in attr same own touch content file2dir mv link unlink none xattr; do echo hello > $d/f; done; ln unlink/f unlink/g
for d in dir2file dir2link rmdir redo mvdir; do mkdir $d/d; echo 1 > $d/d/a; echo 2 > $d/d/b; done
mkdir mode/d dirtouch/d deep/1 deep/1/2; echo x > mode/d/x; echo x > dirtouch/d/x; echo 1 > swap/1; echo 2 > swap/2
find . -exec touch -d '2020-01-01 00:00:00 UTC' {} +
`;
const done = `
chmod 600 attr/f; chmod 644 same/f; chown 1:1 own/f; touch touch/f
touch -r content/f ../time; echo HELLO > content/f; touch -r ../time content/f
rm file2dir/f; mkdir file2dir/f; echo c > file2dir/f/c
rm -r dir2file/d; echo f > dir2file/d; rm -r dir2link/d; ln -s /nowhere dir2link/d
rm -r rmdir/d; rm -r redo/d; mkdir redo/d; echo 1 > redo/d/a; echo 3 > redo/d/c
mv mv/f mv/g; mv mvdir/d mvdir/e; ln link/f link/g; rm unlink/g; mkdir empty/new
chmod 700 mode/d; echo 1 > revert/f; rm revert/f; touch dirtouch/d; mkfifo fifo/p
mv swap/1 swap/0; mv swap/2 swap/1; mv swap/0 swap/2; mkdir -p deep/1/2/3; echo new > deep/1/2/3/f
`;

/** As dockerd 28.5 and 20.10 tell the same, but for `unseen`. */
const told = `
C /attr, C /attr/f, C /content, C /content/f, C /deep, C /deep/1, C /deep/1/2, A /deep/1/2/3, A /deep/1/2/3/f,
C /dir2file, C /dir2file/d, C /dir2link, C /dir2link/d, C /empty, A /empty/new, C /fifo, A /fifo/p,
C /file2dir, C /file2dir/f, A /file2dir/f/c, C /link, A /link/g, C /mode, C /mode/d, C /mv, D /mv/f, A /mv/g,
C /mvdir, D /mvdir/d, A /mvdir/e, A /mvdir/e/a, A /mvdir/e/b, C /own, C /own/f,
C /redo, C /redo/d, C /redo/d/a, D /redo/d/b, A /redo/d/c, C /rmdir, D /rmdir/d,
C /swap, C /swap/1, C /swap/2, C /touch, C /touch/f, C /unlink, D /unlink/g, C /xattr, C /xattr/f
`;
/** Content alone changed: size and time did not. Only where a full copy is all there is to compare with. */
const unseen = /^C \/(?:content|swap)(?:$|\/)/;

const kinds = ["C", "A", "D"];

/** `docker diff` is what differs between the two trees that one sees. */
export const changesContract = (withDriver: WithDriver): void => {
  test("docker diff tells what differs and nothing else", async () => {
    await withDriver(async (driver) => {
      const shell = (script: string, cwd: string): void =>
        void execFileSync("/bin/sh", ["-ec", script], { cwd, env: {} });
      await makeLayer(driver, "base", null, (path) => shell(`mkdir t; cd t; ${below}`, path));
      await driver.createWritable("a", "base");
      const root = driver.mount("a");
      shell(`cd t\n${done}rm ../time`, root);
      setxattr(join(root, "t/xattr/f"), "user.x", Buffer.from("1"));
      const all = told.split(",").map((line) => line.trim().replace(" ", " /t"));
      const expected = ["C /t", ...all].filter(
        (line) => driver.name !== "vfs" || !unseen.test(line.replace(" /t", " ")),
      );
      const changes = (await driver.changes("a")).map(({ path, kind }) => `${kinds[kind]} ${path}`);
      assert.deepEqual(changes, expected);
      await driver.remove("a");
    });
  });
};
