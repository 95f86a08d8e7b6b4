/** Attention. */
import { isFloat } from '../../base/dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../../base/errors.js';
import { showShape } from '../../base/shape.js';
import { Tensor } from '../../tensor/index.js';
import { dropout } from './dropout.js';
import { checkFloat } from './formula.js';

export interface AttentionOptions {
  /** [..., L, S], broadcast. Bool: true where a query may look; float: added to the scores. */
  readonly attnMask?: Tensor | null;
  /** Share of the attention weights that is dropped; pass 0 in evaluation. */
  readonly dropoutP?: number;
  /** Query i may look at keys 0 to i only. */
  readonly isCausal?: boolean;
  /** What scores are multiplied by; 1 / sqrt(E) if not given. */
  readonly scale?: number;
  /** Keys and values have fewer heads (third dimension from the end), each for several heads of the queries; Ainslie et al. 2023. */
  readonly enableGqa?: boolean;
}

/** True where row i of [L, S] may look at column j: j is at most i. */
export function causalMask(like: Tensor, rows: number, columns: number): Tensor {
  const { ops } = like.workspace;
  const place = (dim: number) => ops.iota([rows, columns], dim, 'int32');
  return Tensor.of(like.workspace, ops.compare('le', place(1), place(0)));
}

/** Softmax along the last dimension; a row of nothing but -infinity gives zeros, as in PyTorch, and gradients of zero. */
function maskedSoftmax(scores: Tensor): Tensor {
  const largest = scores.detach().amax(-1, { keepdim: true });
  const finite = largest.where(largest.gt(Number.NEGATIVE_INFINITY), 0);
  const weights = scores.sub(finite).exp();
  const total = weights.sum(-1, { keepdim: true });
  return weights.div(total.where(total.gt(0), 1));
}

function checkShapes(query: Tensor, key: Tensor, value: Tensor): void {
  const shapes = `query ${showShape(query.shape)}, key ${showShape(key.shape)}, value ${showShape(value.shape)}`;
  for (const t of [query, key, value]) {
    checkFloat('scaledDotProductAttention', t);
    if (t.ndim < 2)
      throw new ShapeError(
        `scaledDotProductAttention: operands are [..., L, E], [..., S, E] and [..., S, Ev], got ${shapes}`,
      );
  }
  if (query.size(-1) !== key.size(-1) || key.size(-2) !== value.size(-2)) {
    throw new ShapeError(
      `scaledDotProductAttention: query and key share their last dimension, key and value the one before, got ${shapes}`,
    );
  }
}

/** Each head of [..., H, S, E] `times` times in a row. */
function repeatHeads(x: Tensor, times: number): Tensor {
  if (times === 1) return x;
  const [lead, tail] = [x.shape.slice(0, -2), x.shape.slice(-2)];
  const heads = lead[lead.length - 1];
  return x
    .unsqueeze(-3)
    .expand([...lead, times, ...tail])
    .reshape([...lead.slice(0, -1), heads * times, ...tail]);
}

/** softmax(scale q k^T + mask), [..., L, S]. */
export function attentionWeights(query: Tensor, key: Tensor, options: AttentionOptions = {}): Tensor {
  const { attnMask = null, isCausal = false } = options;
  const scale = options.scale ?? 1 / Math.sqrt(query.size(-1));
  const scores = query.matmul(key.transpose(-1, -2)).mul(scale);
  if (isCausal) {
    if (attnMask !== null)
      throw new ArgumentError('scaledDotProductAttention: give attnMask or isCausal, not both');
    const mask = causalMask(query, query.size(-2), key.size(-2));
    return scores.where(mask, Number.NEGATIVE_INFINITY).softmax(-1);
  }
  if (attnMask === null) return scores.softmax(-1);
  if (attnMask.dtype === 'bool') return maskedSoftmax(scores.where(attnMask, Number.NEGATIVE_INFINITY));
  if (!isFloat(attnMask.dtype))
    throw new DTypeError(
      `scaledDotProductAttention: attnMask is bool or float, got ${attnMask.dtype}; convert with .to('bool')`,
    );
  return maskedSoftmax(scores.add(attnMask));
}

/**
 * softmax(scale q k^T + mask) v; Vaswani et al. 2017. A query that may look at nothing gives zeros.
 *
 * @param query [..., L, E]
 * @param key [..., S, E]
 * @param value [..., S, Ev]
 * @returns [..., L, Ev]
 * @throws ShapeError, DTypeError if they do not fit.
 * @example
 * ```ts
 * import { functional as F, ones } from 'hadal';
 * const y = F.scaledDotProductAttention(ones([2, 5, 4]), ones([2, 3, 4]), ones([2, 3, 6]), { isCausal: true });
 * console.log(y.shape); // [ 2, 5, 6 ]
 * ```
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): Tensor {
  checkShapes(query, key, value);
  let [k, v] = [key, value];
  if (options.enableGqa) {
    const times = (t: Tensor): number => query.size(-3) / t.size(-3);
    if (!Number.isInteger(times(k)) || !Number.isInteger(times(v)))
      throw new ShapeError(
        `scaledDotProductAttention: the heads of the query, ${query.size(-3)}, are no multiple of those of key and value`,
      );
    k = repeatHeads(k, times(k));
    v = repeatHeads(v, times(v));
  }
  const weights = attentionWeights(query, k, options);
  return dropout(weights, options.dropoutP ?? 0).matmul(v);
}
