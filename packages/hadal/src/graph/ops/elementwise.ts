/**
 * Elementwise ops, a row each: meaning on numbers, lowering to L3, what the gradient keeps, VJP. Operands have one shape and,
 * but for `where` and `cast`, one dtype. Integers wrap.
 */
import type { ElementwiseOp } from '../op.js';
import { arithmetic } from './elementwise/arithmetic.js';
import { choice } from './elementwise/choice.js';
import { comparison } from './elementwise/comparison.js';
import { exponential } from './elementwise/exponential.js';
import { rounding } from './elementwise/rounding.js';
import { trigonometry } from './elementwise/trigonometry.js';

export const elementwise = {
  ...arithmetic,
  ...exponential,
  ...trigonometry,
  ...rounding,
  ...comparison,
  ...choice,
} as const satisfies Record<string, ElementwiseOp>;
