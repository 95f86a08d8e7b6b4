/**
 * Methods with an underscore that work element by element. They change the tensor itself, and with it all tensors that share its
 * memory; shape and dtype stay.
 */
import { ShapeError } from '../../base/errors.js';
import { showShape } from '../../base/shape.js';
import type { ArithmeticName, UnaryName } from '../../graph/ops-interface.js';
import { triangle } from '../arrangement.js';
import type { RoundingMode } from '../elementwise.js';
import * as e from '../elementwise.js';
import { optionsOf, tensorValue } from '../given.js';
import type { Operand } from '../promotion.js';
import { argumentOf, arithmetic, broadcastValue, logical, scaled, toFloat } from '../promotion.js';
import type { Tensor } from '../tensor.js';
import type { ClampBounds } from './math.js';
import { clampBounds } from './math.js';
import { ProductMethods } from './products.js';

export abstract class InPlaceMethods extends ProductMethods {
  private arithmeticInPlace(name: ArithmeticName, other: Operand): this {
    const at = `${name}_`;
    return this.update(at, arithmetic(this.ops, name, this.before, argumentOf(at, other)));
  }
  private unaryInPlace(name: UnaryName): this {
    return this.update(`${name}_`, e.unary(this.ops, name, this.before));
  }
  private realInPlace(name: UnaryName): this {
    return this.update(`${name}_`, e.real(this.ops, name, this.before));
  }

  // --- filling -------------------------------------------------------------------------------------------------------------

  fill_(value: number | bigint | boolean | Tensor): this {
    const fill = argumentOf('fill_', value);
    if (typeof fill !== 'object')
      return this.assign(
        'fill_',
        this.ops.argument(typeof fill === 'boolean' ? Number(fill) : fill, this.dtype, this.shape),
      );
    if (fill.shape.length > 0)
      throw new ShapeError(
        `fill_: expected a number or a tensor without dimensions, got shape ${showShape(fill.shape)}; use copy_`,
      );
    return this.assign(
      'fill_',
      broadcastValue('fill_', this.ops, this.ops.cast(fill, this.dtype), this.shape),
    );
  }
  zero_(): this {
    return this.assign('zero_', this.ops.constant(0, this.dtype, this.shape));
  }
  /** Takes over the elements of another tensor, broadcast and converted. */
  copy_(source: Tensor): this {
    const cast = this.ops.cast(tensorValue('copy_', source), this.dtype);
    return this.assign('copy_', broadcastValue('copy_', this.ops, cast, this.shape));
  }
  /** A number on the diagonal of a matrix. */
  fillDiagonal_(value: number): this {
    this.diagonal().fill_(value);
    return this;
  }
  tril_(diagonal = 0): this {
    return this.update('tril_', triangle(this.ops, 'tril', this.before, diagonal));
  }
  triu_(diagonal = 0): this {
    return this.update('triu_', triangle(this.ops, 'triu', this.before, diagonal));
  }
  maskedFill_(mask: Tensor, value: Operand): this {
    const fill = argumentOf('maskedFill_', value);
    return this.update(
      'maskedFill_',
      e.maskedFill(this.ops, this.before, tensorValue('maskedFill_', mask), fill),
    );
  }

  // --- arithmetic ----------------------------------------------------------------------------------------------------------

