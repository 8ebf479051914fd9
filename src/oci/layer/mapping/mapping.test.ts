import assert from "node:assert/strict";
import { test } from "node:test";
import { TarError } from "../tar/error.ts";
import { capabilityInside, capabilityOutside } from "./capability.ts";
import { ownerInside, ownerOutside } from "./owner.ts";

const mapping = {
  uids: [{ containerId: 0, hostId: 100_000, size: 10 }],
  gids: [{ containerId: 0, hostId: 200_000, size: 10 }],
};

test("owners are those of the container's side in an archive, and of the host's on the disk", () => {
  assert.deepEqual(ownerInside({ uid: 100_003, gid: 200_004 }, mapping), { uid: 3, gid: 4 });
  assert.deepEqual(ownerInside({ uid: 0, gid: 200_010 }, mapping), { uid: 65534, gid: 65534 });
  assert.deepEqual(ownerInside({ uid: 7, gid: 8 }, undefined), { uid: 7, gid: 8 });
  assert.deepEqual(ownerOutside({ uid: 3, gid: 4 }, mapping), { uid: 100_003, gid: 200_004 });
  assert.deepEqual(ownerOutside({ uid: 3, gid: 4 }, undefined), { uid: 3, gid: 4 });
  assert.throws(() => ownerOutside({ uid: 10, gid: 4 }, mapping), TarError);
});

test("file capabilities of the container's root are plain ones in its archives", () => {
  const of = (magic: number, root?: number): Buffer => {
    const value = Buffer.alloc(root === undefined ? 20 : 24);
    value.writeUInt32LE(magic, 0);
    value.writeUInt32LE(0x2000, 4);
    if (root !== undefined) value.writeUInt32LE(root, 20);
    return value;
  };
  assert.deepEqual(capabilityInside(of(0x03000001, 100_000), mapping), of(0x02000001));
  assert.deepEqual(capabilityInside(of(0x03000001, 100_001), mapping), of(0x03000001, 100_001), "another namespace's");
  assert.deepEqual(capabilityInside(of(0x02000001), mapping), of(0x02000001));
  assert.deepEqual(capabilityInside(of(0x03000001, 100_000), undefined), of(0x03000001, 100_000));
  assert.deepEqual(capabilityOutside(of(0x02000001), mapping), of(0x03000001, 100_000));
  assert.deepEqual(capabilityOutside(of(0x02000001), undefined), of(0x02000001));
  assert.deepEqual(capabilityOutside(of(0x03000001, 5), mapping), of(0x03000001, 5));
  assert.deepEqual(capabilityOutside(Buffer.of(1), mapping), Buffer.of(1));
});
