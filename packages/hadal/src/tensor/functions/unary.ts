/** Functions of one operand, under the names of the methods. */
import type { ClampBounds } from '../methods/math.js';
import type { Operand } from '../promotion.js';
import type { Tensor } from '../tensor.js';

export function neg(x: Tensor): Tensor {
  return x.neg();
}
export function abs(x: Tensor): Tensor {
  return x.abs();
}
export function sign(x: Tensor): Tensor {
  return x.sign();
}
export function sgn(x: Tensor): Tensor {
  return x.sgn();
}
export function relu(x: Tensor): Tensor {
  return x.relu();
}
export function square(x: Tensor): Tensor {
  return x.square();
}
export function reciprocal(x: Tensor): Tensor {
  return x.reciprocal();
}
export function sqrt(x: Tensor): Tensor {
  return x.sqrt();
}
export function rsqrt(x: Tensor): Tensor {
  return x.rsqrt();
}
export function exp(x: Tensor): Tensor {
  return x.exp();
}
export function exp2(x: Tensor): Tensor {
  return x.exp2();
}
export function expm1(x: Tensor): Tensor {
  return x.expm1();
}
export function log(x: Tensor): Tensor {
  return x.log();
}
export function log2(x: Tensor): Tensor {
  return x.log2();
}
export function log10(x: Tensor): Tensor {
  return x.log10();
}
export function log1p(x: Tensor): Tensor {
  return x.log1p();
}
export function sin(x: Tensor): Tensor {
  return x.sin();
}
export function cos(x: Tensor): Tensor {
  return x.cos();
}
export function tan(x: Tensor): Tensor {
  return x.tan();
}
export function asin(x: Tensor): Tensor {
  return x.asin();
}
export function acos(x: Tensor): Tensor {
  return x.acos();
}
export function atan(x: Tensor): Tensor {
  return x.atan();
}
export function sinh(x: Tensor): Tensor {
  return x.sinh();
}
export function cosh(x: Tensor): Tensor {
  return x.cosh();
}
export function tanh(x: Tensor): Tensor {
  return x.tanh();
}
export function asinh(x: Tensor): Tensor {
  return x.asinh();
}
export function acosh(x: Tensor): Tensor {
  return x.acosh();
}
export function atanh(x: Tensor): Tensor {
  return x.atanh();
}
export function sinc(x: Tensor): Tensor {
  return x.sinc();
}
export function deg2rad(x: Tensor): Tensor {
  return x.deg2rad();
}
export function rad2deg(x: Tensor): Tensor {
  return x.rad2deg();
}
export function sigmoid(x: Tensor): Tensor {
  return x.sigmoid();
}
export function erf(x: Tensor): Tensor {
  return x.erf();
}
export function erfc(x: Tensor): Tensor {
  return x.erfc();
}
export function erfinv(x: Tensor): Tensor {
  return x.erfinv();
}
export function floor(x: Tensor): Tensor {
  return x.floor();
}
export function ceil(x: Tensor): Tensor {
  return x.ceil();
}
export function trunc(x: Tensor): Tensor {
  return x.trunc();
}
export function frac(x: Tensor): Tensor {
  return x.frac();
}
export function isnan(x: Tensor): Tensor {
  return x.isnan();
}
export function isinf(x: Tensor): Tensor {
  return x.isinf();
}
export function isfinite(x: Tensor): Tensor {
  return x.isfinite();
}
export function isposinf(x: Tensor): Tensor {
  return x.isposinf();
}
export function isneginf(x: Tensor): Tensor {
  return x.isneginf();
}
export function signbit(x: Tensor): Tensor {
  return x.signbit();
}
export function logicalNot(x: Tensor): Tensor {
  return x.logicalNot();
}
export function bitwiseNot(x: Tensor): Tensor {
  return x.bitwiseNot();
}
/** To the nearest whole number, or to `decimals` places; halves go to the even neighbour. */
export function round(x: Tensor, options: { readonly decimals?: number } = {}): Tensor {
  return x.round(options);
}
/** log(x / (1 - x)), with x kept `eps` away from 0 and 1 if given. */
export function logit(x: Tensor, options: { readonly eps?: number } = {}): Tensor {
  return x.logit(options);
}
/** Values below `min` become it, values above `max` become that; see the method. */
export function clamp(x: Tensor, min: Operand | null | ClampBounds, max: Operand | null = null): Tensor {
  return isBounds(min) ? x.clamp(min) : x.clamp(min, max);
}
export function clip(x: Tensor, min: Operand | null | ClampBounds, max: Operand | null = null): Tensor {
  return clamp(x, min, max);
}
function isBounds(x: Operand | null | ClampBounds): x is ClampBounds {
  return typeof x === 'object' && x !== null && !('storage' in x);
}
export function nanToNum(
  x: Tensor,
  options: { readonly nan?: number; readonly posinf?: number; readonly neginf?: number } = {},
): Tensor {
  return x.nanToNum(options);
}
export function clone(x: Tensor): Tensor {
  return x.clone();
}
export function numel(x: Tensor): number {
  return x.numel();
}
