/**
 * Arithmetic. Integers wrap; bools add as `or` and multiply as `and`. NaN passes through `maximum` and `minimum` as in PyTorch.
 */
import { DTypeError, ZeroDivisionError } from '../../../base/errors.js';
import type { Value } from '../../../kernel/l3.js';
import type { L3Builder } from '../../../kernel/l3-builder.js';
import {
  isFloatKind,
  lowerFloorDivide,
  lowerFmod,
  lowerIntegerPow,
  lowerPow,
  lowerRemainder,
} from '../../../kernel/math/index.js';
import type { ElementwiseOp, LowerRule, Vjp } from '../../op.js';
import { savesInputs, savesNothing, savesOther, savesOutput } from '../../op.js';
import { binaryOp, constantLike, noGradient, unaryOp } from './rules.js';

function maxWithNaN(a: number, b: number): number {
  return Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : a > b ? a : b;
}
function minWithNaN(a: number, b: number): number {
  return Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : a < b ? a : b;
}

/** L3's min and max give the second operand when one is NaN, so only a NaN in the first is lost. */
function keepNaN(b: L3Builder, first: Value, chosen: Value): Value {
  if (!isFloatKind(first)) return chosen;
  return b.select(b.compare('ne', first, first), first, chosen);
}

/** Half of the gradient to each side of a tie, none to the side that lost; NaN loses against nothing. As in PyTorch. */
function extremumVjp(worse: 'gt' | 'lt'): Vjp {
  return (c, g) => {
    const { ops } = c;
    const [a, b] = [c.input(0), c.input(1)];
    const tie = ops.compare('eq', a, b);
    const half = ops.arithmetic('mul', g, constantLike(c, g, 0.5));
    const zero = constantLike(c, g, 0);
    const side = (x: typeof g, y: typeof g) =>
      ops.where(tie, half, ops.where(ops.compare(worse, x, y), zero, g));
    return [c.needs[0] ? side(a, b) : null, c.needs[1] ? side(b, a) : null];
  };
}

function withBools(onNumbers: 'add' | 'sub' | 'mul', onBools: 'or' | 'xor' | 'and'): LowerRule {
  return (b, [x, y], dtype) => b.binary(dtype === 'bool' ? onBools : onNumbers, x, y);
}

// --- powers and remainders on plain numbers ----------------------------------------------------------------------------------

/** C's pow; JavaScript's has NaN for 1 and -1 to an infinity and for 1 to NaN. */
function pow(x: number, y: number): number {
  return x === 1 || (x === -1 && Math.abs(y) === Number.POSITIVE_INFINITY) ? 1 : x ** y;
}

/** Modulo 2^64. To a negative power 1 and -1 stay what they are and all others are 0. */
function integerPow(x: bigint, y: bigint): bigint {
  const isOdd = (y & 1n) === 1n;
  if (y < 0n) return x === 1n || (x === -1n && !isOdd) ? 1n : x === -1n ? -1n : 0n;
  let [result, base] = [1n, x];
  for (let left = y; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = BigInt.asIntN(64, result * base);
    base = BigInt.asIntN(64, base * base);
  }
  return result;
}

/** C's fmod. */
function fmod(x: number, y: number): number {
  return x % y;
}

/** A remainder moved to the divisor's sign. */
function remainder(x: number, y: number): number {
  const r = x % y;
  return r !== 0 && r < 0 !== y < 0 ? r + y : r;
}

/** The quotient rounded down, from the remainder, so that it is right where x / y is rounded up to a whole number. */
function floorDivide(x: number, y: number): number {
  if (y === 0) return x / y;
  const r = x % y;
  let q = (x - r) / y;
  if (r !== 0 && r < 0 !== y < 0) q -= 1;
  if (q === 0) return Object.is(x / y, -0) || x / y < 0 ? -0 : 0;
  return q - Math.floor(q) > 0.5 ? Math.floor(q) + 1 : Math.floor(q);
}

/** What the tensor layer throws for an integer that a kernel, or the reference, was to divide by 0. */
export function zeroDivision(op: string): ZeroDivisionError {
  return new ZeroDivisionError(
    `${op} (which div with a roundingMode goes through): an integer was divided by 0. Integers have no infinity and no NaN: divide floats, or replace the zeros first, ` +
      'for instance by where(y.eq(0), 1, y).',
  );
}

