/** Opcode numbers of the integer instructions: Intel's manual, volume 2, appendix A. */
import { InternalError } from '../../base/errors.js';

export type Size = 32 | 64;
/** Sizes that only loads and stores have. */
export type NarrowSize = 8 | 16;
export const aluOps = { add: 0, or: 1, and: 4, sub: 5, xor: 6, cmp: 7 } as const;
export type AluOp = keyof typeof aluOps;
export const conditions = {
  o: 0,
  b: 2,
  ae: 3,
  e: 4,
  ne: 5,
  be: 6,
  a: 7,
  s: 8,
  ns: 9,
  p: 10,
  np: 11,
  l: 12,
  ge: 13,
  le: 14,
  g: 15,
} as const;
export type Condition = keyof typeof conditions;
export const shiftOps = { rol: 0, shl: 4, shr: 5, sar: 7 } as const;
export const unaryOps = { not: 2, neg: 3, mul: 4, div: 6, idiv: 7 } as const;

/** Intel's recommended multi-byte no-ops, by length. */
export const nops: readonly (readonly number[])[] = [
  [],
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

/** Immediates are of 32 bits at the most. */
export function checkInt32(x: number): void {
  if (x !== (x | 0)) throw new InternalError(`x86: immediate ${x} does not fit in 32 bits`);
}
