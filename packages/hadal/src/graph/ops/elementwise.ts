/**
 * Elementwise ops, a row each: meaning on numbers, lowering to L3, what the gradient keeps, VJP. Operands have one shape and,
 * but for `where` and `cast`, one dtype. Integers wrap. NaN passes through `maximum`, `minimum` and `relu` as in PyTorch.
 */
import { DTypeError } from '../../base/errors.js';
import type { Value } from '../../kernel/l3.js';
import type { L3Builder } from '../../kernel/l3-builder.js';
import { kinds } from '../../kernel/lower-exprs.js';
import { lowerErf, lowerExp, lowerLog, lowerTanh } from '../../kernel/math.js';
import type { ElementwiseOp, LowerRule, Operand, Vjp, VjpContext } from '../op.js';
import { savesInputs, savesNothing, savesOther, savesOutput } from '../op.js';

function scalarLike<V extends Operand>(c: VjpContext<V>, like: V, value: number): V {
  return c.ops.constant(value, like.dtype, like.shape);
}

/** 2 / sqrt(pi), the slope of erf at 0. */
const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

function erf(x: number): number {
  // Series by Abramowitz and Stegun 7.1.6 near 0, continued fraction 7.1.14 beyond: accurate to float64 rounding at float32's needs.
  const a = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (a < 3) {
    let term = a;
    let sum = a;
    for (let n = 1; n < 80; n++) {
      term *= (2 * a * a) / (2 * n + 1);
      sum += term;
    }
    return Math.sign(x) * TWO_OVER_SQRT_PI * Math.exp(-a * a) * sum;
  }
  let f = 0;
  for (let n = 60; n > 0; n--) f = n / 2 / (a + f);
  return Math.sign(x) * (1 - Math.exp(-a * a) / ((a + f) * Math.sqrt(Math.PI)));
}

/** a > b ? a : b with NaN of either operand passed through. */
function maxWithNaN(a: number, b: number): number {
  return Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : a > b ? a : b;
}
function minWithNaN(a: number, b: number): number {
  return Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : a < b ? a : b;
}

/** L3's min and max give the second operand when one is NaN, so only a NaN in the first is lost. */
function keepNaN(b: L3Builder, first: Value, chosen: Value): Value {
  if (first.type.kind !== 'f32') return chosen;
  return b.select(b.compare('ne', first, first), first, chosen);
}

function unaryOp(
  name: string,
  float: (x: number) => number,
  lower: (b: L3Builder, x: Value) => Value,
  gradient: Pick<ElementwiseOp, 'saves' | 'vjp'>,
  int?: (x: bigint) => bigint,
): ElementwiseOp {
  const scalar = int ? { float, int } : { float };
  return {
    kind: 'elementwise',
    name,
    arity: 1,
    scalar,
    lower: (b, [x], dtype) => wrapUint8(b, lower(b, x), dtype),
    ...gradient,
  };
}

function binaryOp(
  name: string,
  float: (a: number, b: number) => number,
  int: (a: bigint, b: bigint) => bigint,
  lower: LowerRule,
  gradient: Pick<ElementwiseOp, 'saves' | 'vjp'>,
): ElementwiseOp {
  return { kind: 'elementwise', name, arity: 2, scalar: { float, int }, lower, ...gradient };
}

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
    saves: savesNothing,
    vjp: null,
  };
}

/** Half of the gradient to each side of a tie, none to the side that lost; NaN loses against nothing. As in PyTorch. */
function extremumVjp(worse: 'gt' | 'lt'): Vjp {
  return (c, g) => {
    const { ops } = c;
    const [a, b] = [c.input(0), c.input(1)];
    const tie = ops.compare('eq', a, b);
    const half = ops.arithmetic('mul', g, scalarLike(c, g, 0.5));
    const zero = scalarLike(c, g, 0);
    const side = (x: typeof g, y: typeof g) =>
      ops.where(tie, half, ops.where(ops.compare(worse, x, y), zero, g));
    return [c.needs[0] ? side(a, b) : null, c.needs[1] ? side(b, a) : null];
  };
}

function wrapUint8(b: L3Builder, x: Value, dtype: string): Value {
  return dtype === 'uint8' ? b.binary('and', x, b.like(x, 255)) : x;
}

