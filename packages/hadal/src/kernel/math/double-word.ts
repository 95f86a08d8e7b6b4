/**
 * Numbers as the sum of two floats, the second within half a unit in the last place of the first: twice the digits. The steps are
 * Knuth's and Dekker's and right on every engine, as none of them takes a fused multiply-add for a product and a sum.
 */
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import { bitsOf, formatOf } from './format.js';

export interface DoubleWord {
  readonly high: Value;
  readonly low: Value;
}

/** x + y exactly (Knuth). */
export function twoSum(b: L3Builder, x: Value, y: Value): DoubleWord {
  const high = b.add(x, y);
  const t = b.sub(high, x);
  return { high, low: b.add(b.sub(x, b.sub(high, t)), b.sub(y, t)) };
}

/** x + y exactly, for |x| >= |y| or x = 0 (Dekker). */
export function quickTwoSum(b: L3Builder, x: Value, y: Value): DoubleWord {
  const high = b.add(x, y);
  return { high, low: b.sub(y, b.sub(high, x)) };
}

/** The upper half of the digits, cut off; what is left is `x - upperHalf(x)`, and a product of two halves is exact. */
export function upperHalf(b: L3Builder, x: Value): Value {
  const bits = bitsOf(b, x);
  return b.bitcast(
    x.type.kind === 'f64' ? 'f64' : 'f32',
    b.binary('and', bits, b.like(bits, formatOf(x).upperHalf)),
  );
}

/** x * y, exactly on float32 and but for a relative 2^-105 on float64 (Dekker), away from overflow and underflow. */
export function twoProduct(b: L3Builder, x: Value, y: Value): DoubleWord {
  const high = b.mul(x, y);
  const [xh, yh] = [upperHalf(b, x), upperHalf(b, y)];
  const [xl, yl] = [b.sub(x, xh), b.sub(y, yh)];
  const cross = b.add(b.add(b.sub(b.mul(xh, yh), high), b.mul(xh, yl)), b.mul(xl, yh));
  return { high, low: b.add(cross, b.mul(xl, yl)) };
}
