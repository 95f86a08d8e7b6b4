/** Methods that are functions of one operand. Functions of reals take integers and bools as the default float dtype. */
import type { UnaryName } from '../../graph/ops-interface.js';
import * as e from '../elementwise.js';
import { optionsOf } from '../given.js';
import type { Operand } from '../promotion.js';
import { argumentOf, arithmetic, toFloat } from '../promotion.js';
import type { Tensor } from '../tensor.js';
import { ArithmeticMethods } from './arithmetic.js';

/** Bounds of a clamp, at least one. */
export interface ClampBounds {
  readonly min?: Operand | null;
  readonly max?: Operand | null;
}

export abstract class MathMethods extends ArithmeticMethods {
  private unaryOf(name: UnaryName): Tensor {
    return this.wrap(e.unary(this.ops, name, this.value));
  }
  private realOf(name: UnaryName): Tensor {
    return this.wrap(e.real(this.ops, name, this.value));
  }

  neg(): Tensor {
    return this.unaryOf('neg');
  }
  abs(): Tensor {
    return this.unaryOf('abs');
  }
  /** -1, 0 or 1. */
  sign(): Tensor {
    return this.dtype === 'bool' ? this.self : this.unaryOf('sign');
  }
  sgn(): Tensor {
    return this.sign();
  }
  relu(): Tensor {
    return this.unaryOf('relu');
  }
  square(): Tensor {
    return this.wrap(e.square(this.ops, this.value));
  }
  reciprocal(): Tensor {
    return this.realOf('reciprocal');
  }
  sqrt(): Tensor {
    return this.realOf('sqrt');
  }
  /** 1 / sqrt(x). */
  rsqrt(): Tensor {
    return this.realOf('rsqrt');
  }

  exp(): Tensor {
    return this.realOf('exp');
  }
  exp2(): Tensor {
    return this.realOf('exp2');
  }
  /** exp(x) - 1, precise near 0. */
  expm1(): Tensor {
    return this.realOf('expm1');
  }
  log(): Tensor {
    return this.realOf('log');
  }
  log2(): Tensor {
    return this.realOf('log2');
  }
  log10(): Tensor {
    return this.realOf('log10');
  }
  /** log(1 + x), precise near 0. */
  log1p(): Tensor {
    return this.realOf('log1p');
  }

  sin(): Tensor {
    return this.realOf('sin');
  }
  cos(): Tensor {
    return this.realOf('cos');
  }
  tan(): Tensor {
    return this.realOf('tan');
  }
  asin(): Tensor {
    return this.realOf('asin');
  }
  acos(): Tensor {
    return this.realOf('acos');
  }
  atan(): Tensor {
    return this.realOf('atan');
  }
  sinh(): Tensor {
    return this.realOf('sinh');
  }
  cosh(): Tensor {
    return this.realOf('cosh');
  }
  tanh(): Tensor {
    return this.realOf('tanh');
  }
  asinh(): Tensor {
    return this.realOf('asinh');
  }
  acosh(): Tensor {
    return this.realOf('acosh');
  }
  atanh(): Tensor {
    return this.realOf('atanh');
  }
  /** sin(pi x) / (pi x), and 1 at 0. */
  sinc(): Tensor {
    return this.wrap(e.sinc(this.ops, this.value));
  }
  deg2rad(): Tensor {
    return this.wrap(arithmetic(this.ops, 'mul', toFloat(this.value, this.ops), Math.PI / 180));
  }
  rad2deg(): Tensor {
    return this.wrap(arithmetic(this.ops, 'mul', toFloat(this.value, this.ops), 180 / Math.PI));
  }

  /** 1 / (1 + exp(-x)). */
  sigmoid(): Tensor {
    return this.realOf('sigmoid');
  }
  /** log(x / (1 - x)), with x kept `eps` away from 0 and 1 if given. */
  logit(options: { readonly eps?: number } = {}): Tensor {
    return this.wrap(e.logit(this.ops, this.value, optionsOf('logit', options).eps ?? null));
  }
  erf(): Tensor {
    return this.realOf('erf');
  }
  /** 1 - erf(x), precise where erf is near 1. */
  erfc(): Tensor {
    return this.realOf('erfc');
  }
  /**
   * The number whose `erf` this is, element by element: infinite at 1 and -1, NaN beyond (Giles 2012, refined by Halley's method in float64).
   *
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * console.log(tensor([0, 0.5, 1], { dtype: 'float64' }).erfinv().tolistSync()); // [ 0, 0.4769362762044699, Infinity ]
   * ```
   */
  erfinv(): Tensor {
    return this.realOf('erfinv');
  }

  floor(): Tensor {
    return this.wrap(e.rounding(this.ops, 'floor', this.value));
  }
  ceil(): Tensor {
    return this.wrap(e.rounding(this.ops, 'ceil', this.value));
  }
  /** To the nearest whole number, or to `decimals` places; halves go to the even neighbour. */
  round(options: { readonly decimals?: number } = {}): Tensor {
    return this.wrap(e.round(this.ops, this.value, optionsOf('round', options).decimals ?? 0));
  }
  /** Without what stands after the point. */
  trunc(): Tensor {
    return this.wrap(e.rounding(this.ops, 'trunc', this.value));
  }
  /** What stands after the point, with the sign of the number. */
  frac(): Tensor {
    return this.wrap(e.frac(this.ops, this.value));
  }

  /**
   * Values below `min` become it, values above `max` become that. Bounds are numbers or tensors; NaN stays. `max` wins where the two
   * contradict each other.
   *
   * @throws ArgumentError if neither is given.
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * console.log(tensor([-2, 0.5, 3]).clamp({ min: 0, max: 1 }).tolistSync()); // [ 0, 0.5, 1 ]
   * console.log(tensor([-2, 0.5, 3]).clamp(null, 1).tolistSync()); // [ -2, 0.5, 1 ]
   * ```
   */
  clamp(bounds: ClampBounds): Tensor;
  clamp(min: Operand | null, max?: Operand | null): Tensor;
  clamp(min: Operand | ClampBounds | null, max: Operand | null = null): Tensor {
    return this.wrap(e.clamp(this.ops, this.value, ...clampBounds(min, max)));
  }
  clip(bounds: ClampBounds): Tensor;
  clip(min: Operand | null, max?: Operand | null): Tensor;
  clip(min: Operand | ClampBounds | null, max: Operand | null = null): Tensor {
    return this.wrap(e.clamp(this.ops, this.value, ...clampBounds(min, max)));
  }
  clampMin(min: Operand): Tensor {
    return this.clamp(min, null);
  }
  clampMax(max: Operand): Tensor {
    return this.clamp(null, max);
  }

  /** NaN and the infinities replaced by numbers: 0 and the dtype's largest and smallest unless given. */
  nanToNum(
    options: { readonly nan?: number; readonly posinf?: number; readonly neginf?: number } = {},
  ): Tensor {
    const { nan, posinf, neginf } = optionsOf('nanToNum', options);
    return this.wrap(e.nanToNum(this.ops, this.value, nan ?? 0, posinf ?? null, neginf ?? null));
  }
}

/** Both bounds of a clamp on the graph, from either way to write them. */
export function clampBounds(
  min: Operand | ClampBounds | null,
  max: Operand | null,
): readonly [ReturnType<typeof argumentOf> | null, ReturnType<typeof argumentOf> | null] {
  const named = typeof min === 'object' && min !== null && !('storage' in min);
  const [low, high] = named ? [min.min ?? null, min.max ?? null] : [min, max];
  return [low === null ? null : argumentOf('clamp', low), high === null ? null : argumentOf('clamp', high)];
}
