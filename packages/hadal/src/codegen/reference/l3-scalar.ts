/** What each L3 op does to one lane: integers of 64 bits are bigints, everything else is a number. */
import { InternalError } from '../../base/errors.js';
import { float16Bits, float16Value } from '../../base/half.js';
import { bigintToFloat32 } from '../../base/round.js';
import type {
  BinaryOp,
  CompareOp,
  ConstantShiftOp,
  DotOp,
  HorizontalOp,
  Kind,
  ShiftOp,
  UnaryOp,
} from '../../kernel/l3.js';
import { fused32 } from './fused.js';

export type Lane = number | bigint;

const fround = Math.fround;

function roundHalfEven(x: number): number {
  // From 2^52 on all float64 are whole numbers; so are the float32 from 2^23 on.
  if (!Number.isFinite(x) || Math.abs(x) >= 2 ** 52) return x;
  const floor = Math.floor(x);
  const diff = x - floor;
  const r = diff < 0.5 ? floor : diff > 0.5 ? floor + 1 : floor % 2 === 0 ? floor : floor + 1;
  return r === 0 && (x < 0 || Object.is(x, -0)) ? -0 : r;
}

export function unary(fn: UnaryOp, kind: Kind, x: Lane): Lane {
  if (kind === 'mask') return x ? 0 : 1;
  const isOfIntegers = fn === 'neg' || fn === 'abs' || fn === 'not';
  if ((typeof x === 'bigint' || kind === 'i32') && !isOfIntegers) throw new InternalError(`${fn} of ${kind}`);
  if (typeof x === 'bigint') {
    const y = fn === 'neg' ? -x : fn === 'abs' ? (x < 0n ? -x : x) : ~x;
    return BigInt.asIntN(64, y);
  }
  if (kind === 'i32') return (fn === 'neg' ? -x : fn === 'abs' ? Math.abs(x) : ~x) | 0;
  switch (fn) {
    case 'neg':
      return -x;
    case 'abs':
      return Math.abs(x);
    case 'sqrt':
      return kind === 'f32' ? fround(Math.sqrt(x)) : Math.sqrt(x);
    case 'floor':
      return Math.floor(x);
    case 'round':
      return roundHalfEven(x);
    case 'half':
      return float16Value(float16Bits(x));
    case 'not':
      throw new InternalError(`not of ${kind}`);
  }
}

export function binary(fn: BinaryOp | HorizontalOp, kind: Kind, a: Lane, b: Lane): Lane {
  if (typeof a === 'bigint' || typeof b === 'bigint') return binary64(fn, BigInt(a), BigInt(b));
  switch (fn) {
    case 'min':
      return a < b ? a : b;
    case 'max':
      return a > b ? a : b;
    case 'and':
      return a & b;
    case 'or':
      return a | b;
    case 'xor':
      return a ^ b;
    case 'shl':
    case 'shr':
    case 'sar':
      return shift(fn, a, b);
  }
  if (fn === 'scale') {
    // Beyond these exponents every float32 is 0 or infinite.
    const exponent = Number.isFinite(b) ? Math.max(-400, Math.min(400, Math.floor(b))) : b;
    return fround(a * 2 ** exponent);
  }
  if (kind === 'i32') return binary32(fn, a, b);
  const r = fn === 'add' ? a + b : fn === 'sub' ? a - b : fn === 'mul' ? a * b : fn === 'rem' ? a % b : a / b;
  if (kind === 'f32') return fround(r);
  if (kind === 'f64') return r;
  if (!Number.isSafeInteger(Math.floor(r)) || r < 0)
    throw new InternalError(`index ${fn}(${a}, ${b}) = ${r} is not an index`);
  return Math.floor(r);
}

function binary32(fn: 'add' | 'sub' | 'mul' | 'div' | 'rem', a: number, b: number): number {
  switch (fn) {
    case 'add':
      return (a + b) | 0;
    case 'sub':
      return (a - b) | 0;
    case 'mul':
      return Math.imul(a, b);
    case 'div':
      return b === 0 ? 0 : (a / b) | 0;
    case 'rem':
      return b === 0 ? 0 : (a % b) | 0;
  }
}

