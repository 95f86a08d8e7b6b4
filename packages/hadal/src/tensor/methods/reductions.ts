/** Methods that reduce dimensions, and what is made of reductions. `dim` is one dimension, several, or all where it is left out. */

import type { DType } from '../../base/dtype.js';
import type { OptionNames } from '../../base/options.js';
import { checkOptions } from '../../base/options.js';
import { optionsOf } from '../given.js';
import * as r from '../reduction.js';
import type { MinAndMax, StdAndMean, ValuesAndIndices, VarAndMean } from '../results.js';
import { valuesAndIndices } from '../results.js';
import type { Tensor } from '../tensor.js';
import { ComparisonMethods } from './comparison.js';

export interface ReduceOptions {
  /** Keep reduced dimensions, with size 1. */
  readonly keepdim?: boolean;
}

export interface AccumulateOptions extends ReduceOptions {
  /** Convert to this dtype before adding up, which is then the result's. */
  readonly dtype?: DType;
}

export interface SpreadOptions extends ReduceOptions {
  /** What is taken off the count that the squares are divided by: 1 (Bessel's correction) unless given. */
  readonly correction?: number;
}

type Dims = number | readonly number[];

const reduceNames: OptionNames<ReduceOptions> = { keepdim: true };
const accumulateNames: OptionNames<AccumulateOptions> = { keepdim: true, dtype: true };
const spreadNames: OptionNames<SpreadOptions> = { keepdim: true, correction: true };

/**
 * Whether reduced dimensions are kept.
 *
 * @throws ArgumentError for options that the reduction does not have: `keepDims: true` would do nothing without a word.
 */
export function keepsDim(op: string, options: ReduceOptions): boolean {
  return checkOptions(op, options, reduceNames).keepdim ?? false;
}

export abstract class ReductionMethods extends ComparisonMethods {
  /**
   * Sum over dimensions. Integers and bools add up as int64.
   *
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * console.log(tensor([[1, 2], [3, 4]]).sum(0).tolistSync()); // [ 4, 6 ]
   * ```
   */
  sum(dim?: Dims, options: AccumulateOptions = {}): Tensor {
    const { keepdim = false, dtype } = checkOptions('sum', options, accumulateNames);
    return this.wrap(r.accumulate(this.ops, 'sum', this.value, dim, keepdim, dtype));
  }
  /** Product over dimensions. Integers and bools multiply as int64. */
  prod(dim?: Dims, options: AccumulateOptions = {}): Tensor {
    const { keepdim = false, dtype } = checkOptions('prod', options, accumulateNames);
    return this.wrap(r.accumulate(this.ops, 'prod', this.value, dim, keepdim, dtype));
  }
  /**
   * Mean over dimensions.
   *
   * @throws DTypeError for integers and bools, unless a float `dtype` is given.
   */
  mean(dim?: Dims, options: AccumulateOptions = {}): Tensor {
    const { keepdim = false, dtype } = checkOptions('mean', options, accumulateNames);
    return this.wrap(r.mean(this.ops, this.value, dim, keepdim, dtype));
  }

  /** Largest element over dimensions; equal ones share the gradient. NaN if there is one. */
  amax(dim?: Dims, options: ReduceOptions = {}): Tensor {
    return this.wrap(r.extremum(this.ops, 'max', this.value, dim, keepsDim('amax', options)));
  }
  amin(dim?: Dims, options: ReduceOptions = {}): Tensor {
    return this.wrap(r.extremum(this.ops, 'min', this.value, dim, keepsDim('amin', options)));
  }
  aminmax(dim?: number, options: ReduceOptions = {}): MinAndMax {
    const [min, max] = [this.amin(dim, options), this.amax(dim, options)];
    return { min, max, [Symbol.iterator]: () => [min, max].values() };
  }
  /**
   * The largest element of all, or along a dimension with its position: the first of equal ones, which also gets the gradient.
   *
   * @throws ShapeError if there is nothing to choose from.
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * const { values, indices } = tensor([[1, 5], [7, 2]]).max(1);
   * console.log(values.tolistSync(), indices.tolistSync()); // [ 5, 7 ] [ 1, 0 ]
   * ```
   */
  max(): Tensor;
  max(dim: number, options?: ReduceOptions): ValuesAndIndices;
  max(dim?: number, options: ReduceOptions = {}): Tensor | ValuesAndIndices {
    return dim === undefined ? this.amax() : this.extremumAlong('max', dim, options);
  }
  min(): Tensor;
  min(dim: number, options?: ReduceOptions): ValuesAndIndices;
  min(dim?: number, options: ReduceOptions = {}): Tensor | ValuesAndIndices {
    return dim === undefined ? this.amin() : this.extremumAlong('min', dim, options);
  }
  private extremumAlong(name: 'max' | 'min', dim: number, options: ReduceOptions): ValuesAndIndices {
    const [values, indices] = r.extremumAt(this.ops, name, this.value, dim, keepsDim(name, options));
    return valuesAndIndices(this.wrap(values), this.wrap(indices));
  }
  /** The index of the first largest element along a dimension, int64; of the flattened tensor without one. */
  argmax(dim?: number, options: ReduceOptions = {}): Tensor {
    return this.wrap(r.argReduce(this.ops, 'max', this.value, dim, keepsDim('argmax', options)));
  }
  argmin(dim?: number, options: ReduceOptions = {}): Tensor {
    return this.wrap(r.argReduce(this.ops, 'min', this.value, dim, keepsDim('argmin', options)));
  }

