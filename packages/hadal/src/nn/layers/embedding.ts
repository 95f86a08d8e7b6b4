/** Learned tables. */

import { ArgumentError } from '../../base/errors.js';
import { checkOptions } from '../../base/options.js';
import { randn } from '../../random/index.js';
import { Tensor } from '../../tensor/index.js';
import type { Config } from '../config/json.js';
import { embedding } from '../functional/embedding.js';
import { checkSize, Module } from '../module.js';
import { Parameter } from '../parameter.js';

/**
 * Rows of a learned table, which start normal with variance 1.
 *
 * @example
 * ```ts
 * import { nn, tensor } from 'hadal';
 * const words = new nn.Embedding(1000, 16, { paddingIdx: 0 });
 * console.log(words.forward(tensor([[5n, 7n, 0n]])).shape); // [ 1, 3, 16 ]
 * ```
 */
export class Embedding extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  /** A row that starts as zeros and is not learned, or null. */
  readonly paddingIdx: number | null;
  /** [numEmbeddings, embeddingDim] */
  weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, options: { paddingIdx?: number | null } = {}) {
    super();
    checkOptions('Embedding', options, { paddingIdx: true });
    this.numEmbeddings = checkSize('Embedding', 'numEmbeddings', numEmbeddings);
    this.embeddingDim = checkSize('Embedding', 'embeddingDim', embeddingDim);
    const padding = options.paddingIdx ?? null;
    if (
      padding !== null &&
      (!Number.isInteger(padding) || padding < -numEmbeddings || padding >= numEmbeddings)
    )
      throw new ArgumentError(
        `Embedding: paddingIdx is a row from ${-numEmbeddings} to ${numEmbeddings - 1}, got ${padding}`,
      );
    this.paddingIdx = padding !== null && padding < 0 ? padding + numEmbeddings : padding;
    const table = randn([numEmbeddings, embeddingDim]);
    this.weight = new Parameter(this.paddingIdx === null ? table : withoutRow(table, this.paddingIdx));
  }

  /** Row numbers of any shape to [...shape, embeddingDim]. */
  override forward(indices: Tensor): Tensor {
    return embedding(indices, this.weight, { paddingIdx: this.paddingIdx });
  }

  override config(): Config {
    return {
      numEmbeddings: this.numEmbeddings,
      embeddingDim: this.embeddingDim,
      paddingIdx: this.paddingIdx,
    };
  }
}

function withoutRow(table: Tensor, row: number): Tensor {
  const places = Tensor.of(table.workspace, table.workspace.ops.iota(table.shape, 0, 'int32'));
  return table.where(places.ne(row), 0);
}
