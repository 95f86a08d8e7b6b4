/**
 * What a product's elements are multiplied and added up with: numbers of their kind one by one, halves as float32. Where the processor adds
 * up the products of bfloat16 by pairs and of bytes by fours, those that lie behind one another along k are packed together as one element
 * of 32 bits.
 */
import type { DType } from '../../base/dtype.js';
import { InternalError } from '../../base/errors.js';
import { isScalarOnly, kinds } from '../elements.js';
import type { GemmKernel } from '../l2.js';
import type { DotOp, Value } from '../l3.js';
import { isFloatKind } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import type { Target } from '../target.js';

type ElementKind = 'f32' | 'f64' | 'i32' | 'i64';

export interface GemmArithmetic {
  /** The instruction, or null for one by one. */
  readonly dot: DotOp | null;
  /** How many elements along k are one packed element. */
  readonly group: 1 | 2 | 4;
  /** Of packed elements, and of sums. */
  readonly packed: ElementKind;
  readonly sums: ElementKind;
  /** Whether A has signs, which the instruction does not take: 128 is added to its elements, and 128 times B's taken off again. */
  readonly isShifted: boolean;
}

function oneByOne(kind: ElementKind): GemmArithmetic {
  return { dot: null, group: 1, packed: kind, sums: kind, isShifted: false };
}

/** float32 one by one. */
export const singles: GemmArithmetic = oneByOne('f32');
const pairs: GemmArithmetic = { dot: 'bfloat16', group: 2, packed: 'i32', sums: 'f32', isShifted: false };
const fours: GemmArithmetic = { dot: 'bytes', group: 4, packed: 'i32', sums: 'i32', isShifted: false };
const shifted: GemmArithmetic = { ...fours, isShifted: true };
const others = { f64: oneByOne('f64'), i32: oneByOne('i32'), i64: oneByOne('i64') } as const;

/** 128 in each byte: without signs, what is added to bytes with signs; exclusive or adds it. */
export const SHIFT_BYTES = 0x80808080 | 0;

/** Whether the processor adds up products of such bytes by fours: those on the left with signs or without, on the right with signs. */
export function multipliesBytes({ dots }: Pick<Target, 'dots'>, left: DType, right: DType): boolean {
  return dots.includes('bytes') && (left === 'int8' || left === 'uint8') && right === 'int8';
}

/** How the elements of a kernel are multiplied on a target. */
export function gemmArithmetic({ exprs, a, b }: GemmKernel, target: Pick<Target, 'dots'>): GemmArithmetic {
  const [left, right] = [exprs[a].dtype, exprs[b].dtype];
  if (left === 'bfloat16' && right === 'bfloat16' && target.dots.includes('bfloat16')) return pairs;
  if (multipliesBytes(target, left, right)) return left === 'int8' ? shifted : fours;
  const kind = kinds[left];
  if (kind !== kinds[right] || kind === 'mask' || kind === 'index')
    throw new InternalError(`no product of ${left} and ${right}`);
  return kind === 'f32' ? singles : others[kind];
}

/** Rows and columns of a register tile of scalars. */
const SCALAR_ROWS = 4;
const SCALAR_COLUMNS = 2;

/**
 * The target as a product sees it: elements of 64 bits have vectors of fewer lanes, or none, and tiles and blocks of as many bytes. How deep
 * blocks are does not depend on lanes, and so no result does.
 */
export function elementTarget({ exprs, a }: GemmKernel, target: Target): Target {
  if (!isScalarOnly(exprs[a].dtype)) return target;
  const { lanes, wideLanes, gemm } = target;
  if (lanes === wideLanes) return target;
  const [mr, nr] = wideLanes > 1 ? [gemm.mr, (gemm.nr / lanes) * wideLanes] : [SCALAR_ROWS, SCALAR_COLUMNS];
  return { ...target, lanes: wideLanes, gemm: { ...gemm, mr, nr, mc: gemm.mc / 2, nc: gemm.nc / 2 } };
}

/** acc + the products of what is packed in `left` and in `right`. */
export function multiplied(
  b: L3Builder,
  { dot, sums }: GemmArithmetic,
  left: Value,
  right: Value,
  acc: Value,
): Value {
  if (dot !== null) return b.dot(dot, left, right, acc);
  return isFloatKind(sums) ? b.fma(left, right, acc) : b.add(acc, b.mul(left, right));
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
