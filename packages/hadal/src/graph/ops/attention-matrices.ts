/**
 * Attention as products and pointwise ops over the whole matrix of weights: what the op means where no kernel template covers it, and
 * what its higher derivatives are made of.
 */
import type { AttentionRoles } from '../../base/attributes.js';
import type { DType } from '../../base/dtype.js';
import { isHalf } from '../../base/dtype.js';
import type { Shape } from '../../base/shape.js';
import type { Operand } from '../op.js';
import type { AttentionHow, Ops } from '../ops-interface.js';

/** What 16-bit floats are computed in. */
export function workType(dtype: DType): DType {
  return isHalf(dtype) ? 'float32' : dtype;
}

export class Matrices<V extends Operand> {
  readonly ops: Ops<V>;
  readonly how: AttentionHow;
  readonly dtype: DType;
  readonly q: V;
  readonly k: V;
  readonly v: V;
  readonly #roles: AttentionRoles<V>;
  /** [..., L, S] */
  readonly shape: Shape;

  constructor(ops: Ops<V>, roles: AttentionRoles<V>, how: AttentionHow) {
    this.ops = ops;
    this.how = how;
    this.#roles = roles;
    this.dtype = workType(roles.q.dtype);
    [this.q, this.k, this.v] = [roles.q, roles.k, roles.v].map((x) => ops.cast(x, this.dtype));
    this.shape = [...this.q.shape.slice(0, -1), this.k.shape[this.k.shape.length - 2]];
  }

  #product(a: V, b: V, contractA: number, contractB: number): V {
    const batch = a.shape.slice(2).map((_, d) => d);
    return this.ops.dot(a, b, {
      lhsBatch: batch,
      rhsBatch: batch,
      lhsContract: [a.shape.length + contractA],
      rhsContract: [b.shape.length + contractB],
    });
  }

  /** [..., L, X] and [..., S, X] to [..., L, S]. */
  rows(a: V, b: V): V {
    return this.#product(a, b, -1, -1);
  }

  /** [..., L, S] and [..., S, X] to [..., L, X]. */
  times(a: V, b: V): V {
    return this.#product(a, b, -1, -2);
  }

  /** [..., L, S] and [..., L, X] to [..., S, X]. */
  turned(a: V, b: V): V {
    return this.#product(a, b, -2, -2);
  }

  add(a: V, b: V): V {
    return this.ops.arithmetic('add', a, b);
  }

  sub(a: V, b: V): V {
    return this.ops.arithmetic('sub', a, b);
  }

  mul(a: V, b: V): V {
    return this.ops.arithmetic('mul', a, b);
  }

  constant(value: number, shape: Shape): V {
    return this.ops.constant(value, this.dtype, shape);
  }

  scaled(x: V): V {
    return this.mul(x, this.constant(this.how.scale, x.shape));
  }

  /** A number for each query, [..., L], over the row. */
  spread(row: V): V {
    return this.ops.expand(this.ops.reshape(row, [...row.shape, 1]), this.shape);
  }

  /** Sums of rows, [..., L]. */
  sums(x: V): V {
    return this.#reduced('sum', x);
  }

  #reduced(name: 'sum' | 'max', x: V): V {
    return this.ops.reshape(this.ops.reduce(name, x, [x.shape.length - 1]), x.shape.slice(0, -1));
  }

  get isMasked(): boolean {
    return this.#roles.mask !== null || this.how.isCausal;
  }

  scores(): V {
    const { ops, shape } = this;
    let x = this.scaled(this.rows(this.q, this.k));
    const never = (): V => this.constant(Number.NEGATIVE_INFINITY, shape);
    const { mask } = this.#roles;
    if (mask !== null)
      x = mask.dtype === 'bool' ? ops.where(mask, x, never()) : this.add(x, ops.cast(mask, this.dtype));
    if (this.how.isCausal) {
      const last = shape.length - 1;
      const place = (dim: number): V => ops.iota(shape, dim, 'int32');
      x = ops.where(ops.compare('le', place(last), place(last - 1)), x, never());
    }
    return x;
  }

  /** What dropout leaves of a matrix over the weights. */
  kept(x: V): V {
    const { ops } = this;
    const { dropout } = this.#roles;
    if (dropout === null) return x;
    const wide = (scalar: V): V =>
      ops.expand(
        ops.reshape(
          scalar,
          this.shape.map(() => 1),
        ),
        this.shape,
      );
    const isDropped = ops.compare('lt', dropout.random, wide(dropout.p));
    return ops.where(
      isDropped,
      this.constant(0, this.shape),
      this.mul(x, ops.cast(wide(dropout.keep), this.dtype)),
    );
  }

  /** Output and log sums from nothing. */
  forward(): { readonly output: V; readonly logSum: V } {
    const { ops } = this;
    const scores = this.scores();
    const largest = this.#reduced('max', scores);
    const rowShape = largest.shape;
    const zero = this.constant(0, rowShape);
    const isNone = ops.compare('eq', largest, this.constant(Number.NEGATIVE_INFINITY, rowShape));
    const shift = ops.where(isNone, zero, largest);
    const weights = ops.unary('exp', this.sub(scores, this.spread(shift)));
    const total = this.sums(weights);
    const isEmpty = ops.compare('eq', total, zero);
    const divisor = this.isMasked ? ops.where(isEmpty, this.constant(1, rowShape), total) : total;
    const shares = ops.arithmetic('div', weights, this.spread(divisor));
    const sum = this.add(largest, ops.unary('log', total));
    const infinity = this.constant(Number.POSITIVE_INFINITY, rowShape);
    return {
      output: this.times(this.kept(shares), this.v),
      logSum: this.isMasked ? ops.where(isEmpty, infinity, sum) : sum,
    };
  }

  /** The weights again, from the log sums. */
  weights(logSum: V): V {
    return this.ops.unary('exp', this.sub(this.scores(), this.spread(logSum)));
  }
}
