/** Tables looked up by number. */

import { isFloat } from '../../base/dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../../base/errors.js';
import { showShape } from '../../base/shape.js';
import { checkTensor, checkTensors } from '../../tensor/given.js';
import { Tensor } from '../../tensor/index.js';

function checkIndices(name: string, indices: Tensor): void {
  checkTensor(name, 'the list of indices', indices);
  if (isFloat(indices.dtype) || indices.dtype === 'bool')
    throw new DTypeError(
      `${name}: indices are int64 or int32, got ${indices.dtype}; convert with .to('int64')`,
    );
}

/**
 * Rows of a table.
 *
 * @param indices row numbers of any shape, int64 or int32
 * @param weight [rows, features]
 * @param options.paddingIdx a row that gets no gradient; negative counts from the end
 * @returns [...indices.shape, features]
 * @throws ShapeError, DTypeError if they do not fit; IndexError when the result is computed if a row does not exist.
 * @example
 * ```ts
 * import { functional as F, tensor } from 'hadal';
 * const table = tensor([[1, 2], [3, 4], [5, 6]]);
 * console.log(F.embedding(tensor([2n, 0n]), table).tolistSync()); // [ [ 5, 6 ], [ 1, 2 ] ]
 * ```
 */
export function embedding(
  indices: Tensor,
  weight: Tensor,
  options: { paddingIdx?: number | null } = {},
): Tensor {
  checkTensors('embedding', { indices, weight }, options);
  if (weight.ndim !== 2)
    throw new ShapeError(`embedding: the table is [rows, features], got ${showShape(weight.shape)}`);
  checkIndices('embedding', indices);
  const [rows, features] = weight.shape;
  const flat = indices.reshape([indices.numel()]);
  const found = weight.indexSelect(0, flat);
  const padding = options.paddingIdx ?? null;
  if (padding === null) return found.reshape([...indices.shape, features]);
  if (!Number.isInteger(padding) || padding < -rows || padding >= rows)
    throw new ArgumentError(`embedding: paddingIdx is a row from ${-rows} to ${rows - 1}, got ${padding}`);
  const learned = flat.ne(padding < 0 ? padding + rows : padding).unsqueeze(1);
  return found.where(learned, found.detach()).reshape([...indices.shape, features]);
}

/**
 * A row for each number with 1 at its place and 0 elsewhere, int64. A number that is no class has a row of zeros.
 *
 * @param numClasses the length of the rows; if not given, the largest number plus one, which is read at once.
 * @returns [...indices.shape, numClasses]
 * @example
 * ```ts
 * import { functional as F, tensor } from 'hadal';
 * console.log(F.oneHot(tensor([2n, 0n]), 3).tolistSync()); // [ [ 0, 0, 1 ], [ 1, 0, 0 ] ]
 * ```
 */
export function oneHot(indices: Tensor, numClasses = -1): Tensor {
  checkTensors('oneHot', { indices });
  checkIndices('oneHot', indices);
  let classes = numClasses;
  if (classes === -1) {
    if (indices.numel() === 0)
      throw new ArgumentError('oneHot: without elements the number of classes must be given');
    classes = Number(indices.max().itemSync()) + 1;
  }
  if (!Number.isInteger(classes) || classes <= 0)
    throw new ArgumentError(`oneHot: numClasses is a positive integer, got ${numClasses}`);
  const shape = [...indices.shape, classes];
  const places = Tensor.of(indices.workspace, indices.workspace.ops.iota(shape, indices.ndim, indices.dtype));
  return places.eq(indices.unsqueeze(-1)).to('int64');
}
