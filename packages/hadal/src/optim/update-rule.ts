/** Arithmetic of one parameter's update, with the step's numbers at hand. */
import type { AutogradOps } from '../autograd/ops.js';
import { Value } from '../autograd/value.js';
import type { DType } from '../base/dtype.js';
import { wideDType } from '../base/dtype.js';
import { InternalError } from '../base/errors.js';
import type { LiveNumbers } from '../graph/live.js';
import { live } from '../graph/live.js';
import type { Tensor } from '../tensor/index.js';

/** Numbers of one step, by name. */
export interface Scalars {
  readonly [name: string]: number;
}

/** The same as launch arguments, shared by all parameters of a group that are at one step. */
export class StepNumbers {
  readonly #names: readonly string[];
  readonly #numbers: LiveNumbers;
  readonly #made = new Map<string, Value>();

  /** @param ask counts the step and gives its numbers; the same names each time. */
  constructor(ask: () => Scalars) {
    let names: readonly string[] = [];
    this.#numbers = live(() => {
      const scalars = ask();
      names = Object.keys(scalars);
      return Object.values(scalars);
    });
    this.#names = names;
  }

  /** A number as an argument without dimensions. */
  argument(ops: AutogradOps, name: string, dtype: DType): Value {
    const key = `${dtype} ${name}`;
    let v = this.#made.get(key);
    if (v === undefined) {
      const index = this.#names.indexOf(name);
      if (index < 0) throw new InternalError(`no number of the step is called ${name}`);
      v = ops.liveArgument({ numbers: this.#numbers, index }, dtype);
      this.#made.set(key, v);
    }
    return v;
  }
}

/** What `UpdateRule.slope` asks for. */
interface SlopeSettings {
  readonly maximize: boolean;
  readonly weightDecay: number;
}

export class UpdateRule {
  readonly #ops: AutogradOps;
  readonly #p: Tensor;
  readonly #dtype: DType;
  readonly #numbers: StepNumbers;

  constructor(ops: AutogradOps, p: Tensor, numbers: StepNumbers) {
    this.#ops = ops;
    this.#p = p;
    this.#dtype = wideDType(p.dtype);
    this.#numbers = numbers;
  }

  /** A tensor's value off the tape, in the working dtype. */
  plain(t: Tensor): Value {
    return this.off(t.storage.value);
  }
  /** A value off the tape, in the working dtype. */
  off(v: Value): Value {
    return this.#ops.cast(new Value(v.node, null), this.#dtype);
  }
  /** What is stored in a tensor, in its dtype. */
  stored(t: Tensor, v: Value): Value {
    return this.#ops.cast(v, t.dtype);
  }

  /** One of the step's numbers, as an argument in the parameter's shape. */
  scalar(name: string): Value {
    const v = this.#numbers.argument(this.#ops, name, this.#dtype);
    const { shape } = this.#p;
    if (shape.length === 0) return v;
    return this.#ops.expand(
      this.#ops.reshape(
        v,
        shape.map(() => 1),
      ),
      shape,
    );
  }

  constant(value: number): Value {
    return this.#ops.constant(value, this.#dtype, this.#p.shape);
  }

  /** The way up, or down where that is wanted, with the L2 penalty if there is one; the step's number `weightDecay` says how much. */
  slope(value: Value, grad: Value, { maximize, weightDecay }: SlopeSettings): Value {
    const g = maximize ? this.neg(grad) : grad;
    return weightDecay > 0 ? this.add(g, this.mul(value, 'weightDecay')) : g;
  }
  /** A running mean of squares, by the step's numbers `oldSquare` and `newSquare`. */
  meanSquare(state: Tensor, g: Value): Value {
    return this.add(this.mul(this.plain(state), 'oldSquare'), this.mul(this.mul(g, g), 'newSquare'));
  }

  add(a: Value, b: Value | string): Value {
    return this.#ops.arithmetic('add', a, this.#term(b));
  }
  sub(a: Value, b: Value | string): Value {
    return this.#ops.arithmetic('sub', a, this.#term(b));
  }
  mul(a: Value, b: Value | string): Value {
    return this.#ops.arithmetic('mul', a, this.#term(b));
  }
  div(a: Value, b: Value | string): Value {
    return this.#ops.arithmetic('div', a, this.#term(b));
  }
  maximum(a: Value, b: Value | string): Value {
    return this.#ops.arithmetic('maximum', a, this.#term(b));
  }
  minimum(a: Value, b: Value | string): Value {
    return this.#ops.arithmetic('minimum', a, this.#term(b));
  }
  lt(a: Value, b: Value): Value {
    return this.#ops.compare('lt', a, b);
  }
  where(condition: Value, a: Value, b: Value): Value {
    return this.#ops.where(condition, a, b);
  }
  sqrt(a: Value): Value {
    return this.#ops.unary('sqrt', a);
  }
  abs(a: Value): Value {
    return this.#ops.unary('abs', a);
  }
  neg(a: Value): Value {
    return this.#ops.unary('neg', a);
  }
  sign(a: Value): Value {
    return this.#ops.unary('sign', a);
  }
  /** a + share (b - a). */
  lerp(a: Value, b: Value, share: string): Value {
    return this.add(a, this.mul(this.sub(b, a), share));
  }

  #term(b: Value | string): Value {
    return typeof b === 'string' ? this.scalar(b) : b;
  }
}
