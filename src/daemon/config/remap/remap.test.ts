import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { mapText, rootOwner, toContainer, toHost } from "../../../linux/namespace/id-mapping.ts";
import { resolveRemap } from "./resolve.ts";
import { nextFree, rangesOf, readSubordinate } from "./subordinate.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-remap-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const files = {
  passwd: file("passwd", "root:x:0:0::/:/bin/sh\nzz-mapper:x:1001:1002::/:/bin/sh\nzz-lonely:x:1003:1003::/:\n"),
  group: file("group", "root:x:0:\nzz-mapper:x:1002:\nzz-others:x:1009:\nzz-same:x:1001:\n"),
  subuid: file("subuid", "# a comment\nother:5000:10\nzz-mapper:200000:1000\n1001:300000:64536\n"),
  subgid: file("subgid", "zz-mapper:400000:65536\n"),
};
const uids = [
  { containerId: 0, hostId: 200000, size: 1000 },
  { containerId: 1000, hostId: 300000, size: 64536 },
];
const gids = [{ containerId: 0, hostId: 400000, size: 65536 }];
const never = (): Promise<void> => Promise.reject(new Error("not to be called"));

test("every form of the option", async () => {
  const of = (group: string): object => ({ user: "zz-mapper", group, mapping: { uids, gids } });
  assert.deepEqual(await resolveRemap("zz-mapper", files, never), of("zz-mapper"));
  assert.deepEqual(await resolveRemap("zz-mapper:zz-others", files, never), of("zz-others"));
  assert.deepEqual(await resolveRemap("zz-mapper:1009", files, never), of("zz-others"));
  assert.deepEqual(await resolveRemap("1001", files, never), of("zz-same"));
  assert.deepEqual(await resolveRemap("1001:1009", files, never), of("zz-others"));
  assert.deepEqual(await resolveRemap("1001:zz-others", files, never), of("zz-others"));
  assert.equal(await resolveRemap("", files, never), null);
  assert.equal(await resolveRemap("root", files, never), null, "root is not remapped with itself");
});

test("what Docker says of the others", async () => {
  const cases: [string, string][] = [
    ["a:b:c", 'Invalid user/group specification in --userns-remap: "a:b:c"'],
    ["zz-none", 'Error during uid lookup for "zz-none": getent unable to find entry "zz-none" in passwd database'],
    ["4999999", 'Uid 4999999 has no entry in /etc/passwd: getent unable to find entry "4999999" in passwd database'],
    ["0:4999999", 'Gid 4999999 has no entry in /etc/passwd: getent unable to find entry "4999999" in group database'],
    [
      "zz-mapper:zz-no",
      'Error during groupname lookup for "zz-no": getent unable to find entry "zz-no" in group database',
    ],
    ["zz-lonely", 'Error during gid lookup for "zz-lonely": getent unable to find entry "zz-lonely" in group database'],
    ["1003", 'Gid 1003 has no entry in /etc/group: getent unable to find entry "1003" in group database'],
    [
      "zz-lonely:zz-same",
      `Can't create ID mappings: no subuid ranges found for user "zz-lonely": add a line "zz-lonely:100000:65536" to ${files.subuid}`,
    ],
  ];
  for (const [option, message] of cases) {
    await assert.rejects(resolveRemap(option, files, never), { message });
  }
});

test("the default user is made once, when it is missing", async () => {
  const own = {
    ...files,
    passwd: file("passwd2", ""),
    group: file("group2", ""),
    subuid: file("u2", ""),
    subgid: file("g2", ""),
  };
  const make = async (name: string): Promise<void> => {
    appendFileSync(own.passwd, `${name}:x:900:901::/:\n`);
    appendFileSync(own.group, `${name}:x:901:\n`);
    for (const path of [own.subuid, own.subgid]) appendFileSync(path, `${name}:100000:65536\n`);
  };
  if ((await resolveRemap("default", own, make))?.user !== "dockremap") assert.fail();
  const again = await resolveRemap("default", own, never);
  assert.deepEqual(again?.mapping.uids, [{ containerId: 0, hostId: 100000, size: 65536 }]);
});

test("a user that cannot be made", async () => {
  const own = { ...files, passwd: file("passwd3", "") };
  await assert.rejects(
    resolveRemap("default", own, () => Promise.reject(new Error("no tool"))),
    { message: 'Error during "dockremap" user creation: no tool' },
  );
});

test("files of subordinate ids", () => {
  assert.deepEqual(readSubordinate(join(folder, "none")), []);
  assert.throws(() => readSubordinate(file("bad", "x:1\n")), /Format not correct for line "x:1"/);
  const bad = (text: string): void =>
    assert.throws(
      () => rangesOf(readSubordinate(file("range", text)), ["x"], "/f"),
      /\/f has a bad range for user "x"/,
    );
  bad("x:100:10\nx:105:10\n");
  bad("x:4294967290:10\n");
  assert.deepEqual(rangesOf(readSubordinate(file("zero", "x:5:0\n")), ["x"], "/f"), []);
  assert.equal(nextFree([]), 100000);
  assert.equal(
    nextFree([
      { owner: "a", start: 300000, count: 5 },
      { owner: "b", start: 1000, count: 5 },
    ]),
    300005,
  );
});

test("ids on both sides", () => {
  assert.equal(toHost(uids, 0), 200000);
  assert.equal(toHost(uids, 999), 200999);
  assert.equal(toHost(uids, 1000), 300000);
  assert.equal(toHost(uids, 65536), undefined);
  assert.equal(toContainer(uids, 300005), 1005);
  assert.equal(toContainer(uids, 0), undefined);
  assert.deepEqual(rootOwner({ uids, gids }), { uid: 200000, gid: 400000 });
  assert.throws(() => rootOwner({ uids: [], gids }), RangeError);
  assert.equal(mapText(uids), "0 200000 1000\n1000 300000 64536\n");
});
