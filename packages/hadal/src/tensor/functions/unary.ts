/** Functions of one operand, under the names of the methods. */

import { tensorOf } from '../given.js';
import type { ClampBounds } from '../methods/math.js';
import type { Operand } from '../promotion.js';
import type { Tensor } from '../tensor.js';

export function neg(x: Tensor): Tensor {
  return tensorOf('neg', x).neg();
}
export function abs(x: Tensor): Tensor {
  return tensorOf('abs', x).abs();
}
export function sign(x: Tensor): Tensor {
  return tensorOf('sign', x).sign();
}
export function sgn(x: Tensor): Tensor {
  return tensorOf('sgn', x).sgn();
}
export function relu(x: Tensor): Tensor {
  return tensorOf('relu', x).relu();
}
export function square(x: Tensor): Tensor {
  return tensorOf('square', x).square();
}
export function reciprocal(x: Tensor): Tensor {
  return tensorOf('reciprocal', x).reciprocal();
}
export function sqrt(x: Tensor): Tensor {
  return tensorOf('sqrt', x).sqrt();
}
export function rsqrt(x: Tensor): Tensor {
  return tensorOf('rsqrt', x).rsqrt();
}
export function exp(x: Tensor): Tensor {
  return tensorOf('exp', x).exp();
}
export function exp2(x: Tensor): Tensor {
  return tensorOf('exp2', x).exp2();
}
export function expm1(x: Tensor): Tensor {
  return tensorOf('expm1', x).expm1();
}
export function log(x: Tensor): Tensor {
  return tensorOf('log', x).log();
}
export function log2(x: Tensor): Tensor {
  return tensorOf('log2', x).log2();
}
export function log10(x: Tensor): Tensor {
  return tensorOf('log10', x).log10();
}
export function log1p(x: Tensor): Tensor {
  return tensorOf('log1p', x).log1p();
}
export function sin(x: Tensor): Tensor {
  return tensorOf('sin', x).sin();
}
export function cos(x: Tensor): Tensor {
  return tensorOf('cos', x).cos();
}
export function tan(x: Tensor): Tensor {
  return tensorOf('tan', x).tan();
}
export function asin(x: Tensor): Tensor {
  return tensorOf('asin', x).asin();
}
export function acos(x: Tensor): Tensor {
  return tensorOf('acos', x).acos();
}
export function atan(x: Tensor): Tensor {
  return tensorOf('atan', x).atan();
}
export function sinh(x: Tensor): Tensor {
  return tensorOf('sinh', x).sinh();
}
export function cosh(x: Tensor): Tensor {
  return tensorOf('cosh', x).cosh();
}
export function tanh(x: Tensor): Tensor {
  return tensorOf('tanh', x).tanh();
}
export function asinh(x: Tensor): Tensor {
  return tensorOf('asinh', x).asinh();
}
export function acosh(x: Tensor): Tensor {
  return tensorOf('acosh', x).acosh();
}
export function atanh(x: Tensor): Tensor {
  return tensorOf('atanh', x).atanh();
}
export function sinc(x: Tensor): Tensor {
  return tensorOf('sinc', x).sinc();
}
export function deg2rad(x: Tensor): Tensor {
  return tensorOf('deg2rad', x).deg2rad();
}
export function rad2deg(x: Tensor): Tensor {
  return tensorOf('rad2deg', x).rad2deg();
}
export function sigmoid(x: Tensor): Tensor {
  return tensorOf('sigmoid', x).sigmoid();
}
export function erf(x: Tensor): Tensor {
  return tensorOf('erf', x).erf();
}
export function erfc(x: Tensor): Tensor {
  return tensorOf('erfc', x).erfc();
}
export function erfinv(x: Tensor): Tensor {
  return tensorOf('erfinv', x).erfinv();
}
export function floor(x: Tensor): Tensor {
  return tensorOf('floor', x).floor();
}
export function ceil(x: Tensor): Tensor {
  return tensorOf('ceil', x).ceil();
}
export function trunc(x: Tensor): Tensor {
  return tensorOf('trunc', x).trunc();
}
export function frac(x: Tensor): Tensor {
  return tensorOf('frac', x).frac();
}
export function isnan(x: Tensor): Tensor {
  return tensorOf('isnan', x).isnan();
}
export function isinf(x: Tensor): Tensor {
  return tensorOf('isinf', x).isinf();
}
export function isfinite(x: Tensor): Tensor {
  return tensorOf('isfinite', x).isfinite();
}
export function isposinf(x: Tensor): Tensor {
  return tensorOf('isposinf', x).isposinf();
}
export function isneginf(x: Tensor): Tensor {
  return tensorOf('isneginf', x).isneginf();
}
export function signbit(x: Tensor): Tensor {
  return tensorOf('signbit', x).signbit();
}
export function logicalNot(x: Tensor): Tensor {
  return tensorOf('logicalNot', x).logicalNot();
}
export function bitwiseNot(x: Tensor): Tensor {
  return tensorOf('bitwiseNot', x).bitwiseNot();
}
/** To the nearest whole number, or to `decimals` places; halves go to the even neighbour. */
export function round(x: Tensor, options: { readonly decimals?: number } = {}): Tensor {
  return tensorOf('round', x).round(options);
}
/** log(x / (1 - x)), with x kept `eps` away from 0 and 1 if given. */
export function logit(x: Tensor, options: { readonly eps?: number } = {}): Tensor {
  return tensorOf('logit', x).logit(options);
}
/** Values below `min` become it, values above `max` become that; see the method. */
export function clamp(x: Tensor, min: Operand | null | ClampBounds, max: Operand | null = null): Tensor {
  return isBounds(min) ? tensorOf('clamp', x).clamp(min) : tensorOf('clamp', x).clamp(min, max);
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
  return tensorOf('nanToNum', x).nanToNum(options);
}
export function clone(x: Tensor): Tensor {
  return tensorOf('clone', x).clone();
}
export function numel(x: Tensor): number {
  return tensorOf('numel', x).numel();
}
