/** Exponential functions, logarithms, and functions made of them. */
import {
  lowerErf,
  lowerErfc,
  lowerErfinv,
  lowerExp,
  lowerExp2,
  lowerExpm1,
  lowerGelu,
  lowerGeluSlope,
  lowerLog,
  lowerLog1p,
  lowerLog2,
  lowerLog10,
} from '../../../kernel/math/index.js';
import type { ElementwiseOp, Operand, Vjp, VjpContext } from '../../op.js';
import { savesInputs, savesOutput } from '../../op.js';
import { constantLike, slopeVjp, unaryOp } from './rules.js';

/** 2 / sqrt(pi), the slope of erf at 0. */
const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

/** erf(x) for 0 <= x < 1: the series Abramowitz and Stegun 7.1.5. */
function erfSeries(x: number): number {
  let power = x;
  let sum = 0;
  // Small terms last would be lost one by one; 25 terms of alternating sign leave less than 1e-27.
  const terms: number[] = [];
  for (let n = 0; n < 25; n++) {
    terms.push(power / (2 * n + 1));
    power *= -(x * x) / (n + 1);
  }
  for (const term of terms.reverse()) sum += term;
  return TWO_OVER_SQRT_PI * sum;
}

/** erfc(x) for x >= 1: the continued fraction Abramowitz and Stegun 7.1.14. */
function erfcFraction(x: number): number {
  let f = 0;
  for (let n = 200; n > 0; n--) f = n / 2 / (x + f);
  // The square in two parts, as its rounding is multiplied by the square.
  const short = Math.fround(x);
  return (Math.exp(-short * short) * Math.exp((short - x) * (short + x))) / ((x + f) * Math.sqrt(Math.PI));
}

function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  const a = Math.abs(x);
  const size = a < 1 ? erfSeries(a) : a < 7 ? 1 - erfcFraction(a) : 1;
  return x < 0 || Object.is(x, -0) ? -size : size;
}

function erfc(x: number): number {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) < 1) return x < 0.5 ? 1 - erf(x) : 0.5 - (erf(x) - 0.5);
  const size = Math.abs(x) < 28 ? erfcFraction(Math.abs(x)) : 0;
  return x < 0 ? 2 - size : size;
}

/** Halley's method on the difference of complements, which keeps its digits near 1, or on erf itself. */
function erfinv(x: number): number {
  const a = Math.abs(x);
  if (!(a < 1)) return a === 1 ? x * Number.POSITIVE_INFINITY : Number.NaN;
  // Two terms of the series, as the roots below lose their digits near 0.
  let y = (a / TWO_OVER_SQRT_PI) * (1 + (Math.PI / 12) * a * a);
  if (a > 1e-4) {
    // Winitzki 2008: off by at most 2e-3 of itself, which three steps bring below the rounding.
    const log = Math.log1p(-a * a);
    const half = 2 / (Math.PI * 0.147) + log / 2;
    y = Math.sqrt(Math.sqrt(half * half - log / 0.147) - half);
    for (let i = 0; i < 3; i++) {
      const difference = a < 0.5 ? erf(y) - a : 1 - a - erfc(y);
      const step = difference / (TWO_OVER_SQRT_PI * Math.exp(-y * y));
      y -= step / (1 + y * step);
    }
  }
  return x < 0 || Object.is(x, -0) ? -y : y;
}

/** The normal distribution function. */
function normal(x: number): number {
  return erfc(-x * Math.SQRT1_2) / 2;
}

/** The density of the normal distribution. */
function density(x: number): number {
  return Math.exp(-(x * x) / 2) / Math.sqrt(2 * Math.PI);
}

/** g times `factor` exp(-x^2). */
function bellVjp(factor: number): Vjp {
  return slopeVjp((c) => {
    const x = c.input(0);
    const bell = c.ops.unary('exp', c.ops.unary('neg', c.ops.arithmetic('mul', x, x)));
    return c.ops.arithmetic('mul', bell, constantLike(c, x, factor));
  });
}

/** g / (x times `factor`). */
function overInput(factor: number): Vjp {
  return (c, g) => {
    const x = c.input(0);
    return [c.ops.arithmetic('div', g, c.ops.arithmetic('mul', x, constantLike(c, x, factor)))];
  };
}

function plusOne<V extends Operand>(c: VjpContext<V>, x: V): V {
  return c.ops.arithmetic('add', x, constantLike(c, x, 1));
}

