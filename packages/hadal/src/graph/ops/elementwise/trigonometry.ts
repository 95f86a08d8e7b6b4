/** Trigonometric and hyperbolic functions and their inverses. */
import {
  lowerAcos,
  lowerAcosh,
  lowerAsin,
  lowerAsinh,
  lowerAtan,
  lowerAtan2,
  lowerAtanh,
  lowerCos,
  lowerCosh,
  lowerSin,
  lowerSinh,
  lowerTan,
  lowerTanh,
} from '../../../kernel/math/index.js';
import type { ElementwiseOp, Operand, Vjp, VjpContext } from '../../op.js';
import { savesInputs, savesOutput } from '../../op.js';
import { binaryOp, constantLike, slopeVjp, unaryOp } from './rules.js';

function square<V extends Operand>(c: VjpContext<V>, x: V): V {
  return c.ops.arithmetic('mul', x, x);
}

/** 1 + x^2, 1 - x^2 or x^2 - 1. */
function squareAndOne<V extends Operand>(c: VjpContext<V>, x: V, form: '1+xx' | '1-xx' | 'xx-1'): V {
  const one = constantLike(c, x, 1);
  switch (form) {
    case '1+xx':
      return c.ops.arithmetic('add', square(c, x), one);
    case '1-xx':
      return c.ops.arithmetic('sub', one, square(c, x));
    case 'xx-1':
      return c.ops.arithmetic('sub', square(c, x), one);
  }
}

/** g / sqrt(form), turned over for acos. */
function overRoot(form: '1+xx' | '1-xx' | 'xx-1', negative = false): Vjp {
  return slopeVjp((c) => {
    const root = c.ops.unary('rsqrt', squareAndOne(c, c.input(0), form));
    return negative ? c.ops.unary('neg', root) : root;
  });
}

/** g / form. */
function over(form: '1+xx' | '1-xx'): Vjp {
  return (c, g) => [c.ops.arithmetic('div', g, squareAndOne(c, c.input(0), form))];
}

export const trigonometry = {
  sin: unaryOp('sin', {
    isLong: true,
    float: Math.sin,
    lower: lowerSin,
    gradient: { saves: savesInputs(0), vjp: slopeVjp((c) => c.ops.unary('cos', c.input(0))) },
  }),
  cos: unaryOp('cos', {
    isLong: true,
    float: Math.cos,
    lower: lowerCos,
    gradient: {
      saves: savesInputs(0),
      vjp: slopeVjp((c) => c.ops.unary('neg', c.ops.unary('sin', c.input(0)))),
    },
  }),
  tan: unaryOp('tan', {
    isLong: true,
    float: Math.tan,
    lower: lowerTan,
    gradient: { saves: savesOutput, vjp: slopeVjp((c) => squareAndOne(c, c.output(), '1+xx')) },
  }),
  asin: unaryOp('asin', {
    isLong: true,
    float: Math.asin,
    lower: lowerAsin,
    gradient: { saves: savesInputs(0), vjp: overRoot('1-xx') },
  }),
  acos: unaryOp('acos', {
    isLong: true,
    float: Math.acos,
    lower: lowerAcos,
    gradient: { saves: savesInputs(0), vjp: overRoot('1-xx', true) },
  }),
  atan: unaryOp('atan', {
    isLong: true,
    float: Math.atan,
    lower: lowerAtan,
    gradient: { saves: savesInputs(0), vjp: over('1+xx') },
  }),
  sinh: unaryOp('sinh', {
    isLong: true,
    float: Math.sinh,
    lower: lowerSinh,
    gradient: { saves: savesInputs(0), vjp: slopeVjp((c) => c.ops.unary('cosh', c.input(0))) },
  }),
  cosh: unaryOp('cosh', {
    isLong: true,
    float: Math.cosh,
    lower: lowerCosh,
    gradient: { saves: savesInputs(0), vjp: slopeVjp((c) => c.ops.unary('sinh', c.input(0))) },
  }),
  tanh: unaryOp('tanh', {
    isLong: true,
    float: Math.tanh,
    lower: lowerTanh,
    gradient: { saves: savesOutput, vjp: slopeVjp((c) => squareAndOne(c, c.output(), '1-xx')) },
  }),
  asinh: unaryOp('asinh', {
    isLong: true,
    float: Math.asinh,
    lower: lowerAsinh,
    gradient: { saves: savesInputs(0), vjp: overRoot('1+xx') },
  }),
  acosh: unaryOp('acosh', {
    isLong: true,
    float: Math.acosh,
    lower: lowerAcosh,
    gradient: { saves: savesInputs(0), vjp: overRoot('xx-1') },
  }),
  atanh: unaryOp('atanh', {
    isLong: true,
    float: Math.atanh,
    lower: lowerAtanh,
    gradient: { saves: savesInputs(0), vjp: over('1-xx') },
  }),
  /** The angle of the point (x, y) of operands y and x. */
  atan2: binaryOp('atan2', {
    isLong: true,
    float: Math.atan2,
    lower: (b, [y, x]) => lowerAtan2(b, y, x),
    gradient: {
      saves: savesInputs(0, 1),
      vjp: (c, g) => {
        const { ops } = c;
        const [y, x] = [c.input(0), c.input(1)];
        const sum = ops.arithmetic('add', square(c, y), square(c, x));
        // At the origin, where there is no angle, the gradient is 0 rather than NaN, as in PyTorch.
        const zero = constantLike(c, sum, 0);
        const share = ops.where(ops.compare('eq', sum, zero), zero, ops.arithmetic('div', g, sum));
        return [
          c.needs[0] ? ops.arithmetic('mul', share, x) : null,
          c.needs[1] ? ops.unary('neg', ops.arithmetic('mul', share, y)) : null,
        ];
      },
    },
  }),
} as const satisfies Record<string, ElementwiseOp>;