function binary64(fn: BinaryOp | HorizontalOp, a: bigint, b: bigint): bigint {
  switch (fn) {
    case 'add':
      return BigInt.asIntN(64, a + b);
    case 'sub':
      return BigInt.asIntN(64, a - b);
    case 'mul':
      return BigInt.asIntN(64, a * b);
    case 'div':
      return b === 0n ? 0n : BigInt.asIntN(64, a / b);
    case 'rem':
      return b === 0n ? 0n : a % b;
    case 'min':
      return a < b ? a : b;
    case 'max':
      return a > b ? a : b;
    case 'and':
      return a & b;
    case 'or':
      return a | b;
    case 'xor':
      return a ^ b;
    case 'shl':
    case 'shr':
    case 'sar':
      return shift64(fn, a, b & 63n);
    case 'scale':
      throw new InternalError('scale is for f32');
  }
}

/** Below 2^-126: what processors that add up bfloat16 take for zero. */
function normal(x: number): number {
  return Math.abs(x) < 2 ** -126 ? 0 * x : x;
}

function bfloat16Value(word: number): number {
  return normal(Number(bitcast('f32', word << 16)));
}

/** One lane of `dot`. */
export function dot(fn: DotOp, a: number, b: number, c: number): number {
  if (fn === 'bytes') {
    let sum = c;
    for (let at = 0; at < 32; at += 8) sum = (sum + ((a >>> at) & 0xff) * ((b << (24 - at)) >> 24)) | 0;
    return sum;
  }
  const high = normal(fused32(bfloat16Value(a >>> 16), bfloat16Value(b >>> 16), normal(c)));
  return normal(fused32(bfloat16Value(a), bfloat16Value(b), high));
}

export function compare(fn: CompareOp, x: Lane, y: Lane): Lane {
  const on = fn === 'eq' ? x === y : fn === 'ne' ? x !== y : fn === 'lt' ? x < y : x <= y;
  return on ? 1 : 0;
}

export function shift(fn: ConstantShiftOp, x: Lane, amount: number): Lane {
  if (typeof x === 'bigint') {
    if (fn === 'rol') throw new InternalError('rol of 64 bits');
    return shift64(fn, x, BigInt(amount));
  }
  if (fn === 'rol') return (x << amount) | (amount === 0 ? 0 : x >>> (32 - amount));
  return fn === 'shl' ? x << amount : fn === 'shr' ? (x >>> amount) | 0 : x >> amount;
}

function shift64(fn: ShiftOp, x: bigint, amount: bigint): bigint {
  return BigInt.asIntN(64, fn === 'shl' ? x << amount : (fn === 'shr' ? BigInt.asUintN(64, x) : x) >> amount);
}

const bits = new DataView(new ArrayBuffer(8));

export function bitcast(to: Kind, x: Lane): Lane {
  switch (to) {
    case 'i32':
      bits.setFloat32(0, Number(x));
      return bits.getInt32(0);
    case 'f32':
      bits.setInt32(0, Number(x));
      return bits.getFloat32(0);
    case 'i64':
      bits.setFloat64(0, Number(x));
      return bits.getBigInt64(0);
    case 'f64':
      bits.setBigInt64(0, BigInt(x));
      return bits.getFloat64(0);
    case 'index':
    case 'mask':
      throw new InternalError(`bitcast to ${to}`);
  }
}

/** `index` and `mask` are plain numbers, so that nothing but the width of the result matters. */
export function convert(to: Kind, x: Lane): Lane {
  switch (to) {
    case 'i64':
      if (typeof x === 'bigint') return x;
      return Number.isFinite(x) ? BigInt.asIntN(64, BigInt(Math.trunc(x))) : -(2n ** 63n);
    case 'i32':
      return typeof x === 'bigint' ? Number(BigInt.asIntN(32, x)) : Math.trunc(x) | 0;
    case 'f32':
      return typeof x === 'bigint' ? bigintToFloat32(x) : fround(x);
    case 'f64':
    case 'index':
    case 'mask':
      return Number(x);
  }
}