export const exponential = {
  exp: unaryOp('exp', {
    isLong: true,
    float: Math.exp,
    lower: lowerExp,
    gradient: { saves: savesOutput, vjp: slopeVjp((c) => c.output()) },
  }),
  exp2: unaryOp('exp2', {
    isLong: true,
    float: (x) => 2 ** x,
    lower: lowerExp2,
    gradient: {
      saves: savesOutput,
      vjp: slopeVjp((c) => c.ops.arithmetic('mul', c.output(), constantLike(c, c.output(), Math.LN2))),
    },
  }),
  /** exp(x) - 1. */
  expm1: unaryOp('expm1', {
    isLong: true,
    float: Math.expm1,
    lower: lowerExpm1,
    gradient: { saves: savesOutput, vjp: slopeVjp((c) => plusOne(c, c.output())) },
  }),
  log: unaryOp('log', {
    isLong: true,
    float: Math.log,
    lower: lowerLog,
    gradient: { saves: savesInputs(0), vjp: (c, g) => [c.ops.arithmetic('div', g, c.input(0))] },
  }),
  log2: unaryOp('log2', {
    isLong: true,
    float: Math.log2,
    lower: lowerLog2,
    gradient: { saves: savesInputs(0), vjp: overInput(Math.LN2) },
  }),
  log10: unaryOp('log10', {
    isLong: true,
    float: Math.log10,
    lower: lowerLog10,
    gradient: { saves: savesInputs(0), vjp: overInput(Math.LN10) },
  }),
  /** log(1 + x). */
  log1p: unaryOp('log1p', {
    isLong: true,
    float: Math.log1p,
    lower: lowerLog1p,
    gradient: {
      saves: savesInputs(0),
      vjp: (c, g) => [c.ops.arithmetic('div', g, plusOne(c, c.input(0)))],
    },
  }),
  erf: unaryOp('erf', {
    isLong: true,
    float: erf,
    lower: lowerErf,
    gradient: { saves: savesInputs(0), vjp: bellVjp(TWO_OVER_SQRT_PI) },
  }),
  /** 1 - erf(x). */
  erfc: unaryOp('erfc', {
    isLong: true,
    float: erfc,
    lower: lowerErfc,
    gradient: { saves: savesInputs(0), vjp: bellVjp(-TWO_OVER_SQRT_PI) },
  }),
  /** The x at which erf is the given number. */
  erfinv: unaryOp('erfinv', {
    isLong: true,
    float: erfinv,
    lower: lowerErfinv,
    gradient: {
      saves: savesOutput,
      // sqrt(pi) / 2 exp(y^2)
      vjp: slopeVjp((c) => {
        const y = c.output();
        const bell = c.ops.unary('exp', c.ops.arithmetic('mul', y, y));
        return c.ops.arithmetic('mul', bell, constantLike(c, y, 1 / TWO_OVER_SQRT_PI));
      }),
    },
  }),
  /** x N(x), with the normal distribution function N; 0 at -infinity. */
  gelu: unaryOp('gelu', {
    isLong: true,
    float: (x) => Math.max(x, -40) * normal(x),
    lower: lowerGelu,
    gradient: { saves: savesInputs(0), vjp: slopeVjp((c) => c.ops.unary('geluSlope', c.input(0))) },
  }),
  /** The slope of `gelu`, N(x) + x N'(x). */
  geluSlope: unaryOp('geluSlope', {
    isLong: true,
    float: (x) => normal(x) + Math.min(Math.max(x, -40), 40) * density(x),
    lower: lowerGeluSlope,
    gradient: {
      saves: savesInputs(0),
      // N'(x) (2 - x^2)
      vjp: slopeVjp((c) => {
        const x = c.input(0);
        const square = c.ops.arithmetic('mul', x, x);
        const bell = c.ops.unary('exp', c.ops.arithmetic('mul', square, constantLike(c, x, -0.5)));
        const scaled = c.ops.arithmetic('mul', bell, constantLike(c, x, 1 / Math.sqrt(2 * Math.PI)));
        return c.ops.arithmetic('mul', scaled, c.ops.arithmetic('sub', constantLike(c, x, 2), square));
      }),
    },
  }),
  /** 1 / (1 + exp(-x)). */
  sigmoid: unaryOp('sigmoid', {
    isLong: true,
    float: (x) => 1 / (1 + Math.exp(-x)),
    lower: (b, x) => b.div(b.like(x, 1), b.add(lowerExp(b, b.unary('neg', x)), b.like(x, 1))),
    gradient: {
      saves: savesOutput,
      vjp: slopeVjp((c) => {
        const y = c.output();
        return c.ops.arithmetic('mul', y, c.ops.arithmetic('sub', constantLike(c, y, 1), y));
      }),
    },
  }),
} as const satisfies Record<string, ElementwiseOp>;
