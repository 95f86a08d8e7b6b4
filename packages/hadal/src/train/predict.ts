/** What a model gives for data. */

import { noGrad } from '../autograd/mode.js';
import type { AbortSignal } from '../base/abort.js';
import type { DType, TypedArray } from '../base/dtype.js';
import { newArray } from '../base/dtype.js';
import { ArgumentError, ShapeError } from '../base/errors.js';
import { checkOptions } from '../base/options.js';
import { sameShape, showShape } from '../base/shape.js';
import { TensorDataset } from '../data/dataset.js';
import { fromTypedArray, Tensor, withWorkspace } from '../tensor/index.js';
import { batchSource, readUnlabelled, type TrainingData } from './batches.js';
import { call, checkModel, keepModes, type Model } from './model.js';

export interface PredictOptions {
  /** Samples in a batch of a dataset or of tensors. Default 32. */
  readonly batchSize?: number;
  /** Ends the prediction with the signal's reason as an error. */
  readonly signal?: AbortSignal;
}

/** Inputs: a tensor whose rows are samples, or what `fit` takes; targets are left out. */
export type PredictData = Tensor | TrainingData;

/**
 * The outputs of a model for all samples, in one tensor. In evaluation mode and without gradients; each module's mode is put back
 * afterwards, also after an error.
 *
 * @param data a tensor [N, ...], or data as `fit` takes it, whose batches are `x`, `[x]` or `[x, y]`. `y` is not looked at.
 * @returns [N, ...]
 * @throws ArgumentError if there is no data; ShapeError if the outputs of two batches differ in more than their first dimension.
 *
 * @example
 * ```ts
 * import { nn, predict, zeros } from 'hadal';
 * const outputs = await predict(new nn.Linear(4, 3), zeros([10, 4]), { batchSize: 4 });
 * console.log(outputs.shape); // [ 10, 3 ]
 * ```
 */
export async function predict(
  model: Model,
  data: PredictData,
  options: PredictOptions = {},
): Promise<Tensor> {
  const parts: { readonly data: TypedArray; readonly rows: number }[] = [];
  let first: Tensor | null = null;
  for await (const output of predictBatches(model, data, options)) {
    first ??= output;
    if (output.ndim === 0 || !sameShape(output.shape.slice(1), first.shape.slice(1))) {
      throw new ShapeError(
        `predict: outputs of shape ${showShape(first.shape)} and ${showShape(output.shape)} do not make one tensor; ` +
          'use predictBatches',
      );
    }
    parts.push({ data: await output.data(), rows: output.shape[0] });
  }
  if (first === null) throw new ArgumentError('predict: the data gave no batches');
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  return joined(first, [rows, ...first.shape.slice(1)], parts);
}

function joined(
  like: Tensor,
  shape: readonly number[],
  parts: readonly { readonly data: TypedArray }[],
): Tensor {
  const dtype: DType = like.dtype;
  const all = newArray(dtype, shape);
  const put: { set(data: TypedArray, at: number): void } = all as never;
  let at = 0;
  for (const { data } of parts) {
    put.set(data, at);
    at += data.length;
  }
  return withWorkspace(like.workspace, () => fromTypedArray(all, shape, { dtype }));
}

/**
 * The outputs of a model batch by batch, for more of them than fit into memory. See `predict`.
 *
 * @example
 * ```ts
 * import { nn, predictBatches, zeros } from 'hadal';
 * for await (const output of predictBatches(new nn.Linear(4, 3), zeros([10, 4]), { batchSize: 4 }))
 *   console.log(output.shape); // [ 4, 3 ] [ 4, 3 ] [ 2, 3 ]
 * ```
 */
export async function* predictBatches<Output = Tensor>(
  model: Model<Output>,
  data: PredictData,
  options: PredictOptions = {},
): AsyncGenerator<Output, void, undefined> {
  checkModel('predict', model);
  checkOptions('predict', options, { batchSize: true, signal: true });
  const { batchSize = 32, signal } = options;
  const known = data instanceof Tensor ? new TensorDataset(data) : data;
  const source = batchSource('predict', known, { batchSize, shuffle: false, seed: 0 });
  for await (const item of source.epoch()) {
    signal?.throwIfAborted();
    const inputs = readUnlabelled('predict', item);
    // The caller runs between two batches, so the modes are its own then.
    const restore = keepModes(model);
    let output: Output;
    try {
      model.eval();
      output = noGrad(() => call(model, inputs));
      inputs[0].workspace.engine.realize([]);
    } finally {
      restore();
    }
    yield output;
  }
}
