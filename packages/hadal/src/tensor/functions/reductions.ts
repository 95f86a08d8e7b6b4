/** Reductions and orders as functions, under the names of the methods. */

import type { DType } from '../../base/dtype.js';
import { optionsOf, tensorOf } from '../given.js';
import type { AccumulateOptions, ReduceOptions, SpreadOptions } from '../methods/reductions.js';
import type { UniqueOptions } from '../methods/sorting.js';
import type { Distinct, MinAndMax, StdAndMean, ValuesAndIndices, VarAndMean } from '../results.js';
import type { Tensor } from '../tensor.js';

type Dims = number | readonly number[];

export function sum(x: Tensor, dim?: Dims, options: AccumulateOptions = {}): Tensor {
  return tensorOf('sum', x).sum(dim, options);
}
export function prod(x: Tensor, dim?: Dims, options: AccumulateOptions = {}): Tensor {
  return tensorOf('prod', x).prod(dim, options);
}
export function mean(x: Tensor, dim?: Dims, options: AccumulateOptions = {}): Tensor {
  return tensorOf('mean', x).mean(dim, options);
}
export function nansum(x: Tensor, dim?: Dims, options: AccumulateOptions = {}): Tensor {
  return tensorOf('nansum', x).nansum(dim, options);
}
export function nanmean(x: Tensor, dim?: Dims, options: AccumulateOptions = {}): Tensor {
  return tensorOf('nanmean', x).nanmean(dim, options);
}
export function amax(x: Tensor, dim?: Dims, options: ReduceOptions = {}): Tensor {
  return tensorOf('amax', x).amax(dim, options);
}
export function amin(x: Tensor, dim?: Dims, options: ReduceOptions = {}): Tensor {
  return tensorOf('amin', x).amin(dim, options);
}
export function any(x: Tensor, dim?: Dims, options: ReduceOptions = {}): Tensor {
  return tensorOf('any', x).any(dim, options);
}
export function all(x: Tensor, dim?: Dims, options: ReduceOptions = {}): Tensor {
  return tensorOf('all', x).all(dim, options);
}
export function max(x: Tensor): Tensor;
export function max(x: Tensor, dim: number, options?: ReduceOptions): ValuesAndIndices;
export function max(x: Tensor, dim?: number, options: ReduceOptions = {}): Tensor | ValuesAndIndices {
  return dim === undefined ? tensorOf('max', x).max() : tensorOf('max', x).max(dim, options);
}
export function min(x: Tensor): Tensor;
export function min(x: Tensor, dim: number, options?: ReduceOptions): ValuesAndIndices;
export function min(x: Tensor, dim?: number, options: ReduceOptions = {}): Tensor | ValuesAndIndices {
  return dim === undefined ? tensorOf('min', x).min() : tensorOf('min', x).min(dim, options);
}
export function median(x: Tensor): Tensor;
export function median(x: Tensor, dim: number, options?: ReduceOptions): ValuesAndIndices;
export function median(x: Tensor, dim?: number, options: ReduceOptions = {}): Tensor | ValuesAndIndices {
  return dim === undefined ? tensorOf('median', x).median() : tensorOf('median', x).median(dim, options);
}
export function argmax(x: Tensor, dim?: number, options: ReduceOptions = {}): Tensor {
  return tensorOf('argmax', x).argmax(dim, options);
}
export function argmin(x: Tensor, dim?: number, options: ReduceOptions = {}): Tensor {
  return tensorOf('argmin', x).argmin(dim, options);
}
export function aminmax(x: Tensor, dim?: number, options: ReduceOptions = {}): MinAndMax {
  return tensorOf('aminmax', x).aminmax(dim, options);
}
export function countNonzero(x: Tensor, dim?: Dims): Tensor {
  return tensorOf('countNonzero', x).countNonzero(dim);
}
export function std(x: Tensor, dim?: Dims, options: SpreadOptions = {}): Tensor {
  return tensorOf('std', x).std(dim, options);
}
function variance(x: Tensor, dim?: Dims, options: SpreadOptions = {}): Tensor {
  return tensorOf('var', x).var(dim, options);
}