  add_(other: Operand, options: { readonly alpha?: number } = {}): this {
    const b = scaled(this.ops, argumentOf('add_', other), optionsOf('add_', options).alpha);
    return this.update('add_', arithmetic(this.ops, 'add', this.before, b));
  }
  sub_(other: Operand, options: { readonly alpha?: number } = {}): this {
    const b = scaled(this.ops, argumentOf('sub_', other), optionsOf('sub_', options).alpha);
    return this.update('sub_', arithmetic(this.ops, 'sub', this.before, b));
  }
  mul_(other: Operand): this {
    return this.arithmeticInPlace('mul', other);
  }
  div_(other: Operand, options: { readonly roundingMode?: RoundingMode | null } = {}): this {
    const b = argumentOf('div_', other);
    return this.update(
      'div_',
      e.divide(this.ops, this.before, b, optionsOf('div_', options).roundingMode ?? null),
    );
  }
  floorDivide_(other: Operand): this {
    return this.update(
      'floorDivide_',
      e.floorDivide(this.ops, this.before, argumentOf('floorDivide_', other)),
    );
  }
  remainder_(other: Operand): this {
    const b = argumentOf('remainder_', other);
    return this.update('remainder_', e.remainder(this.ops, 'remainder', this.before, b));
  }
  fmod_(other: Operand): this {
    return this.update('fmod_', e.remainder(this.ops, 'fmod', this.before, argumentOf('fmod_', other)));
  }
  pow_(exponent: Operand): this {
    return this.update('pow_', e.pow(this.ops, this.before, argumentOf('pow_', exponent)));
  }
  atan2_(other: Operand): this {
    return this.update(
      'atan2_',
      e.realArithmetic(this.ops, 'atan2', this.before, argumentOf('atan2_', other)),
    );
  }
  hypot_(other: Operand): this {
    return this.update('hypot_', e.hypot(this.ops, this.before, argumentOf('hypot_', other)));
  }
  copysign_(other: Operand): this {
    return this.update('copysign_', e.copysign(this.ops, this.before, argumentOf('copysign_', other)));
  }
  xlogy_(other: Operand): this {
    return this.update('xlogy_', e.xlogy(this.ops, this.before, argumentOf('xlogy_', other)));
  }
  /** this = this + weight (end - this): a moving average in one line. */
  lerp_(end: Tensor, weight: Tensor | number): this {
    return this.update(
      'lerp_',
      e.lerp(this.ops, this.before, tensorValue('lerp_', end), argumentOf('lerp_', weight)),
    );
  }
  addcmul_(a: Tensor, b: Tensor, options: { readonly value?: number } = {}): this {
    return this.update(
      'addcmul_',
      e.addcmul(
        this.ops,
        this.before,
        tensorValue('addcmul_', a),
        tensorValue('addcmul_', b),
        optionsOf('addcmul_', options).value ?? 1,
      ),
    );
  }
  addcdiv_(a: Tensor, b: Tensor, options: { readonly value?: number } = {}): this {
    return this.update(
      'addcdiv_',
      e.addcdiv(
        this.ops,
        this.before,
        tensorValue('addcdiv_', a),
        tensorValue('addcdiv_', b),
        optionsOf('addcdiv_', options).value ?? 1,
      ),
    );
  }
  bitwiseAnd_(other: Operand): this {
    return this.update(
      'bitwiseAnd_',
      e.bitwise(this.ops, 'bitwiseAnd', this.before, argumentOf('bitwiseAnd_', other)),
    );
  }
  bitwiseOr_(other: Operand): this {
    return this.update(
      'bitwiseOr_',
      e.bitwise(this.ops, 'bitwiseOr', this.before, argumentOf('bitwiseOr_', other)),
    );
  }
  bitwiseXor_(other: Operand): this {
    return this.update(
      'bitwiseXor_',
      e.bitwise(this.ops, 'bitwiseXor', this.before, argumentOf('bitwiseXor_', other)),
    );
  }
  bitwiseLeftShift_(other: Operand): this {
    const b = argumentOf('bitwiseLeftShift_', other);
    return this.update('bitwiseLeftShift_', e.shift(this.ops, 'left', this.before, b));
  }
  bitwiseRightShift_(other: Operand): this {
    const b = argumentOf('bitwiseRightShift_', other);
    return this.update('bitwiseRightShift_', e.shift(this.ops, 'right', this.before, b));
  }
  bitwiseNot_(): this {
    return this.update('bitwiseNot_', e.bitwiseNot(this.ops, this.before));
  }
  logicalAnd_(other: Operand): this {
    return this.update(
      'logicalAnd_',
      logical(this.ops, 'logicalAnd', this.before, argumentOf('logicalAnd_', other)),
    );
  }
  logicalOr_(other: Operand): this {
    return this.update(
      'logicalOr_',
      logical(this.ops, 'logicalOr', this.before, argumentOf('logicalOr_', other)),
    );
  }
  logicalXor_(other: Operand): this {
    return this.update('logicalXor_', e.logicalXor(this.ops, this.before, argumentOf('logicalXor_', other)));
  }
  logicalNot_(): this {
    return this.update('logicalNot_', this.ops.unary('logicalNot', this.ops.cast(this.before, 'bool')));
  }

  // --- functions of one operand --------------------------------------------------------------------------------------------

