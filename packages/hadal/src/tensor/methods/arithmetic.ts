/** Methods of two operands that compute numbers: they broadcast and promote as in PyTorch. */
import type { ArithmeticName } from '../../graph/ops-interface.js';
import type { RoundingMode } from '../elementwise.js';
import * as e from '../elementwise.js';
import { optionsOf, tensorOf, tensorValue } from '../given.js';
import type { Operand } from '../promotion.js';
import { argumentOf, arithmetic, scaled } from '../promotion.js';
import type { Tensor } from '../tensor.js';
import { ConversionMethods } from './conversion.js';

export abstract class ArithmeticMethods extends ConversionMethods {
  private arithmeticWith(name: ArithmeticName, other: Operand): Tensor {
    return this.wrap(arithmetic(this.ops, name, this.value, argumentOf(name, other)));
  }

  /**
   * this + alpha other, broadcast, in the dtype that both promote to.
   *
   * @throws ShapeError if the shapes do not broadcast.
   */
  add(other: Operand, options: { readonly alpha?: number } = {}): Tensor {
    const b = scaled(this.ops, argumentOf('add', other), optionsOf('add', options).alpha);
    return this.wrap(arithmetic(this.ops, 'add', this.value, b));
  }
  /**
   * this - alpha other.
   *
   * @throws DTypeError if one is a bool.
   */
  sub(other: Operand, options: { readonly alpha?: number } = {}): Tensor {
    const b = scaled(this.ops, argumentOf('sub', other), optionsOf('sub', options).alpha);
    return this.wrap(arithmetic(this.ops, 'sub', this.value, b));
  }
  mul(other: Operand): Tensor {
    return this.arithmeticWith('mul', other);
  }
  /**
   * this / other. Integers are divided as floats, unless a rounding mode asks for a whole quotient in the operands' dtype: `'trunc'`
   * rounds towards zero, `'floor'` down.
   *
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * console.log(tensor([-7, 7]).div(2, { roundingMode: 'floor' }).tolistSync()); // [ -4, 3 ]
   * ```
   */
  div(other: Operand, options: { readonly roundingMode?: RoundingMode | null } = {}): Tensor {
    return this.wrap(
      e.divide(
        this.ops,
        this.value,
        argumentOf('div', other),
        optionsOf('div', options).roundingMode ?? null,
      ),
    );
  }
  /** The quotient rounded down. */
  floorDivide(other: Operand): Tensor {
    return this.wrap(e.floorDivide(this.ops, this.value, argumentOf('floorDivide', other)));
  }
  /** What is left of a division rounded down: it has the sign of `other`. */
  remainder(other: Operand): Tensor {
    return this.wrap(e.remainder(this.ops, 'remainder', this.value, argumentOf('remainder', other)));
  }
  /** What is left of a division rounded towards zero: it has the sign of this. */
  fmod(other: Operand): Tensor {
    return this.wrap(e.remainder(this.ops, 'fmod', this.value, argumentOf('fmod', other)));
  }
  /**
   * this to the power of `exponent`.
   *
   * @throws ArgumentError for integers to a negative whole power.
   */
  pow(exponent: Operand): Tensor {
    return this.wrap(e.pow(this.ops, this.value, argumentOf('pow', exponent)));
  }

  /** The larger of two; NaN if one is. */
  maximum(other: Operand): Tensor {
    return this.arithmeticWith('maximum', other);
  }
  minimum(other: Operand): Tensor {
    return this.arithmeticWith('minimum', other);
  }
  /** The larger of two; a number wins over NaN. */
  fmax(other: Operand): Tensor {
    return this.wrap(e.extremumOfNumbers(this.ops, 'maximum', this.value, argumentOf('fmax', other)));
  }
  fmin(other: Operand): Tensor {
    return this.wrap(e.extremumOfNumbers(this.ops, 'minimum', this.value, argumentOf('fmin', other)));
  }

