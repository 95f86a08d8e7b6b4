/** Whole numbers near a float, and the sign of a number. On integers the first are the number itself. */
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';

export function isFloatKind(x: Value): boolean {
  return x.type.kind === 'f32' || x.type.kind === 'f64';
}

export function lowerFloor(b: L3Builder, x: Value): Value {
  return isFloatKind(x) ? b.unary('floor', x) : x;
}

export function lowerCeil(b: L3Builder, x: Value): Value {
  return isFloatKind(x) ? b.unary('neg', b.unary('floor', b.unary('neg', x))) : x;
}

export function lowerRound(b: L3Builder, x: Value): Value {
  return isFloatKind(x) ? b.unary('round', x) : x;
}

export function lowerTrunc(b: L3Builder, x: Value): Value {
  if (!isFloatKind(x)) return x;
  return b.select(b.compare('lt', x, b.like(x, 0)), lowerCeil(b, x), b.unary('floor', x));
}

/** 1, -1 or 0; 0 of NaN, as in PyTorch. */
export function lowerSign(b: L3Builder, x: Value): Value {
  const zero = b.like(x, 0);
  const below = b.select(b.compare('lt', x, zero), b.like(x, -1), zero);
  return b.select(b.compare('lt', zero, x), b.like(x, 1), below);
}
