/** Random numbers as graph values, drawn where they are used. */
import type { Value } from '../autograd/value.js';
import type { DType } from '../base/dtype.js';
import { isFloat } from '../base/dtype.js';
import { DTypeError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import type { Workspace } from '../tensor/index.js';
import { nextStream } from './generator.js';

/** Bits of a significand: a uniform number has as many, or rounding could make it 1. */
const BITS: { readonly [dtype: string]: number } = { float16: 11, bfloat16: 8 };

export function checkFloatDType(name: string, dtype: DType): DType {
  if (isFloat(dtype)) return dtype;
  throw new DTypeError(`${name}: expected a float dtype, got ${dtype}; use randint for integers`);
}

function uniform32({ ops }: Workspace, shape: Shape): Value {
  return ops.random([...shape], nextStream());
}

/** Uniform in [0, 1). */
export function uniformValue(space: Workspace, shape: Shape, dtype: DType): Value {
  const { ops } = space;
  const u = uniform32(space, shape);
  if (dtype === 'float32') return u;
  if (dtype === 'float64') {
    // Two times 24 bits.
    const low = ops.cast(uniform32(space, shape), dtype);
    return ops.arithmetic(
      'add',
      ops.cast(u, dtype),
      ops.arithmetic('mul', low, ops.constant(2 ** -24, dtype, shape)),
    );
  }
  const steps = 2 ** (BITS[dtype] ?? 8);
  const whole = ops.unary('floor', ops.arithmetic('mul', u, ops.constant(steps, 'float32', shape)));
  return ops.cast(ops.arithmetic('mul', whole, ops.constant(1 / steps, 'float32', shape)), dtype);
}

/** Uniform in (0, 1), float32, for logarithms. */
export function openUniformValue(space: Workspace, shape: Shape): Value {
  const { ops } = space;
  const scaled = ops.arithmetic('mul', uniform32(space, shape), ops.constant(1 - 2 ** -24, 'float32', shape));
  return ops.arithmetic('add', scaled, ops.constant(2 ** -25, 'float32', shape));
}

/** Normal with mean 0 and variance 1; Box and Muller 1958. One of the two numbers that the method gives is used: they need no order. */
export function normalValue(space: Workspace, shape: Shape, dtype: DType): Value {
  const { ops } = space;
  const working = dtype === 'float64' ? 'float64' : 'float32';
  const constant = (c: number): Value => ops.constant(c, working, shape);
  const mul = (a: Value, b: Value): Value => ops.arithmetic('mul', a, b);
  // The logarithm of a number in (0, 1].
  const log = ops.unary('log', ops.arithmetic('sub', constant(1), uniformValue(space, shape, working)));
  const radius = ops.unary('sqrt', mul(log, constant(-2)));
  const angle = mul(uniformValue(space, shape, working), constant(2 * Math.PI));
  return ops.cast(mul(radius, ops.unary('cos', angle)), dtype);
}
