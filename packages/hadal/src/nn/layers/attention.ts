/** Attention with several heads. */

import { isFloat } from '../../base/dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../../base/errors.js';
import { checkOptions } from '../../base/options.js';
import { sameShape, showShape } from '../../base/shape.js';
import { checkTensor } from '../../tensor/given.js';
import { type Tensor, zeros } from '../../tensor/index.js';
import type { Config } from '../config/json.js';
import { type AttentionOptions, attend, attentionWeights } from '../functional/attention.js';
import { checkProbability } from '../functional/dropout.js';
import { linear } from '../functional/linear.js';
import { checkSize, Module } from '../module.js';
import { Parameter } from '../parameter.js';
import { uniformParameter } from './initial.js';
import { Linear } from './linear.js';

export interface MultiheadAttentionOptions {
  /** Share of the attention weights that is dropped while training. */
  readonly dropout?: number;
  readonly bias?: boolean;
  /** Features of keys; as many as of queries if not given. */
  readonly kdim?: number;
  /** Features of values; as many as of queries if not given. */
  readonly vdim?: number;
  /** Whether the batch comes before time: [N, L, E] instead of [L, N, E]. */
  readonly batchFirst?: boolean;
}

export interface MultiheadAttentionMasks {
  /** [N, S] or [S]. Bool: true for keys that are left out; float: added to the scores. */
  readonly keyPaddingMask?: Tensor | null;
  /** [L, S] or [N * heads, L, S]. Bool: true where a query may not look; float: added to the scores. */
  readonly attnMask?: Tensor | null;
  /** Query i may look at keys 0 to i only. */
  readonly isCausal?: boolean;
}

/** `const { attnOutput } = ...` or `const [attnOutput, attnOutputWeights] = ...`. */
export class MultiheadAttentionOutput implements Iterable<Tensor> {
  /** Like the query. */
  readonly attnOutput: Tensor;
  readonly #weights: () => Tensor;
  #perHead: Tensor | null = null;

  constructor(attnOutput: Tensor, weights: () => Tensor) {
    this.attnOutput = attnOutput;
    this.#weights = weights;
  }

  /** How much each query looked at each key, by head: [N, heads, L, S], or without N. Computed when asked for, without dropout. */
  get weightsPerHead(): Tensor {
    this.#perHead ??= this.#weights();
    return this.#perHead;
  }

  /** Their means over the heads, [N, L, S]. */
  get attnOutputWeights(): Tensor {
    return this.weightsPerHead.mean(-3);
  }

  *[Symbol.iterator](): Generator<Tensor> {
    yield this.attnOutput;
    yield this.attnOutputWeights;
  }
}

type Inputs = [query: Tensor, key: Tensor, value: Tensor, masks?: MultiheadAttentionMasks];

/**
 * Attention by several heads, each on its share of the features; Vaswani et al. 2017, section 3.2.2.
 *
 * @example
 * ```ts
 * import { nn, ones } from 'hadal';
 * const attention = new nn.MultiheadAttention(16, 4, { batchFirst: true });
 * const x = ones([2, 5, 16]);
 * const [y, weights] = attention.forward(x, x, x, { isCausal: true });
 * console.log(y.shape, weights.shape); // [ 2, 5, 16 ] [ 2, 5, 5 ]
 * ```
 */
