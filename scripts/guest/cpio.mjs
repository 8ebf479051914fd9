/**
 * A cpio archive in the form that the kernel unpacks as an initramfs.
 * @param entries `{ name, mode, content }`; mode with the file type's bits, content a Buffer
 * **Source:** Documentation/driver-api/early-userspace/buffer-format.rst of the kernel.
 */
export const cpioOf = (entries) => {
  const parts = [];
  const pad = (size) => Buffer.alloc(-size & 3);
  const add = ({ name, mode, content = Buffer.alloc(0) }, inode) => {
    const path = Buffer.from(`${name}\0`);
    const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, path.length, 0];
    const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`);
    parts.push(header, path, pad(header.length + path.length), content, pad(content.length));
  };
  entries.forEach((entry, index) => add(entry, index + 1));
  add({ name: "TRAILER!!!", mode: 0 }, 0);
  return Buffer.concat(parts);
};
