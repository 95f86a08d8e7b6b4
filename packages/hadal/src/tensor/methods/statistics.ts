/** Methods that describe samples: differences, quantiles, counts, covariance. */
import { isFloat } from '../../base/dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../../base/errors.js';
import { normalizeDim, showShape } from '../../base/shape.js';
import { stack } from '../arrangement.js';
import { listOf, optionsOf } from '../given.js';
import { logcumsumexp } from '../reduction.js';
import type { Tensor } from '../tensor.js';
import type { ReduceOptions } from './reductions.js';
import { SortingMethods } from './sorting.js';

export abstract class StatisticsMethods extends SortingMethods {
  /**
   * Differences of neighbours along a dimension, taken `n` times; of bools, whether they differ.
   *
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * console.log(tensor([1, 4, 9]).diff().tolistSync()); // [ 3, 5 ]
   * ```
   */
  diff(n = 1, dim = -1): Tensor {
    if (!Number.isInteger(n) || n < 0)
      throw new ArgumentError(`diff: expected a number of times of at least 0, got ${n}`);
    const d = normalizeDim('diff', dim, this.ndim);
    if (this.ndim === 0) throw new ShapeError('diff: a tensor without dimensions has no neighbours');
    if (n === 0) return this.self;
    const count = Math.max(0, this.shape[d] - 1);
    const [later, earlier] = [this.narrow(d, this.shape[d] - count, count), this.narrow(d, 0, count)];
    const once = this.dtype === 'bool' ? later.ne(earlier) : later.sub(earlier);
    return n === 1 || count === 0 ? once : once.diff(n - 1, d);
  }

  /** The p-norm of the difference. */
  dist(other: Tensor, p = 2): Tensor {
    return this.sub(other).norm(p);
  }

  /**
   * The value below which a share `q` of the elements lies, between two elements in proportion; of all elements or along a dimension.
   * NaN if there is one. A list of shares gives a first dimension of its own.
   *
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * console.log(tensor([1, 2, 3, 5]).quantile([0, 0.5, 1]).tolistSync()); // [ 1, 2.5, 5 ]
   * ```
   */
  quantile(q: number | readonly number[], dim?: number, options: ReduceOptions = {}): Tensor {
    if (!isFloat(this.dtype))
      throw new DTypeError(
        `quantile: expected a float tensor, got ${this.dtype}; convert with .to('float32')`,
      );
    const shares = typeof q === 'number' ? [q] : q;
    if (listOf('quantile', 'shares', shares).length === 0 || !shares.every((s) => s >= 0 && s <= 1))
      throw new ArgumentError(`quantile: expected shares from 0 to 1, got [${shares.join(', ')}]`);
    if (dim === undefined) {
      const flat = this.flatten().quantile(q, 0);
      const ones = this.shape.map(() => 1);
      return optionsOf('quantile', options).keepdim
        ? flat.reshape(typeof q === 'number' ? ones : [q.length, ...ones])
        : flat;
    }
    const d = normalizeDim('quantile', dim, this.ndim);
    const line = this.ndim === 0 ? this.reshape([1]) : this.self;
    const n = line.shape[d];
    if (n === 0)
      throw new ShapeError(
        `quantile: dimension ${dim} of ${showShape(this.shape)} is empty and has no quantiles`,
      );
    const sorted = line.sort(d).values;
    const hasNaN = line.isnan().any(d, { keepdim: true });
    const parts = shares.map((share) => {
      const at = share * (n - 1);
      const low = Math.floor(at);
      const [a, b] = [sorted.narrow(d, low, 1), sorted.narrow(d, Math.min(low + 1, n - 1), 1)];
      const value = a.lerp(b, at - low).maskedFill(hasNaN, Number.NaN);
      return this.ndim === 0 ? value.reshape([]) : options.keepdim ? value : value.squeeze(d);
    });
    if (typeof q === 'number') return parts[0];
    return this.wrap(
      stack(
        this.ops,
        parts.map((p) => p.value),
        0,
      ),
    );
  }

  /** log(cumsum(exp(x))) along a dimension, also where exp alone would overflow. */
  logcumsumexp(dim: number): Tensor {
    return this.wrap(logcumsumexp(this.ops, this.value, dim));
  }

  /**
   * How often each number from 0 on is there, or the sum of its weights. Of integers; the largest is read at once.
   *
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * console.log(tensor([1n, 3n, 1n]).bincount().tolistSync()); // [ 0, 2, 0, 1 ]
   * ```
   */
  bincount(options: { readonly weights?: Tensor; readonly minlength?: number } = {}): Tensor {
    const { weights, minlength = 0 } = optionsOf('bincount', options);
    if (this.ndim !== 1)
      throw new ShapeError(`bincount: expected a vector, got shape ${showShape(this.shape)}`);
    if (isFloat(this.dtype) || this.dtype === 'bool')
      throw new DTypeError(`bincount: expected integers, got ${this.dtype}; convert with .to('int64')`);
    if (weights !== undefined && (weights.ndim !== 1 || weights.shape[0] !== this.shape[0]))
      throw new ShapeError(
        `bincount: weights ${showShape(weights.shape)} must have the shape of the numbers, ${showShape(this.shape)}`,
      );
    const largest = this.numel() === 0 ? -1 : Number(this.amax().itemSync());
    if (this.numel() > 0 && Number(this.amin().itemSync()) < 0)
      throw new ArgumentError('bincount: expected numbers of at least 0, got a negative one');
    const { ops } = this;
    const each = weights?.value ?? ops.constant(1, 'int64', this.shape);
    const index = ops.cast(this.value, 'int64');
    return this.wrap(ops.indexAdd(each, 0, index, [Math.max(largest + 1, minlength)]));
  }

  /** Covariances of variables in rows, observations in columns; of a vector its variance. */
  cov(options: { readonly correction?: number } = {}): Tensor {
    if (this.ndim > 2) throw new ShapeError(`cov: expected a matrix, got shape ${showShape(this.shape)}`);
    const x = this.ndim === 2 ? this.self : this.reshape([1, this.numel()]);
    const centered = x.sub(x.mean(1, { keepdim: true }));
    const result = centered
      .matmul(centered.t())
      .div(Math.max(x.shape[1] - (optionsOf('cov', options).correction ?? 1), 0));
    return this.ndim === 2 ? result : result.reshape([]);
  }
  /** Correlations of variables in rows. */
  corrcoef(): Tensor {
    const c = this.cov();
    if (c.ndim === 0) return c.div(c);
    const deviation = c.diagonal().sqrt();
    return c.div(deviation.unsqueeze(1)).div(deviation.unsqueeze(0)).clamp(-1, 1);
  }
}