/** Integer arithmetic in i32 lanes; uint8 wraps at 8 bits, bool adds as `or` and multiplies as `and`. */
function integerAware(fn: 'add' | 'sub' | 'mul'): LowerRule {
  return (b, [x, y], dtype) => {
    if (dtype === 'bool') return b.binary(fn === 'mul' ? 'and' : fn === 'add' ? 'or' : 'xor', x, y);
    return wrapUint8(b, b.binary(fn, x, y), dtype);
  };
}

export const elementwise = {
  // --- arithmetic ------------------------------------------------------------------------------------------------------
  add: binaryOp(
    'add',
    (a, b) => a + b,
    (a, b) => a + b,
    integerAware('add'),
    {
      saves: savesNothing,
      vjp: (_, g) => [g, g],
    },
  ),
  sub: binaryOp(
    'sub',
    (a, b) => a - b,
    (a, b) => a - b,
    integerAware('sub'),
    {
      saves: savesNothing,
      vjp: (c, g) => [g, c.needs[1] ? c.ops.unary('neg', g) : null],
    },
  ),
  mul: binaryOp(
    'mul',
    (a, b) => a * b,
    (a, b) => a * b,
    integerAware('mul'),
    {
      saves: savesOther,
      vjp: (c, g) => [
        c.needs[0] ? c.ops.arithmetic('mul', g, c.input(1)) : null,
        c.needs[1] ? c.ops.arithmetic('mul', g, c.input(0)) : null,
      ],
    },
  ),
  div: binaryOp(
    'div',
    (a, b) => a / b,
    () => {
      throw new DTypeError('div: integers are divided as float32; cast them first');
    },
    (b, [x, y]) => b.div(x, y),
    {
      saves: { inputs: [0, 1], whenNeeded: [1, null], output: false },
      vjp: (c, g) => {
        const { ops } = c;
        const b = c.input(1);
        const ga = ops.arithmetic('div', g, b);
        const gb = () => ops.unary('neg', ops.arithmetic('mul', ga, ops.arithmetic('div', c.input(0), b)));
        return [c.needs[0] ? ga : null, c.needs[1] ? gb() : null];
      },
    },
  ),
  maximum: binaryOp(
    'maximum',
    maxWithNaN,
    (a, b) => (a > b ? a : b),
    (b, [x, y], dtype) => (dtype === 'bool' ? b.binary('or', x, y) : keepNaN(b, x, b.max(x, y))),
    { saves: savesInputs(0, 1), vjp: extremumVjp('lt') },
  ),
  minimum: binaryOp(
    'minimum',
    minWithNaN,
    (a, b) => (a < b ? a : b),
    (b, [x, y], dtype) => (dtype === 'bool' ? b.binary('and', x, y) : keepNaN(b, x, b.min(x, y))),
    { saves: savesInputs(0, 1), vjp: extremumVjp('gt') },
  ),

  // --- functions of one operand ----------------------------------------------------------------------------------------
  neg: unaryOp(
    'neg',
    (x) => -x,
    (b, x) => b.unary('neg', x),
    { saves: savesNothing, vjp: (c, g) => [c.ops.unary('neg', g)] },
    (x) => -x,
  ),
  abs: unaryOp(
    'abs',
    Math.abs,
    (b, x) => b.unary('abs', x),
    {
      saves: savesInputs(0),
      vjp: (c, g) => {
        const x = c.input(0);
        const zero = scalarLike(c, x, 0);
        const { ops } = c;
        const negative = ops.where(ops.compare('lt', x, zero), ops.unary('neg', g), scalarLike(c, g, 0));
        return [ops.where(ops.compare('gt', x, zero), g, negative)];
      },
    },
    (x) => (x < 0n ? -x : x),
  ),
  exp: unaryOp('exp', Math.exp, lowerExp, {
    saves: savesOutput,
    vjp: (c, g) => [c.ops.arithmetic('mul', g, c.output())],
  }),
  log: unaryOp('log', Math.log, lowerLog, {
    saves: savesInputs(0),
    vjp: (c, g) => [c.ops.arithmetic('div', g, c.input(0))],
  }),
  sqrt: unaryOp('sqrt', Math.sqrt, (b, x) => b.unary('sqrt', x), {
    saves: savesOutput,
    vjp: (c, g) => {
      const y = c.output();
      return [c.ops.arithmetic('div', g, c.ops.arithmetic('mul', y, scalarLike(c, y, 2)))];
    },
  }),
  tanh: unaryOp('tanh', Math.tanh, lowerTanh, {
    saves: savesOutput,
    vjp: (c, g) => {
      const y = c.output();
      const slope = c.ops.arithmetic('sub', scalarLike(c, y, 1), c.ops.arithmetic('mul', y, y));
      return [c.ops.arithmetic('mul', g, slope)];
    },
  }),
  erf: unaryOp('erf', erf, lowerErf, {
    saves: savesInputs(0),
    vjp: (c, g) => {
      const x = c.input(0);
      const bell = c.ops.unary('exp', c.ops.unary('neg', c.ops.arithmetic('mul', x, x)));
      return [c.ops.arithmetic('mul', g, c.ops.arithmetic('mul', bell, scalarLike(c, x, TWO_OVER_SQRT_PI)))];
    },
  }),
  relu: unaryOp(
    'relu',
    (x) => (x < 0 ? 0 : x),
    (b, x) => b.max(b.like(x, 0), x),
    {
      saves: savesOutput,
      vjp: (c, g) => {
        const y = c.output();
        // Asked this way round, NaN lets the gradient through, as in PyTorch.
        return [c.ops.where(c.ops.compare('le', y, scalarLike(c, y, 0)), scalarLike(c, g, 0), g)];
      },
    },
    (x) => (x > 0n ? x : 0n),
  ),
  /** 1 / (1 + exp(-x)). */
  sigmoid: unaryOp(
    'sigmoid',
    (x) => 1 / (1 + Math.exp(-x)),
    (b, x) => b.div(b.like(x, 1), b.add(lowerExp(b, b.unary('neg', x)), b.like(x, 1))),
    {
      saves: savesOutput,
      vjp: (c, g) => {
        const y = c.output();
        const slope = c.ops.arithmetic('mul', y, c.ops.arithmetic('sub', scalarLike(c, y, 1), y));
        return [c.ops.arithmetic('mul', g, slope)];
      },
    },
  ),
  reciprocal: unaryOp(
    'reciprocal',
    (x) => 1 / x,
    (b, x) => b.div(b.like(x, 1), x),
    {
      saves: savesOutput,
      vjp: (c, g) => {
        const y = c.output();
        return [c.ops.unary('neg', c.ops.arithmetic('mul', g, c.ops.arithmetic('mul', y, y)))];
      },
    },
  ),

  // --- comparison and logic: bool results ------------------------------------------------------------------------------
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
    saves: savesNothing,
    vjp: null,
  },

  // --- choice and conversion -------------------------------------------------------------------------------------------
  /** The same value in memory of its own. */
  copy: {
    kind: 'elementwise',
    name: 'copy',
    arity: 1,
    scalar: { float: (x) => x, int: (x) => x },
    lower: (_, [x]) => x,
    saves: savesNothing,
    vjp: (_, g) => [g],
  },
  where: {
    kind: 'elementwise',
    name: 'where',
    arity: 3,
    scalar: { float: (c, a, b) => (c ? a : b), int: (c, a, b) => (c ? a : b) },
    lower: (b, [mask, x, y]) => {
      if (x.type.kind !== 'mask') return b.select(mask, x, y);
      return b.binary('or', b.binary('and', mask, x), b.binary('and', b.unary('not', mask), y));
    },
    saves: savesInputs(0),
    vjp: (c, g) => {
      const zero = scalarLike(c, g, 0);
      return [
        null,
        c.needs[1] ? c.ops.where(c.input(0), g, zero) : null,
        c.needs[2] ? c.ops.where(c.input(0), zero, g) : null,
      ];
    },
  },
  cast: {
    kind: 'elementwise',
    name: 'cast',
    arity: 1,
    scalar: { float: (x) => x, int: (x) => x },
    lower: (b, [x], dtype) => {
      const kind = kinds[dtype];
      if (kind === 'mask') return x.type.kind === 'mask' ? x : b.compare('ne', x, b.like(x, 0));
      return wrapUint8(b, b.convert(kind, x), dtype);
    },
    saves: savesNothing,
    vjp: (c, g) => [c.inputDTypes[0] === 'float32' ? c.ops.cast(g, 'float32') : null],
  },
} as const satisfies Record<string, ElementwiseOp>;

function logicalOp(name: string, test: (a: boolean, b: boolean) => boolean, fn: 'and' | 'or'): ElementwiseOp {
  return {
    kind: 'elementwise',
    name,
    arity: 2,
    scalar: { float: (a, b) => (test(a !== 0, b !== 0) ? 1 : 0) },
    lower: (b, [x, y]) => b.binary(fn, x, y),
    saves: savesNothing,
    vjp: null,
  };
}