  /** The angle of the point (other, this), from -pi to pi. */
  atan2(other: Operand): Tensor {
    return this.wrap(e.realArithmetic(this.ops, 'atan2', this.value, argumentOf('atan2', other)));
  }
  /** sqrt(this^2 + other^2), also where the squares are too large. */
  hypot(other: Operand): Tensor {
    return this.wrap(e.hypot(this.ops, this.value, argumentOf('hypot', other)));
  }
  /** The magnitude of this with the sign of `other`. */
  copysign(other: Operand): Tensor {
    return this.wrap(e.copysign(this.ops, this.value, argumentOf('copysign', other)));
  }
  /** log(exp(this) + exp(other)). */
  logaddexp(other: Operand): Tensor {
    return this.wrap(e.logaddexp(this.ops, this.value, argumentOf('logaddexp', other), 'e'));
  }
  /** log2(2^this + 2^other). */
  logaddexp2(other: Operand): Tensor {
    return this.wrap(e.logaddexp(this.ops, this.value, argumentOf('logaddexp2', other), '2'));
  }
  /** this log(other), and 0 where this is 0. */
  xlogy(other: Operand): Tensor {
    return this.wrap(e.xlogy(this.ops, this.value, argumentOf('xlogy', other)));
  }

  /** 0 where this is negative, 1 where it is positive, `values` where it is 0. */
  heaviside(values: Operand): Tensor {
    return this.wrap(e.heaviside(this.ops, this.value, argumentOf('heaviside', values)));
  }
  /** this times 2 to the power of `exponent`. */
  ldexp(exponent: Tensor): Tensor {
    return this.mul(tensorOf('ldexp', exponent).exp2());
  }

  /**
   * this + weight (end - this).
   *
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * console.log(tensor([0, 10]).lerp(tensor([1, 20]), 0.25).tolistSync()); // [ 0.25, 12.5 ]
   * ```
   */
  lerp(end: Tensor, weight: Tensor | number): Tensor {
    return this.wrap(e.lerp(this.ops, this.value, tensorValue('lerp', end), argumentOf('lerp', weight)));
  }
  /** this + value a b. */
  addcmul(a: Tensor, b: Tensor, options: { readonly value?: number } = {}): Tensor {
    return this.wrap(
      e.addcmul(
        this.ops,
        this.value,
        tensorValue('addcmul', a),
        tensorValue('addcmul', b),
        optionsOf('addcmul', options).value ?? 1,
      ),
    );
  }
  /** this + value a / b. */
  addcdiv(a: Tensor, b: Tensor, options: { readonly value?: number } = {}): Tensor {
    return this.wrap(
      e.addcdiv(
        this.ops,
        this.value,
        tensorValue('addcdiv', a),
        tensorValue('addcdiv', b),
        optionsOf('addcdiv', options).value ?? 1,
      ),
    );
  }

  /** Of integers or bools. */
  bitwiseAnd(other: Operand): Tensor {
    return this.wrap(e.bitwise(this.ops, 'bitwiseAnd', this.value, argumentOf('bitwiseAnd', other)));
  }
  bitwiseOr(other: Operand): Tensor {
    return this.wrap(e.bitwise(this.ops, 'bitwiseOr', this.value, argumentOf('bitwiseOr', other)));
  }
  bitwiseXor(other: Operand): Tensor {
    return this.wrap(e.bitwise(this.ops, 'bitwiseXor', this.value, argumentOf('bitwiseXor', other)));
  }
  /** Every bit the other way round; of bools, logicalNot. */
  bitwiseNot(): Tensor {
    return this.wrap(e.bitwiseNot(this.ops, this.value));
  }
  /** Integers times 2 to the power of `other`. */
  bitwiseLeftShift(other: Operand): Tensor {
    return this.wrap(e.shift(this.ops, 'left', this.value, argumentOf('bitwiseLeftShift', other)));
  }
  /** Integers divided by 2 to the power of `other`, rounded down. */
  bitwiseRightShift(other: Operand): Tensor {
    return this.wrap(e.shift(this.ops, 'right', this.value, argumentOf('bitwiseRightShift', other)));
  }
}