  neg_(): this {
    return this.unaryInPlace('neg');
  }
  abs_(): this {
    return this.unaryInPlace('abs');
  }
  relu_(): this {
    return this.unaryInPlace('relu');
  }
  sign_(): this {
    return this.dtype === 'bool' ? this : this.unaryInPlace('sign');
  }
  square_(): this {
    return this.update('square_', e.square(this.ops, this.before));
  }
  exp_(): this {
    return this.realInPlace('exp');
  }
  exp2_(): this {
    return this.realInPlace('exp2');
  }
  expm1_(): this {
    return this.realInPlace('expm1');
  }
  log_(): this {
    return this.realInPlace('log');
  }
  log2_(): this {
    return this.realInPlace('log2');
  }
  log10_(): this {
    return this.realInPlace('log10');
  }
  log1p_(): this {
    return this.realInPlace('log1p');
  }
  sqrt_(): this {
    return this.realInPlace('sqrt');
  }
  rsqrt_(): this {
    return this.realInPlace('rsqrt');
  }
  reciprocal_(): this {
    return this.realInPlace('reciprocal');
  }
  sin_(): this {
    return this.realInPlace('sin');
  }
  cos_(): this {
    return this.realInPlace('cos');
  }
  tan_(): this {
    return this.realInPlace('tan');
  }
  asin_(): this {
    return this.realInPlace('asin');
  }
  acos_(): this {
    return this.realInPlace('acos');
  }
  atan_(): this {
    return this.realInPlace('atan');
  }
  sinh_(): this {
    return this.realInPlace('sinh');
  }
  cosh_(): this {
    return this.realInPlace('cosh');
  }
  tanh_(): this {
    return this.realInPlace('tanh');
  }
  asinh_(): this {
    return this.realInPlace('asinh');
  }
  acosh_(): this {
    return this.realInPlace('acosh');
  }
  atanh_(): this {
    return this.realInPlace('atanh');
  }
  sigmoid_(): this {
    return this.realInPlace('sigmoid');
  }
  erf_(): this {
    return this.realInPlace('erf');
  }
  erfc_(): this {
    return this.realInPlace('erfc');
  }
  erfinv_(): this {
    return this.realInPlace('erfinv');
  }
  sinc_(): this {
    return this.update('sinc_', e.sinc(this.ops, this.before));
  }
  logit_(options: { readonly eps?: number } = {}): this {
    return this.update('logit_', e.logit(this.ops, this.before, optionsOf('logit_', options).eps ?? null));
  }
  deg2rad_(): this {
    return this.update(
      'deg2rad_',
      arithmetic(this.ops, 'mul', toFloat(this.before, this.ops), Math.PI / 180),
    );
  }
  rad2deg_(): this {
    return this.update(
      'rad2deg_',
      arithmetic(this.ops, 'mul', toFloat(this.before, this.ops), 180 / Math.PI),
    );
  }
  floor_(): this {
    return this.update('floor_', e.rounding(this.ops, 'floor', this.before));
  }
  ceil_(): this {
    return this.update('ceil_', e.rounding(this.ops, 'ceil', this.before));
  }
  trunc_(): this {
    return this.update('trunc_', e.rounding(this.ops, 'trunc', this.before));
  }
  round_(options: { readonly decimals?: number } = {}): this {
    return this.update('round_', e.round(this.ops, this.before, optionsOf('round_', options).decimals ?? 0));
  }
  frac_(): this {
    return this.update('frac_', e.frac(this.ops, this.before));
  }
  clamp_(bounds: ClampBounds): this;
  clamp_(min: Operand | null, max?: Operand | null): this;
  clamp_(min: Operand | ClampBounds | null, max: Operand | null = null): this {
    return this.update('clamp_', e.clamp(this.ops, this.before, ...clampBounds(min, max)));
  }
  clip_(bounds: ClampBounds): this;
  clip_(min: Operand | null, max?: Operand | null): this;
  clip_(min: Operand | ClampBounds | null, max: Operand | null = null): this {
    return this.update('clip_', e.clamp(this.ops, this.before, ...clampBounds(min, max)));
  }
  clampMin_(min: Operand): this {
    return this.clamp_(min, null);
  }
  clampMax_(max: Operand): this {
    return this.clamp_(null, max);
  }
  nanToNum_(
    options: { readonly nan?: number; readonly posinf?: number; readonly neginf?: number } = {},
  ): this {
    const { nan, posinf, neginf } = optionsOf('nanToNum_', options);
    return this.update(
      'nanToNum_',
      e.nanToNum(this.ops, this.before, nan ?? 0, posinf ?? null, neginf ?? null),
    );
  }
}