export class MultiheadAttention extends Module<Inputs, MultiheadAttentionOutput> {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  readonly kdim: number;
  readonly vdim: number;
  /** [3 E, E]: the projections of query, key and value; null if these differ in size. */
  inProjWeight: Parameter | null = null;
  /** [E, E] */
  qProjWeight: Parameter | null = null;
  /** [E, kdim] */
  kProjWeight: Parameter | null = null;
  /** [E, vdim] */
  vProjWeight: Parameter | null = null;
  /** [3 E] */
  inProjBias: Parameter | null;
  outProj: Linear;

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    const name = 'MultiheadAttention';
    checkOptions(name, options, {
      dropout: true,
      bias: true,
      kdim: true,
      vdim: true,
      batchFirst: true,
    });
    this.embedDim = checkSize(name, 'embedDim', embedDim);
    this.numHeads = checkSize(name, 'numHeads', numHeads);
    if (embedDim % numHeads !== 0)
      throw new ArgumentError(`${name}: numHeads divides embedDim, got ${numHeads} and ${embedDim}`);
    this.dropout = checkProbability(name, options.dropout ?? 0);
    this.batchFirst = options.batchFirst ?? false;
    this.kdim = checkSize(name, 'kdim', options.kdim ?? embedDim);
    this.vdim = checkSize(name, 'vdim', options.vdim ?? embedDim);
    // The bounds of Glorot and Bengio's initialisation.
    const xavier = (out: number, inner: number): Parameter =>
      uniformParameter([out, inner], Math.sqrt(6 / (out + inner)));
    if (this.kdim === embedDim && this.vdim === embedDim) this.inProjWeight = xavier(3 * embedDim, embedDim);
    else {
      this.qProjWeight = xavier(embedDim, embedDim);
      this.kProjWeight = xavier(embedDim, this.kdim);
      this.vProjWeight = xavier(embedDim, this.vdim);
    }
    const bias = options.bias ?? true;
    this.inProjBias = bias ? new Parameter(zeros([3 * embedDim])) : null;
    this.outProj = new Linear(embedDim, embedDim, { bias });
    if (this.outProj.bias !== null) this.outProj.bias = new Parameter(zeros([embedDim]));
  }

  /** The projection of query (0), key (1) or value (2). */
  #project(x: Tensor, which: 0 | 1 | 2): Tensor {
    const from = which * this.embedDim;
    const own = [this.qProjWeight, this.kProjWeight, this.vProjWeight][which];
    const weight = own ?? this.inProjWeight?.narrow(0, from, this.embedDim);
    if (!weight) throw new ArgumentError('MultiheadAttention: its projection is missing');
    return linear(x, weight, this.inProjBias?.narrow(0, from, this.embedDim) ?? null);
  }

  /** [N, L, E] to [N, heads, L, E / heads]. */
  #heads(x: Tensor): Tensor {
    const [batch, length] = x.shape;
    return x.reshape([batch, length, this.numHeads, this.embedDim / this.numHeads]).transpose(1, 2);
  }

  #checkShapes(query: Tensor, key: Tensor, value: Tensor): void {
    for (const [what, t] of Object.entries({ query, key, value })) checkTensor('MultiheadAttention', what, t);
    const fits =
      (query.ndim === 2 || query.ndim === 3) &&
      key.ndim === query.ndim &&
      sameShape(key.shape.slice(0, -1), value.shape.slice(0, -1)) &&
      query.size(-1) === this.embedDim &&
      key.size(-1) === this.kdim &&
      value.size(-1) === this.vdim;
    if (fits) return;
    const order = this.batchFirst ? ['N, L', 'N, S'] : ['L, N', 'S, N'];
    throw new ShapeError(
      `MultiheadAttention: query, key and value are [${order[0]}, ${this.embedDim}], [${order[1]}, ${this.kdim}] and ` +
        `[${order[1]}, ${this.vdim}], all or none with N, got ${showShape(query.shape)}, ${showShape(key.shape)} and ${showShape(value.shape)}`,
    );
  }

  /** The masks as one, broadcast to [N, heads, L, S]: bool where a query may look, or float. */
  #mask(
    query: Tensor,
    rows: number,
    columns: number,
    batch: number,
    masks: MultiheadAttentionMasks,
  ): AttentionOptions {
    const { keyPaddingMask = null, attnMask = null, isCausal = false } = masks;
    const parts: Tensor[] = [];
    if (attnMask !== null) {
      const perHead = attnMask.ndim === 3;
      const wanted = perHead ? [batch * this.numHeads, rows, columns] : [rows, columns];
      checkMask('attnMask', attnMask, wanted);
      parts.push(perHead ? attnMask.reshape([batch, this.numHeads, rows, columns]) : attnMask);
    }
    if (keyPaddingMask !== null) {
      checkMask('keyPaddingMask', keyPaddingMask, keyPaddingMask.ndim === 1 ? [columns] : [batch, columns]);
      parts.push(keyPaddingMask.reshape([-1, 1, 1, columns]));
    }
    if (parts.length === 0) return { isCausal };
    const allowed = (t: Tensor): Tensor => (t.dtype === 'bool' ? t.logicalNot() : t);
    const all = parts.map(allowed);
    const added = (t: Tensor): Tensor =>
      t.dtype === 'bool' ? zeros([], { dtype: query.dtype }).where(t, Number.NEGATIVE_INFINITY) : t;
    const attn = all.every((t) => t.dtype === 'bool')
      ? all.reduce((a, b) => a.logicalAnd(b))
      : all.map(added).reduce((a, b) => a.add(b));
    return { attnMask: attn, isCausal };
  }

  /**
   * @param query [L, N, E], [N, L, E] with batchFirst, or [L, E]
   * @param key [S, N, kdim] and so on
   * @param value [S, N, vdim] and so on
   */
  override forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    masks: MultiheadAttentionMasks = {},
  ): MultiheadAttentionOutput {
    this.#checkShapes(query, key, value);
    const single = query.ndim === 2;
    const batched = (x: Tensor): Tensor =>
      single ? x.unsqueeze(0) : this.batchFirst ? x : x.transpose(0, 1);
    const [q, k, v] = [query, key, value].map((x, i) =>
      this.#heads(this.#project(batched(x), i as 0 | 1 | 2)),
    );
    const [batch, , rows] = q.shape;
    const options = this.#mask(q, rows, k.shape[2], batch, masks);
    const dropoutP = this.training ? this.dropout : 0;
    const attended = attend(q, k, v, { ...options, dropoutP });
    const merged = this.outProj.forward(attended.transpose(1, 2).reshape([batch, rows, this.embedDim]));
    const output = single ? merged.squeeze(0) : this.batchFirst ? merged : merged.transpose(0, 1);
    return new MultiheadAttentionOutput(output, () => {
      const weights = attentionWeights(q, k, options);
      return single ? weights.squeeze(0) : weights;
    });
  }

  override config(): Config {
    return {
      embedDim: this.embedDim,
      numHeads: this.numHeads,
      dropout: this.dropout,
      bias: this.inProjBias !== null,
      kdim: this.kdim,
      vdim: this.vdim,
      batchFirst: this.batchFirst,
    };
  }
}

function checkMask(name: string, mask: Tensor, wanted: readonly number[]): void {
  if (mask.dtype !== 'bool' && !isFloat(mask.dtype))
    throw new DTypeError(`MultiheadAttention: ${name} is bool or float, got ${mask.dtype}`);
  if (!sameShape(mask.shape, wanted))
    throw new ShapeError(`MultiheadAttention: ${name} is ${showShape(wanted)}, got ${showShape(mask.shape)}`);
}