export { variance as var };
export function stdMean(x: Tensor, dim?: Dims, options: SpreadOptions = {}): StdAndMean {
  return tensorOf('stdMean', x).stdMean(dim, options);
}
export function varMean(x: Tensor, dim?: Dims, options: SpreadOptions = {}): VarAndMean {
  return tensorOf('varMean', x).varMean(dim, options);
}
export function norm(x: Tensor, p: number | 'fro' = 2, dim?: Dims, options: ReduceOptions = {}): Tensor {
  return tensorOf('norm', x).norm(p, dim, options);
}
export function logsumexp(x: Tensor, dim: Dims, options: ReduceOptions = {}): Tensor {
  return tensorOf('logsumexp', x).logsumexp(dim, options);
}
export function softmax(x: Tensor, dim: number): Tensor {
  return tensorOf('softmax', x).softmax(dim);
}
export function logSoftmax(x: Tensor, dim: number): Tensor {
  return tensorOf('logSoftmax', x).logSoftmax(dim);
}
export function cumsum(x: Tensor, dim: number, options: { readonly dtype?: DType } = {}): Tensor {
  return tensorOf('cumsum', x).cumsum(dim, options);
}
export function cumprod(x: Tensor, dim: number, options: { readonly dtype?: DType } = {}): Tensor {
  return tensorOf('cumprod', x).cumprod(dim, options);
}
export function sort(
  x: Tensor,
  dim = -1,
  options: { readonly descending?: boolean; readonly stable?: boolean } = {},
): ValuesAndIndices {
  return tensorOf('sort', x).sort(dim, options);
}
export function argsort(
  x: Tensor,
  dim = -1,
  options: { readonly descending?: boolean; readonly stable?: boolean } = {},
): Tensor {
  return tensorOf('argsort', x).argsort(dim, options);
}
export function msort(x: Tensor): Tensor {
  return tensorOf('msort', x).msort();
}
export function topk(
  x: Tensor,
  k: number,
  dim = -1,
  options: { readonly largest?: boolean; readonly sorted?: boolean } = {},
): ValuesAndIndices {
  return tensorOf('topk', x).topk(k, dim, options);
}
export function kthvalue(x: Tensor, k: number, dim = -1, options: ReduceOptions = {}): ValuesAndIndices {
  return tensorOf('kthvalue', x).kthvalue(k, dim, options);
}
export function unique(x: Tensor, options: UniqueOptions = {}): Distinct {
  return tensorOf('unique', x).unique(options);
}
export function uniqueAsync(x: Tensor, options: UniqueOptions = {}): Promise<Distinct> {
  return tensorOf('uniqueAsync', x).uniqueAsync(options);
}
export function uniqueConsecutive(x: Tensor, options: UniqueOptions = {}): Distinct {
  return tensorOf('uniqueConsecutive', x).uniqueConsecutive(options);
}
export function diff(x: Tensor, n = 1, dim = -1): Tensor {
  return tensorOf('diff', x).diff(n, dim);
}
export function dist(x: Tensor, y: Tensor, p = 2): Tensor {
  return tensorOf('dist', x).dist(y, p);
}
export function quantile(
  x: Tensor,
  q: number | readonly number[],
  dim?: number,
  options: ReduceOptions = {},
): Tensor {
  return tensorOf('quantile', x).quantile(q, dim, options);
}
export function logcumsumexp(x: Tensor, dim: number): Tensor {
  return tensorOf('logcumsumexp', x).logcumsumexp(dim);
}
export function bincount(
  x: Tensor,
  options: { readonly weights?: Tensor; readonly minlength?: number } = {},
): Tensor {
  return tensorOf('bincount', x).bincount(options);
}
export function cov(x: Tensor, options: { readonly correction?: number } = {}): Tensor {
  return tensorOf('cov', x).cov(options);
}
export function corrcoef(x: Tensor): Tensor {
  return tensorOf('corrcoef', x).corrcoef();
}
/**
 * Where each value would have to be put into an ascending last dimension to keep its order: in front of its like, or behind with `right`.
 * int64; compares every value with every element.
 *
 * @param sorted [..., n], or [n] for values of any shape.
 * @param values [..., m].
 * @example
 * ```ts
 * import { searchsorted, tensor } from 'hadal';
 * console.log(searchsorted(tensor([1, 3, 5]), tensor([3, 4])).tolistSync()); // [ 1, 2 ]
 * ```
 */
export function searchsorted(
  sorted: Tensor,
  values: Tensor,
  options: { readonly right?: boolean } = {},
): Tensor {
  const line = tensorOf('searchsorted', sorted).ndim === 1 ? sorted : sorted.unsqueeze(-2);
  const each = tensorOf('searchsorted', values).unsqueeze(-1);
  return (optionsOf('searchsorted', options).right ? line.le(each) : line.lt(each)).sum(-1);
}
/** The number of the interval between ascending boundaries that each value lies in; see `searchsorted`. */
export function bucketize(
  values: Tensor,
  boundaries: Tensor,
  options: { readonly right?: boolean } = {},
): Tensor {
  return searchsorted(boundaries, values, options);
}
/** Whether each element is among others. */
export function isin(elements: Tensor, others: Tensor): Tensor {
  return tensorOf('isin', elements).unsqueeze(-1).eq(tensorOf('isin', others).flatten()).any(-1);
}
