/** Functions that take several tensors and join them. */
import { ArgumentError, ShapeError } from '../../base/errors.js';
import type { Shape } from '../../base/shape.js';
import { broadcastShapes, showShape } from '../../base/shape.js';
import * as a from '../arrangement.js';
import { einsum as contract } from '../einsum.js';
import { tensorsOf, tensorValue } from '../given.js';
import { Tensor } from '../tensor.js';

function first(op: string, tensors: readonly Tensor[]): Tensor {
  if (!Array.isArray(tensors) || !tensors.every((t) => t instanceof Tensor))
    throw new ArgumentError(
      `${op}: expected ${op === 'einsum' ? 'tensors behind the equation' : `an array of tensors, as in ${op}([a, b])`}`,
    );
  if (tensors.length === 0) throw new ArgumentError(`${op}: expected at least one tensor`);
  return tensors[0];
}

/**
 * Tensors one behind the other along a dimension; all other sizes must be equal. The result's dtype is what all promote to.
 *
 * @throws ShapeError if sizes differ.
 * @example
 * ```ts
 * import { cat, ones, zeros } from 'hadal';
 * console.log(cat([ones([2, 1]), zeros([2, 2])], 1).tolistSync()); // [ [ 1, 0, 0 ], [ 1, 0, 0 ] ]
 * ```
 */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  const { workspace } = first('cat', tensors);
  const values = tensors.map((t) => t.value);
  return Tensor.of(workspace, a.cat(workspace.ops, 'cat', values, dim));
}
export function concat(tensors: readonly Tensor[], dim = 0): Tensor {
  return cat(tensors, dim);
}

/**
 * Tensors of one shape along a new dimension.
 *
 * @example
 * ```ts
 * import { stack, tensor } from 'hadal';
 * console.log(stack([tensor([1, 2]), tensor([3, 4])], 1).tolistSync()); // [ [ 1, 3 ], [ 2, 4 ] ]
 * ```
 */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  const { workspace } = first('stack', tensors);
  const values = tensors.map((t) => t.value);
  return Tensor.of(workspace, a.stack(workspace.ops, values, dim));
}

/** Side by side: along the second dimension, vectors along the first. */
export function hstack(tensors: readonly Tensor[]): Tensor {
  const wide = tensorsOf('hstack', tensors).map((t) => (t.ndim === 0 ? t.reshape([1]) : t));
  return cat(wide, first('hstack', wide).ndim === 1 ? 0 : 1);
}
/** One below the other: along the first dimension, vectors as rows. */
export function vstack(tensors: readonly Tensor[]): Tensor {
  return cat(tensorsOf('vstack', tensors).map((t) => (t.ndim < 2 ? t.reshape([1, t.numel()]) : t)));
}
/** One behind the other: along the third dimension. */
export function dstack(tensors: readonly Tensor[]): Tensor {
  const deep = tensorsOf('dstack', tensors).map((t) =>
    t.ndim < 2 ? t.reshape([1, t.numel(), 1]) : t.ndim === 2 ? t.unsqueeze(2) : t,
  );
  return cat(deep, 2);
}
/** Vectors as columns of a matrix. */
export function columnStack(tensors: readonly Tensor[]): Tensor {
  return cat(
    tensorsOf('columnStack', tensors).map((t) => (t.ndim < 2 ? t.reshape([t.numel(), 1]) : t)),
    1,
  );
}

/** Tensors repeated to the shape that they broadcast to, as views. */
export function broadcastTensors(...tensors: readonly Tensor[]): Tensor[] {
  const shape = broadcastShapesOf(...tensorsOf('broadcastTensors', tensors).map((t) => t.shape));
  return tensors.map((t) => t.expand(shape));
}

function broadcastShapesOf(...shapes: readonly Shape[]): Shape {
  return shapes.reduce<Shape>((x, y) => broadcastShapes('broadcastTensors', x, y), []);
}

/** Matrices along the diagonal of a larger one, zeros elsewhere. */
export function blockDiag(...tensors: readonly Tensor[]): Tensor {
  const blocks = tensorsOf('blockDiag', tensors).map((t) => {
    if (t.ndim > 2) throw new ShapeError(`blockDiag: expected matrices, got shape ${showShape(t.shape)}`);
    return t.ndim === 2 ? t : t.reshape([1, t.numel()]);
  });
  const columns = blocks.reduce((n, t) => n + t.shape[1], 0);
  let at = 0;
  const rows = blocks.map((t) => {
    at += t.shape[1];
    return t.pad([at - t.shape[1], columns - at]);
  });
  return cat(rows);
}

/**
 * Products and sums with a letter a dimension: dimensions of one letter are multiplied element by element, letters that the result does
 * not have are summed over. A letter that an operand has twice is its diagonal, `...` are dimensions that broadcast. Without `->` the
 * result has all letters that stand once, in alphabetical order.
 *
 * @throws ArgumentError for an equation that cannot be read.
 * @throws ShapeError if sizes of one letter differ.
 * @example
 * ```ts
 * import { einsum, ones } from 'hadal';
 * console.log(einsum('bij,bjk->bik', ones([5, 2, 3]), ones([5, 3, 4])).shape); // [ 5, 2, 4 ]
 * console.log(einsum('ii', ones([3, 3])).itemSync()); // 3
 * ```
 */
export function einsum(equation: string, ...operands: readonly Tensor[]): Tensor {
  const { workspace } = first('einsum', operands);
  if (typeof equation !== 'string')
    throw new ArgumentError(`einsum: the equation is a string such as 'ij,jk->ik', got ${typeof equation}`);
  const values = operands.map((t) => tensorValue('einsum', t));
  return Tensor.of(workspace, contract(workspace.ops, equation, values));
}