  /** Whether any element is not zero. */
  any(dim?: Dims, options: ReduceOptions = {}): Tensor {
    return this.wrap(r.truth(this.ops, 'any', this.value, dim, keepsDim('any', options)));
  }
  /** Whether all elements are not zero. */
  all(dim?: Dims, options: ReduceOptions = {}): Tensor {
    return this.wrap(r.truth(this.ops, 'all', this.value, dim, keepsDim('all', options)));
  }
  /** How many elements are not zero, int64. */
  countNonzero(dim?: Dims): Tensor {
    return this.wrap(r.countNonzero(this.ops, this.value, dim));
  }

  /**
   * Variance over dimensions: squared distances from the mean, added up and divided by their count less `correction`.
   *
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * const x = tensor([1, 2, 3, 6]);
   * console.log(x.var().itemSync().toFixed(2), x.var(0, { correction: 0 }).itemSync()); // 4.67 3.5
   * ```
   */
  var(dim?: Dims, options: SpreadOptions = {}): Tensor {
    return this.wrap(this.momentsAlong('var', dim, options).var);
  }
  /** Standard deviation: the root of the variance. Its gradient at 0 is 0. */
  std(dim?: Dims, options: SpreadOptions = {}): Tensor {
    return this.wrap(this.momentsAlong('std', dim, options).std);
  }
  varMean(dim?: Dims, options: SpreadOptions = {}): VarAndMean {
    const m = this.momentsAlong('varMean', dim, options);
    const [variance, mean] = [this.wrap(m.var), this.wrap(m.mean)];
    return { var: variance, mean, [Symbol.iterator]: () => [variance, mean].values() };
  }
  stdMean(dim?: Dims, options: SpreadOptions = {}): StdAndMean {
    const m = this.momentsAlong('stdMean', dim, options);
    const [std, mean] = [this.wrap(m.std), this.wrap(m.mean)];
    return { std, mean, [Symbol.iterator]: () => [std, mean].values() };
  }
  private momentsAlong(op: string, dim: Dims | undefined, options: SpreadOptions): r.Moments {
    const { keepdim = false, correction = 1 } = checkOptions(op, options, spreadNames);
    return r.moments(this.ops, op, this.value, dim, keepdim, correction);
  }

  /**
   * The p-norm: (sum |x|^p)^(1/p), Euclid's unless p is given. Infinity and -Infinity give the largest and smallest magnitude, 0 the
   * number of elements that are not zero.
   */
  norm(p: number | 'fro' = 2, dim?: Dims, options: ReduceOptions = {}): Tensor {
    return this.wrap(r.norm(this.ops, this.value, p === 'fro' ? 2 : p, dim, keepsDim('norm', options)));
  }
  /** log(sum(exp(x))) over dimensions, also where exp alone would overflow. */
  logsumexp(dim: Dims, options: ReduceOptions = {}): Tensor {
    return this.wrap(r.logsumexp(this.ops, this.value, dim, keepsDim('logsumexp', options)));
  }

  /** Sums of all elements up to each one along a dimension. Integers and bools add up as int64. */
  cumsum(dim: number, options: { readonly dtype?: DType } = {}): Tensor {
    return this.wrap(r.cumsum(this.ops, this.value, dim, optionsOf('cumsum', options).dtype));
  }
  /** Products of all elements up to each one along a dimension. Integers and bools multiply as int64. */
  cumprod(dim: number, options: { readonly dtype?: DType } = {}): Tensor {
    return this.wrap(r.cumprod(this.ops, this.value, dim, optionsOf('cumprod', options).dtype));
  }

  /** Sum that leaves NaN out. */
  nansum(dim?: Dims, options: AccumulateOptions = {}): Tensor {
    return this.maskedFill(this.isnan(), 0).sum(dim, options);
  }
  /** Mean of the elements that are not NaN. */
  nanmean(dim?: Dims, options: AccumulateOptions = {}): Tensor {
    return this.nansum(dim, options).div(
      this.isnan()
        .logicalNot()
        .sum(dim, { keepdim: optionsOf('nanmean', options).keepdim ?? false }),
    );
  }

  /** exp(x) over its sum along a dimension. */
  softmax(dim: number): Tensor {
    return this.wrap(r.softmax(this.ops, this.value, dim));
  }
  /** The logarithm of softmax, computed without overflow. */
  logSoftmax(dim: number): Tensor {
    return this.wrap(r.logSoftmax(this.ops, this.value, dim));
  }
}
