/** Methods that order elements along a dimension. NaN counts as largest. */
import type { TypedArray } from '../../base/dtype.js';
import { isFloat } from '../../base/dtype.js';
import { uploadPositions } from '../advanced-indexing.js';
import { optionsOf } from '../given.js';
import { runningExtremum } from '../reduction.js';
import type { Distinct, ValuesAndIndices } from '../results.js';
import { valuesAndIndices } from '../results.js';
import type { Picked } from '../sorting.js';
import * as s from '../sorting.js';
import type { Tensor } from '../tensor.js';
import { IndexingMethods } from './indexing.js';
import type { ReduceOptions } from './reductions.js';
import { keepsDim } from './reductions.js';

export interface UniqueOptions {
  /** For every element the number of its like among the distinct ones. */
  readonly returnInverse?: boolean;
  /** How often each distinct element is there. */
  readonly returnCounts?: boolean;
}

export abstract class SortingMethods extends IndexingMethods {
  private bothOf({ values, indices }: Picked): ValuesAndIndices {
    return valuesAndIndices(this.wrap(values), this.wrap(indices));
  }

  /**
   * Elements in ascending order along a dimension (the last one unless given), with the positions they had. Equal ones keep their
   * order.
   *
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * const [values, indices] = tensor([3, 1, 2]).sort();
   * console.log(values.tolistSync(), indices.tolistSync()); // [ 1, 2, 3 ] [ 1, 2, 0 ]
   * ```
   */
  sort(
    dim = -1,
    options: { readonly descending?: boolean; readonly stable?: boolean } = {},
  ): ValuesAndIndices {
    return this.bothOf(s.sort(this.ops, this.value, dim, optionsOf('sort', options).descending ?? false));
  }
  /** The positions that sort. */
  argsort(dim = -1, options: { readonly descending?: boolean; readonly stable?: boolean } = {}): Tensor {
    return this.wrap(s.argsort(this.ops, this.value, dim, optionsOf('argsort', options).descending ?? false));
  }
  /**
   * The largest of all elements up to each one along a dimension, and where it was last. NaN counts as largest. The gradient goes to
   * the elements that were taken. Throws `DTypeError` for bools.
   *
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * const [values, indices] = tensor([1, 3, 2, 3]).cummax(0);
   * console.log(values.tolistSync(), indices.tolistSync()); // [ 1, 3, 3, 3 ] [ 0, 1, 1, 3 ]
   * ```
   */
  cummax(dim: number): ValuesAndIndices {
    return this.bothOf(runningExtremum('cummax', this.ops, this.value, dim, 'max'));
  }
  /** The smallest of all elements up to each one along a dimension, and where it was last. NaN counts as smallest. */
  cummin(dim: number): ValuesAndIndices {
    return this.bothOf(runningExtremum('cummin', this.ops, this.value, dim, 'min'));
  }
  /** Sorted along the first dimension. */
  msort(): Tensor {
    return this.sort(0).values;
  }
  /**
   * The k largest elements along a dimension, largest first, or the smallest.
   *
   * @throws ArgumentError if there are fewer than k.
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * const { values, indices } = tensor([1, 9, 3, 7]).topk(2);
   * console.log(values.tolistSync(), indices.tolistSync()); // [ 9, 7 ] [ 1, 3 ]
   * ```
   */
  topk(
    k: number,
    dim = -1,
    options: { readonly largest?: boolean; readonly sorted?: boolean } = {},
  ): ValuesAndIndices {
    return this.bothOf(s.topk(this.ops, this.value, k, dim, optionsOf('topk', options).largest ?? true));
  }
  /** The k-th smallest element along a dimension, counted from 1. */
  kthvalue(k: number, dim = -1, options: ReduceOptions = {}): ValuesAndIndices {
    return this.bothOf(s.kthvalue(this.ops, this.value, k, dim, keepsDim('kthvalue', options)));
  }
  /**
   * The middle element, of all or along a dimension with its position; the lower of two; NaN if there is one. Of no elements at all it is
   * NaN.
   *
   * @throws ShapeError for an empty dimension, and for no elements of a dtype without NaN.
   */
  median(): Tensor;
  median(dim: number, options?: ReduceOptions): ValuesAndIndices;
  median(dim?: number, options: ReduceOptions = {}): Tensor | ValuesAndIndices {
    if (dim === undefined) {
      if (this.numel() === 0 && isFloat(this.dtype))
        return this.wrap(this.ops.constant(Number.NaN, this.dtype, []));
      const flat = this.ops.reshape(this.value, [this.numel()]);
      return this.wrap(s.median(this.ops, flat, 0, false).values);
    }
    return this.bothOf(s.median(this.ops, this.value, dim, keepsDim('median', options)));
  }

  /**
   * The distinct elements in ascending order. Values are read at once; `uniqueAsync` waits for them.
   *
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * const { values, counts } = tensor([2, 1, 2]).unique({ returnCounts: true });
   * console.log(values.tolistSync(), counts.tolistSync()); // [ 1, 2 ] [ 1, 2 ]
   * ```
   */
  unique(options: UniqueOptions = {}): Distinct {
    return this.distinctOf(this.self.dataSync(), false, options);
  }
  async uniqueAsync(options: UniqueOptions = {}): Promise<Distinct> {
    return this.distinctOf(await this.self.data(), false, options);
  }
  /** One of each run of equal neighbours, in the order they come. */
  uniqueConsecutive(options: UniqueOptions = {}): Distinct {
    return this.distinctOf(this.self.dataSync(), true, options);
  }
  private distinctOf(data: TypedArray, runs: boolean, options: UniqueOptions): Distinct {
    const { returnInverse = false } = optionsOf('unique', options);
    const found = s.distinct(data, runs);
    const place = (p: BigInt64Array, shape: readonly number[]): Tensor =>
      this.wrap(uploadPositions(this.workspace, p, shape));
    const values = this.flatten()
      .detach()
      .indexSelect(0, place(found.first, [found.first.length]));
    const inverse = returnInverse ? place(found.inverse, this.shape) : null;
    const counts = options.returnCounts ? place(found.counts, [found.counts.length]) : null;
    const parts = [values, inverse, counts].filter((t) => t !== null);
    return { values, inverse, counts, [Symbol.iterator]: () => parts.values() };
  }
}
