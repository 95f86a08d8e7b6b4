/**
 * Pointwise formulas, written as they are on paper. A number in a formula is a constant of the kernel; operands have one shape and one
 * dtype.
 */
import type { AutogradOps } from '../../autograd/ops.js';
import type { Value } from '../../autograd/value.js';
import { isFloat } from '../../base/dtype.js';
import { DTypeError } from '../../base/errors.js';
import type { UnaryName } from '../../graph/ops-interface.js';
import { checkTensor } from '../../tensor/given.js';
import { Tensor } from '../../tensor/index.js';

export type Term = Value | number;

export class Formula {
  readonly #ops: AutogradOps;
  readonly #like: Value;

  /** Numbers become constants of the shape and dtype of `like`. */
  constructor(ops: AutogradOps, like: Value) {
    this.#ops = ops;
    this.#like = like;
  }

  value(t: Term): Value {
    return typeof t === 'number' ? this.#ops.constant(t, this.#like.dtype, this.#like.shape) : t;
  }

  add(a: Term, b: Term): Value {
    return this.#ops.arithmetic('add', this.value(a), this.value(b));
  }
  sub(a: Term, b: Term): Value {
    return this.#ops.arithmetic('sub', this.value(a), this.value(b));
  }
  mul(a: Term, b: Term): Value {
    return this.#ops.arithmetic('mul', this.value(a), this.value(b));
  }
  div(a: Term, b: Term): Value {
    return this.#ops.arithmetic('div', this.value(a), this.value(b));
  }
  unary(name: UnaryName, a: Term): Value {
    return this.#ops.unary(name, this.value(a));
  }
  gt(a: Term, b: Term): Value {
    return this.#ops.compare('gt', this.value(a), this.value(b));
  }
  ge(a: Term, b: Term): Value {
    return this.#ops.compare('ge', this.value(a), this.value(b));
  }
  lt(a: Term, b: Term): Value {
    return this.#ops.compare('lt', this.value(a), this.value(b));
  }
  le(a: Term, b: Term): Value {
    return this.#ops.compare('le', this.value(a), this.value(b));
  }
  where(condition: Value, a: Term, b: Term): Value {
    return this.#ops.where(condition, this.value(a), this.value(b));
  }

  /** log(1 + exp(x)), exact for large |x| and smooth everywhere, so that second gradients are right at 0 too. */
  softplus(x: Value): Value {
    // From here on exp(-x) is below half a unit in the last place of x; exp of it must not overflow.
    const linear = { float16: 10, bfloat16: 20, float32: 20, float64: 40 }[x.dtype as string] ?? 20;
    const large = this.gt(x, linear);
    return this.where(large, x, this.unary('log1p', this.unary('exp', this.where(large, 0, x))));
  }
}

/** Throws unless `x` has a float dtype. */
export function checkFloat(name: string, x: Tensor): void {
  checkTensor(name, 'the input', x);
  if (!isFloat(x.dtype))
    throw new DTypeError(
      `${name}: expected a float tensor such as float32, got ${x.dtype}; convert with .to('float32')`,
    );
}

/** A function of one float tensor, element by element. */
export function pointwise(name: string, x: Tensor, rule: (f: Formula, x: Value) => Value): Tensor {
  checkFloat(name, x);
  const { ops } = x.workspace;
  return Tensor.of(x.workspace, rule(new Formula(ops, x.value), x.value));
}
