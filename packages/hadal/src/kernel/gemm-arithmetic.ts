/**
 * What a product's elements are multiplied and added up with. Most are float32, or become it, and are multiplied one by one; where the
 * processor adds up the products of bfloat16 by pairs and of bytes by fours, those that lie behind one another along k are packed together
 * as one element of 32 bits.
 */
import type { DType } from '../base/dtype.js';
import { InternalError } from '../base/errors.js';
import { kinds } from './elements.js';
import type { GemmKernel } from './l2.js';
import type { DotOp, MemType, Value } from './l3.js';
import type { L3Builder } from './l3-builder.js';
import type { Target } from './target.js';

export interface GemmArithmetic {
  /** The instruction, or null for float32 one by one. */
  readonly dot: DotOp | null;
  /** How many elements along k are one packed element. */
  readonly group: 1 | 2 | 4;
  /** Of packed elements, and of sums. */
  readonly packed: MemType & ('f32' | 'i32');
  readonly sums: MemType & ('f32' | 'i32');
  /** Whether A has signs, which the instruction does not take: 128 is added to its elements, and 128 times B's taken off again. */
  readonly isShifted: boolean;
}

export const oneByOne: GemmArithmetic = { dot: null, group: 1, packed: 'f32', sums: 'f32', isShifted: false };
const pairs: GemmArithmetic = { dot: 'bfloat16', group: 2, packed: 'i32', sums: 'f32', isShifted: false };
const fours: GemmArithmetic = { dot: 'bytes', group: 4, packed: 'i32', sums: 'i32', isShifted: false };
const shifted: GemmArithmetic = { ...fours, isShifted: true };

/** 128 in each byte: without signs, what is added to bytes with signs; exclusive or adds it. */
export const SHIFT_BYTES = 0x80808080 | 0;

/** How the elements of a kernel are multiplied on a target. */
export function gemmArithmetic({ exprs, a, b }: GemmKernel, { dots }: Pick<Target, 'dots'>): GemmArithmetic {
  const [left, right] = [exprs[a].dtype, exprs[b].dtype];
  if (left === 'bfloat16' && right === 'bfloat16' && dots.includes('bfloat16')) return pairs;
  if (kinds[left] === 'f32' && kinds[right] === 'f32') return oneByOne;
  if (!dots.includes('bytes') || right !== 'int8' || (left !== 'int8' && left !== 'uint8'))
    throw new InternalError(`no product of ${left} and ${right}`);
  return left === 'int8' ? shifted : fours;
}

/** acc + the products of what is packed in `left` and in `right`. */
export function multiplied(
  b: L3Builder,
  { dot }: GemmArithmetic,
  left: Value,
  right: Value,
  acc: Value,
): Value {
  return dot === null ? b.fma(left, right, acc) : b.dot(dot, left, right, acc);
}

/** The bits of an element where they belong as the `at`-th of a packed one. */
function bitsAt(b: L3Builder, value: Value, dtype: DType, at: number): Value {
  if (dtype === 'bfloat16') {
    const word = b.bitcast('i32', value);
    return at === 0 ? b.shift('shr', word, 16) : b.binary('and', word, b.like(word, -65536));
  }
  const byte = b.binary('and', value, b.like(value, 0xff));
  return at === 0 ? byte : b.shift('shl', byte, 8 * at);
}

/** Elements that are neighbours along k as one packed element. */
export function packedTogether(b: L3Builder, values: readonly Value[], dtype: DType): Value {
  return values.map((v, at) => bitsAt(b, v, dtype, at)).reduce((word, bits) => b.binary('or', word, bits));
}
