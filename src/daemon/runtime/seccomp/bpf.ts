/**
 * One instruction of a classic BPF program.
 *
 * **Source:** linux/filter.h (`struct sock_filter`), seccomp(2).
 */
export interface Instruction {
  code: number;
  /** Instructions to skip when the comparison holds, and when it does not; 0 to 255. */
  jt: number;
  jf: number;
  /** The operand, unsigned 32 bits. */
  k: number;
}

/** Instructions that are entered at the first one and always end in a return. */
export type Block = readonly Instruction[];

const maxJump = 255;

/** The kernel's limit of one program (BPF_MAXINSNS). */
export const maxInstructions = 4096;

const op = (code: number, k: number, jt = 0, jf = 0): Instruction => ({ code, jt, jf, k: k >>> 0 });

export const loadWord = (offset: number): Instruction => op(0x20, offset);
export const and = (mask: number): Instruction => op(0x54, mask);
export const jumpEqual = (k: number, jt: number, jf: number): Instruction => op(0x15, k, jt, jf);
export const jumpGreater = (k: number, jt: number, jf: number): Instruction => op(0x25, k, jt, jf);
export const jumpAtLeast = (k: number, jt: number, jf: number): Instruction => op(0x35, k, jt, jf);
export const jump = (k: number): Instruction => op(0x05, k);
export const ret = (value: number): Instruction => op(0x06, value);

/** `when` holds → `then`, else `otherwise`. Both end in returns, so they are laid out one after the other. */
export const branch = (when: (jt: number, jf: number) => Instruction, then: Block, otherwise: Block): Instruction[] =>
  then.length <= maxJump
    ? [when(0, then.length), ...then, ...otherwise]
    : [when(1, 0), jump(then.length), ...then, ...otherwise];

/** The program in the form the kernel reads: `struct sock_filter[]` in little-endian byte order. */
export const encode = (program: Block): Buffer => {
  if (program.length > maxInstructions) throw new RangeError(`BPF program of ${program.length} instructions`);
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(({ code, jt, jf, k }, index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(jt, index * 8 + 2);
    bytes.writeUInt8(jf, index * 8 + 3);
    bytes.writeUInt32LE(k, index * 8 + 4);
  });
  return bytes;
};
