/** Attention. */
import type { Value } from '../../autograd/value.js';
import type { AttentionRoles } from '../../base/attributes.js';
import { isFloat, promote } from '../../base/dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../../base/errors.js';
import type { Shape } from '../../base/shape.js';
import { broadcastShapes, showShape } from '../../base/shape.js';
import { nextStream } from '../../random/index.js';
import { checkTensors } from '../../tensor/given.js';
import { Tensor } from '../../tensor/index.js';
import { checkProbability, dropout } from './dropout.js';
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
function causalMask(like: Tensor, rows: number, columns: number): Tensor {
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

function checkMask(mask: Tensor | null, isCausal: boolean): void {
  if (mask === null) return;
  if (isCausal) throw new ArgumentError('scaledDotProductAttention: give attnMask or isCausal, not both');
  if (mask.dtype !== 'bool' && !isFloat(mask.dtype))
    throw new DTypeError(
      `scaledDotProductAttention: attnMask is bool or float, got ${mask.dtype}; convert with .to('bool')`,
    );
}

/** softmax(scale q k^T + mask), [..., L, S]; here a mask and causality may come together. */
export function attentionWeights(query: Tensor, key: Tensor, options: AttentionOptions = {}): Tensor {
  const { attnMask = null, isCausal = false } = options;
  let scores = query.matmul(key.transpose(-1, -2)).mul(scaleOf(query, options));
  if (attnMask !== null)
    scores =
      attnMask.dtype === 'bool' ? scores.where(attnMask, Number.NEGATIVE_INFINITY) : scores.add(attnMask);
  if (isCausal)
    scores = scores.where(causalMask(query, query.size(-2), key.size(-2)), Number.NEGATIVE_INFINITY);
  return attnMask === null ? scores.softmax(-1) : maskedSoftmax(scores);
}

function scaleOf(query: Tensor, options: AttentionOptions): number {
  return options.scale ?? 1 / Math.sqrt(query.size(-1));
}

/** Where weights are dropped, drawn as `dropout` draws it for all weights; null for nowhere. */
function dropoutOf(like: Tensor, p: number, shape: Shape): AttentionRoles<Value>['dropout'] {
  if (p === 0) return null;
  const { ops } = like.workspace;
  return {
    random: ops.random(shape, nextStream()),
    p: ops.argument(p, 'float32', []),
    keep: ops.argument(p === 1 ? 0 : 1 / (1 - p), 'float32', []),
  };
}

/** Attention whose operands are checked and have all heads; a mask and causality may come together. */
export function attend(query: Tensor, key: Tensor, value: Tensor, options: AttentionOptions): Tensor {
  const { attnMask = null, isCausal = false, dropoutP = 0 } = options;
  checkProbability('scaledDotProductAttention', dropoutP);
  const { dtype } = query;
  const isMaskPlain =
    attnMask === null || attnMask.dtype === 'bool' || promote(dtype, attnMask.dtype) === dtype;
  // What mixes dtypes is promoted step by step.
  if (key.dtype !== dtype || value.dtype !== dtype || !isMaskPlain)
    return dropout(attentionWeights(query, key, options), dropoutP).matmul(value);
  const name = 'scaledDotProductAttention';
  const [rows, keys] = [query.size(-2), key.size(-2)];
  const lead = [query, key, value, ...(attnMask === null ? [] : [attnMask])]
    .map((t): Shape => t.shape.slice(0, -2))
    .reduce((a, b) => broadcastShapes(name, a, b));
  const weights = [...lead, rows, keys];
  const wide = (t: Tensor): Value => t.expand([...lead, ...t.shape.slice(-2)]).value;
  const { ops } = query.workspace;
  const [output] = ops.attention(
    {
      q: wide(query),
      k: wide(key),
      v: wide(value),
      mask: attnMask === null ? null : attnMask.expand(weights).value,
      dropout: dropoutOf(query, dropoutP, weights),
    },
    { scale: scaleOf(query, options), isCausal },
  );
  return Tensor.of(query.workspace, output);
}

/**
 * softmax(scale q k^T + mask) v; Vaswani et al. 2017. A query that may look at nothing gives zeros. It is one kernel that goes over the
 * keys block by block (Dao et al. 2022), forward and backward: no [L, S] matrix is in memory, but for the gradient of a mask of floats and
 * for second derivatives.
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
  checkTensors('scaledDotProductAttention', { query, key, value }, options);
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
  checkMask(options.attnMask ?? null, options.isCausal ?? false);
  return attend(query, k, v, options);
}