function integerFmod(x: bigint, y: bigint): bigint {
  if (y === 0n) throw zeroDivision('fmod');
  return x % y;
}
function integerTruncDivide(x: bigint, y: bigint): bigint {
  if (y === 0n) throw zeroDivision('truncDivide');
  return x / y;
}
function integerRemainder(x: bigint, y: bigint): bigint {
  if (y === 0n) throw zeroDivision('remainder');
  const r = x % y;
  return r !== 0n && r < 0n !== y < 0n ? r + y : r;
}
function integerFloorDivide(x: bigint, y: bigint): bigint {
  if (y === 0n) throw zeroDivision('floorDivide');
  return (x - integerRemainder(x, y)) / y;
}

export const arithmetic = {
  add: binaryOp('add', {
    float: (a, b) => a + b,
    int: (a, b) => a + b,
    lower: withBools('add', 'or'),
    gradient: { saves: savesNothing, vjp: (_, g) => [g, g] },
  }),
  sub: binaryOp('sub', {
    float: (a, b) => a - b,
    int: (a, b) => a - b,
    lower: withBools('sub', 'xor'),
    gradient: {
      saves: savesNothing,
      vjp: (c, g) => [g, c.needs[1] ? c.ops.unary('neg', g) : null],
    },
  }),
  mul: binaryOp('mul', {
    float: (a, b) => a * b,
    int: (a, b) => a * b,
    lower: withBools('mul', 'and'),
    gradient: {
      saves: savesOther,
      vjp: (c, g) => [
        c.needs[0] ? c.ops.arithmetic('mul', g, c.input(1)) : null,
        c.needs[1] ? c.ops.arithmetic('mul', g, c.input(0)) : null,
      ],
    },
  }),
  /** Of floats; the tensor layer converts integers. */
  div: binaryOp('div', {
    float: (a, b) => a / b,
    int: () => {
      throw new DTypeError('div: integers are divided as floats; cast them first');
    },
    lower: (b, [x, y]) => b.div(x, y),
    gradient: {
      saves: { inputs: [0, 1], whenNeeded: [1, null], output: false },
      vjp: (c, g) => {
        const { ops } = c;
        const b = c.input(1);
        const ga = ops.arithmetic('div', g, b);
        const gb = () => ops.unary('neg', ops.arithmetic('mul', ga, ops.arithmetic('div', c.input(0), b)));
        return [c.needs[0] ? ga : null, c.needs[1] ? gb() : null];
      },
    },
  }),
  maximum: binaryOp('maximum', {
    float: maxWithNaN,
    int: (a, b) => (a > b ? a : b),
    lower: (b, [x, y], dtype) => (dtype === 'bool' ? b.binary('or', x, y) : keepNaN(b, x, b.max(x, y))),
    gradient: { saves: savesInputs(0, 1), vjp: extremumVjp('lt') },
  }),
  minimum: binaryOp('minimum', {
    float: minWithNaN,
    int: (a, b) => (a < b ? a : b),
    lower: (b, [x, y], dtype) => (dtype === 'bool' ? b.binary('and', x, y) : keepNaN(b, x, b.min(x, y))),
    gradient: { saves: savesInputs(0, 1), vjp: extremumVjp('gt') },
  }),
  /** C's pow on floats; integers wrap. */
  pow: binaryOp('pow', {
    isLong: true,
    float: pow,
    int: integerPow,
    lower: (b, [x, y]) => (isFloatKind(x) ? lowerPow(b, x, y) : lowerIntegerPow(b, x, y)),
    gradient: {
      saves: { inputs: [0, 1], whenNeeded: [null, null], output: true },
      vjp: (c, g) => {
        const { ops } = c;
        const [x, y] = [c.input(0), c.input(1)];
        const zero = constantLike(c, g, 0);
        const ofBase = () => {
          const less = ops.arithmetic('sub', y, constantLike(c, y, 1));
          const slope = ops.arithmetic('mul', y, ops.arithmetic('pow', x, less));
          return ops.where(ops.compare('eq', y, zero), zero, ops.arithmetic('mul', g, slope));
        };
        const ofExponent = () => {
          // Where 0 has a power of 0 or more, the logarithm's -infinity is not asked.
          const flat = ops.where(
            ops.compare('ge', y, zero),
            ops.compare('eq', x, zero),
            ops.constant(0, 'bool', x.shape),
          );
          const slope = ops.arithmetic('mul', c.output(), ops.unary('log', x));
          return ops.arithmetic('mul', g, ops.where(flat, zero, slope));
        };
        return [c.needs[0] ? ofBase() : null, c.needs[1] ? ofExponent() : null];
      },
    },
  }),
  /** What division towards zero leaves: it has the dividend's sign. */
  fmod: binaryOp('fmod', {
    float: fmod,
    int: integerFmod,
    lower: (b, [x, y]) => lowerFmod(b, x, y),
    gradient: {
      saves: { inputs: [0, 1], whenNeeded: [1, 1], output: false },
      vjp: (c, g) => {
        const { ops } = c;
        const quotient = () => ops.unary('trunc', ops.arithmetic('div', c.input(0), c.input(1)));
        return [g, c.needs[1] ? ops.unary('neg', ops.arithmetic('mul', g, quotient())) : null];
      },
    },
  }),
  /** What division rounded down leaves: it has the divisor's sign, as in Python. */
  remainder: binaryOp('remainder', {
    float: remainder,
    int: integerRemainder,
    lower: (b, [x, y]) => lowerRemainder(b, x, y),
    gradient: {
      saves: { inputs: [0, 1], whenNeeded: [1, 1], output: false },
      vjp: (c, g) => {
        const { ops } = c;
        const quotient = () => ops.arithmetic('floorDivide', c.input(0), c.input(1));
        return [g, c.needs[1] ? ops.unary('neg', ops.arithmetic('mul', g, quotient())) : null];
      },
    },
  }),
  /** Of integers; a quotient of floats is cut off by an op of its own. */
  truncDivide: binaryOp('truncDivide', {
    float: (a, b) => Math.trunc(a / b),
    int: integerTruncDivide,
    lower: (b, [x, y]) => b.div(x, y),
    gradient: noGradient,
  }),
  floorDivide: binaryOp('floorDivide', {
    float: floorDivide,
    int: integerFloorDivide,
    lower: (b, [x, y]) => lowerFloorDivide(b, x, y),
    gradient: noGradient,
  }),

  neg: unaryOp('neg', {
    float: (x) => -x,
    int: (x) => -x,
    lower: (b, x) => b.unary('neg', x),
    gradient: { saves: savesNothing, vjp: (c, g) => [c.ops.unary('neg', g)] },
  }),
  abs: unaryOp('abs', {
    float: Math.abs,
    int: (x) => (x < 0n ? -x : x),
    lower: (b, x) => b.unary('abs', x),
    gradient: {
      saves: savesInputs(0),
      // A product, so that a gradient that is NaN stays NaN where the sign is 0, as in PyTorch.
      vjp: (c, g) => [c.ops.arithmetic('mul', g, c.ops.unary('sign', c.input(0)))],
    },
  }),
  relu: unaryOp('relu', {
    float: (x) => (x < 0 ? 0 : x),
    int: (x) => (x > 0n ? x : 0n),
    lower: (b, x) => b.max(b.like(x, 0), x),
    gradient: {
      saves: savesOutput,
      vjp: (c, g) => {
        const y = c.output();
        // Asked this way round, NaN lets the gradient through, as in PyTorch.
        return [c.ops.where(c.ops.compare('le', y, constantLike(c, y, 0)), constantLike(c, g, 0), g)];
      },
    },
  }),
  reciprocal: unaryOp('reciprocal', {
    float: (x) => 1 / x,
    lower: (b, x) => b.div(b.like(x, 1), x),
    gradient: {
      saves: savesOutput,
      vjp: (c, g) => {
        const y = c.output();
        return [c.ops.unary('neg', c.ops.arithmetic('mul', g, c.ops.arithmetic('mul', y, y)))];
      },
    },
  }),
  sqrt: unaryOp('sqrt', {
    float: Math.sqrt,
    lower: (b, x) => b.unary('sqrt', x),
    gradient: {
      saves: savesOutput,
      vjp: (c, g) => {
        const y = c.output();
        return [c.ops.arithmetic('div', g, c.ops.arithmetic('mul', y, constantLike(c, y, 2)))];
      },
    },
  }),
  rsqrt: unaryOp('rsqrt', {
    float: (x) => 1 / Math.sqrt(x),
    lower: (b, x) => b.div(b.like(x, 1), b.unary('sqrt', x)),
    gradient: {
      saves: savesOutput,
      vjp: (c, g) => {
        const y = c.output();
        const cube = c.ops.arithmetic('mul', c.ops.arithmetic('mul', y, y), y);
        return [c.ops.arithmetic('mul', g, c.ops.arithmetic('mul', cube, constantLike(c, y, -0.5)))];
      },
    },
  }),
} as const satisfies Record<string, ElementwiseOp>;
