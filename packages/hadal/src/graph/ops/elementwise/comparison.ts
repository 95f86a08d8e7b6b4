/** Comparisons and logic, which give bools, and logic on the bits of integers. */
import type { Value } from '../../../kernel/l3.js';
import type { L3Builder } from '../../../kernel/l3-builder.js';
import type { ElementwiseOp } from '../../op.js';
import { binaryOp, noGradient, unaryOp } from './rules.js';

function compareOp(
  name: string,
  test: (a: number | bigint, b: number | bigint) => boolean,
  lower: (b: L3Builder, x: Value, y: Value) => Value,
): ElementwiseOp {
  return {
    kind: 'elementwise',
    name,
    arity: 2,
    scalar: { float: (a, b) => (test(a, b) ? 1 : 0), int: test },
    lower: (b, [x, y]) => {
      // Masks compare as 0 and 1.
      const [p, q] = x.type.kind === 'mask' ? [b.convert('i32', x), b.convert('i32', y)] : [x, y];
      return lower(b, p, q);
    },
    ...noGradient,
  };
}

function logicalOp(name: string, test: (a: boolean, b: boolean) => boolean, fn: 'and' | 'or'): ElementwiseOp {
  return {
    kind: 'elementwise',
    name,
    arity: 2,
    scalar: { float: (a, b) => (test(a !== 0, b !== 0) ? 1 : 0) },
    lower: (b, [x, y]) => b.binary(fn, x, y),
    ...noGradient,
  };
}

/** Amounts that no integer has bits for. */
function isBeyondAll(by: bigint): boolean {
  return by < 0n || by > 63n;
}

/** The result wraps to its dtype, so that fewer bits need no test of their own. */
function leftShift(x: bigint, by: bigint): bigint {
  return isBeyondAll(by) ? 0n : x << by;
}

function rightShift(x: bigint, by: bigint): bigint {
  return x >> (isBeyondAll(by) ? 63n : by);
}

function bitsOf(x: Value): 32 | 64 {
  return x.type.kind === 'i64' ? 64 : 32;
}

/** Negative amounts have their upper bits set. */
function isBeyond(b: L3Builder, by: Value): Value {
  const upper = b.binary('and', by, b.like(by, -bitsOf(by)));
  return b.compare('ne', upper, b.like(by, 0));
}

export const comparison = {
  eq: compareOp(
    'eq',
    (a, b) => a === b,
    (b, x, y) => b.compare('eq', x, y),
  ),
  ne: compareOp(
    'ne',
    (a, b) => a !== b,
    (b, x, y) => b.compare('ne', x, y),
  ),
  lt: compareOp(
    'lt',
    (a, b) => a < b,
    (b, x, y) => b.compare('lt', x, y),
  ),
  le: compareOp(
    'le',
    (a, b) => a <= b,
    (b, x, y) => b.compare('le', x, y),
  ),
  gt: compareOp(
    'gt',
    (a, b) => a > b,
    (b, x, y) => b.compare('lt', y, x),
  ),
  ge: compareOp(
    'ge',
    (a, b) => a >= b,
    (b, x, y) => b.compare('le', y, x),
  ),
  logicalAnd: logicalOp('logicalAnd', (a, b) => a && b, 'and'),
  logicalOr: logicalOp('logicalOr', (a, b) => a || b, 'or'),
  logicalNot: {
    kind: 'elementwise',
    name: 'logicalNot',
    arity: 1,
    scalar: { float: (x) => (x === 0 ? 1 : 0) },
    lower: (b, [x]) => b.unary('not', x),
    ...noGradient,
  },

  bitwiseAnd: binaryOp('bitwiseAnd', {
    float: (a, b) => a & b,
    int: (a, b) => a & b,
    lower: (b, [x, y]) => b.binary('and', x, y),
    gradient: noGradient,
  }),
  bitwiseOr: binaryOp('bitwiseOr', {
    float: (a, b) => a | b,
    int: (a, b) => a | b,
    lower: (b, [x, y]) => b.binary('or', x, y),
    gradient: noGradient,
  }),
  bitwiseXor: binaryOp('bitwiseXor', {
    float: (a, b) => a ^ b,
    int: (a, b) => a ^ b,
    lower: (b, [x, y]) => b.binary('xor', x, y),
    gradient: noGradient,
  }),
  /** By more bits than there are, or by less than none, all bits are moved out, as in PyTorch. */
  bitwiseLeftShift: binaryOp('bitwiseLeftShift', {
    float: (a, b) => Number(leftShift(BigInt(a), BigInt(b))),
    int: leftShift,
    lower: (b, [x, by]) => b.select(isBeyond(b, by), b.like(x, 0), b.binary('shl', x, by)),
    gradient: noGradient,
  }),
  bitwiseRightShift: binaryOp('bitwiseRightShift', {
    float: (a, b) => Number(rightShift(BigInt(a), BigInt(b))),
    int: rightShift,
    lower: (b, [x, by]) => b.binary('sar', x, b.select(isBeyond(b, by), b.like(by, bitsOf(by) - 1), by)),
    gradient: noGradient,
  }),
  /** Of integers; that of a bool is logicalNot. */
  bitwiseNot: unaryOp('bitwiseNot', {
    float: (x) => ~x,
    int: (x) => ~x,
    lower: (b, x) => b.unary('not', x),
    gradient: noGradient,
  }),
} as const satisfies Record<string, ElementwiseOp>;
