/** Methods that pick and write elements by position. */
import type { Value } from '../../autograd/value.js';
import type { TypedArray } from '../../base/dtype.js';
import { DTypeError, ShapeError } from '../../base/errors.js';
import type { Shape } from '../../base/shape.js';
import { broadcastShapes, normalizeDim, showShape } from '../../base/shape.js';
import type { IndexItem } from '../advanced-indexing.js';
import { AdvancedIndex, positionsOf, splitItems, uploadPositions } from '../advanced-indexing.js';
import { repeatEach } from '../arrangement.js';
import { listOf, optionsOf, tensorOf, tensorValue } from '../given.js';
import { basicIndex } from '../indexing.js';
import * as l from '../lookup.js';
import type { Operand } from '../promotion.js';
import { argumentOf, broadcastValue, spread, withoutLeadingOnes } from '../promotion.js';
import type { Tensor } from '../tensor.js';
import { ArrangementMethods } from './arrangement.js';

export abstract class IndexingMethods extends ArrangementMethods {
  /** One element along a dimension, which goes away. A view. */
  select(dim: number, index: number): Tensor {
    const d = normalizeDim('select', dim, this.ndim);
    return this.index(...this.shape.slice(0, d).map(() => ':' as const), index);
  }

  /**
   * What square brackets do in Python. Integers select and drop a dimension, `slice(start, end, step)` and `':'` keep it, `null` adds
   * one of size 1, `'...'` stands for as many `':'` as fit: with these alone the result is a view. Tensors or lists of integers pick
   * positions along a dimension (negative ones count from the end; several tensors broadcast with each other), bool tensors the
   * positions where they hold: these give a copy.
   *
   * A mask's result has as many elements as the mask says, so its values are read at once.
   *
   * @throws IndexError for a position out of range: at once for numbers, when the values are computed for tensors.
   * @example
   * ```ts
   * import { arange, slice, tensor } from 'hadal';
   * const x = arange(12).reshape([3, 4]);
   * console.log(x.index(1).tolistSync()); // [ 4, 5, 6, 7 ]
   * console.log(x.index(':', slice(1, 3)).shape); // [ 3, 2 ]
   * console.log(x.index([0, -1], tensor([1n, 2n])).tolistSync()); // [ 1, 10 ]
   * console.log(x.index(x.gt(9)).tolistSync()); // [ 10, 11 ]
   * ```
   */
  index(...items: readonly IndexItem[]): Tensor {
    const { basic, tensors } = splitItems(this.shape, items);
    const view = this.basicView(basic);
    if (tensors.length === 0) return view;
    return this.wrap(new AdvancedIndex(this.workspace, view.shape, tensors).read(view.value));
  }

  private basicView(items: Parameters<typeof basicIndex>[1]): Tensor {
    return basicIndex(this.shape, items).reduce<Tensor>((t, step) => t.viewThrough(step), this.self);
  }

  /**
   * Writes `value`, broadcast and converted, to what `index(...items)` would read. Of several writes to one place any may stay.
   *
   * @example
   * ```ts
   * import { tensor, zeros } from 'hadal';
   * const x = zeros([2, 3]).setIndex(7, ':', [0, 2]);
   * console.log(x.tolistSync()); // [ [ 7, 0, 7 ], [ 7, 0, 7 ] ]
   * x.setIndex(tensor([1, 2, 3]), 0);
   * console.log(x.index(0).tolistSync()); // [ 1, 2, 3 ]
   * ```
   */
  setIndex(value: Operand, ...items: readonly IndexItem[]): this {
    this.putAt('setIndex', value, items, false);
    return this;
  }
  /** As `setIndex` with the items in a list; with `accumulate` values are added, also several at one place. */
  indexPut_(
    items: readonly IndexItem[],
    value: Operand,
    options: { readonly accumulate?: boolean } = {},
  ): this {
    this.putAt('indexPut_', value, items, optionsOf('indexPut_', options).accumulate ?? false);
    return this;
  }
  /** A copy in which `value` was written as by `indexPut_`. */
  indexPut(
    items: readonly IndexItem[],
    value: Operand,
    options: { readonly accumulate?: boolean } = {},
  ): Tensor {
    return this.self.clone().indexPut_(items, value, options);
  }

  private putAt(op: string, value: Operand, items: readonly IndexItem[], accumulate: boolean): void {
    const { ops, dtype } = this;
    const given = argumentOf(op, value);
    const source = typeof given === 'object' ? ops.cast(given, dtype) : spread(op, ops, given, dtype, []);
    const { basic, tensors } = splitItems(this.shape, listOf(op, 'positions', items));
    const view = this.basicView(basic);
    const { before } = view;
    const [only] = tensors;
    if (tensors.length === 0) {
      const full = broadcastValue(op, ops, withoutLeadingOnes(ops, source, view.ndim), view.shape);
      view.assign(op, accumulate ? ops.arithmetic('add', before, full) : full);
    } else if (tensors.length === 1 && isMask(only.index) && source.shape.length === 0 && !accumulate) {
      // One number wherever a mask holds: no need to know how many places that are.
      const mask = only.index.value;
      const wide = maskShape(op, mask.shape, view.shape, only.dim);
      const hit = broadcastValue(op, ops, ops.reshape(mask, wide), view.shape);
      view.assign(op, ops.where(hit, broadcastValue(op, ops, source, view.shape), before));
    } else {
      const at = new AdvancedIndex(this.workspace, view.shape, tensors);
      view.assign(op, at.write(op, before, withoutLeadingOnes(ops, source, at.shape.length), accumulate));
    }
  }

  /** out[i][j] = this[i][index[i][j]] for dim = 1, and so on. `index` has integers, of 0 and more. */
  gather(dim: number, index: Tensor): Tensor {
    return this.wrap(l.gather(this.ops, this.value, dim, tensorValue('gather', index)));
  }
  /** gather with an index that broadcasts in the other dimensions and may count from the end; of the flattened tensor without `dim`. */
  takeAlongDim(index: Tensor, dim?: number): Tensor {
    if (dim === undefined) return this.flatten().takeAlongDim(tensorOf('takeAlongDim', index).flatten(), 0);
    return this.wrap(l.takeAlongDim(this.ops, this.value, tensorValue('takeAlongDim', index), dim));
  }
  /** Elements at positions of the flattened tensor. */
  take(index: Tensor): Tensor {
    return this.wrap(l.take(this.ops, this.value, tensorValue('take', index)));
  }
  /** Slices at positions along a dimension; `index` is a vector. */
  indexSelect(dim: number, index: Tensor): Tensor {
    return this.wrap(l.indexSelect(this.ops, this.value, dim, tensorValue('indexSelect', index)));
  }

  /**
   * A copy with elements of `source` (or a number) written at positions along a dimension: for dim = 1,
   * out[i][index[i][j]] = source[i][j].
   */
  scatter(dim: number, index: Tensor, source: Tensor | number): Tensor {
    return this.wrap(
      l.scatter(this.ops, this.value, dim, tensorValue('scatter', index), sourceValue(source)),
    );
  }
  scatter_(dim: number, index: Tensor, source: Tensor | number): this {
    return this.update(
      'scatter_',
      l.scatter(this.ops, this.before, dim, tensorValue('scatter_', index), sourceValue(source)),
    );
  }
  /** As `scatter`, but elements are added. */
  scatterAdd(dim: number, index: Tensor, source: Tensor): Tensor {
    return this.wrap(
      l.scatterAdd(
        this.ops,
        this.value,
        dim,
        tensorValue('scatterAdd', index),
        tensorValue('scatterAdd', source),
      ),
    );
  }
  scatterAdd_(dim: number, index: Tensor, source: Tensor): this {
    return this.update(
      'scatterAdd_',
      l.scatterAdd(
        this.ops,
        this.before,
        dim,
        tensorValue('scatterAdd_', index),
        tensorValue('scatterAdd_', source),
      ),
    );
  }
  /** A copy with alpha times the slices of `source` added at positions along a dimension; `index` is a vector. */
  indexAdd(dim: number, index: Tensor, source: Tensor, options: { readonly alpha?: number } = {}): Tensor {
    const { alpha = 1 } = optionsOf('indexAdd', options);
    return this.wrap(
      l.indexAdd(
        this.ops,
        this.value,
        dim,
        tensorValue('indexAdd', index),
        tensorValue('indexAdd', source),
        alpha,
      ),
    );
  }
  indexAdd_(dim: number, index: Tensor, source: Tensor, options: { readonly alpha?: number } = {}): this {
    const { alpha = 1 } = optionsOf('indexAdd_', options);
    return this.update(
      'indexAdd_',
      l.indexAdd(
        this.ops,
        this.before,
        dim,
        tensorValue('indexAdd_', index),
        tensorValue('indexAdd_', source),
        alpha,
      ),
    );
  }
  /** A copy with the slices of `source` written at positions along a dimension. */
  indexCopy(dim: number, index: Tensor, source: Tensor): Tensor {
    return this.wrap(
      l.indexCopy(
        this.ops,
        this.value,
        dim,
        tensorValue('indexCopy', index),
        tensorValue('indexCopy', source),
      ),
    );
  }
  indexCopy_(dim: number, index: Tensor, source: Tensor): this {
    return this.update(
      'indexCopy_',
      l.indexCopy(
        this.ops,
        this.before,
        dim,
        tensorValue('indexCopy_', index),
        tensorValue('indexCopy_', source),
      ),
    );
  }
  /** A copy with a number in the slices at positions along a dimension. */
  indexFill(dim: number, index: Tensor, value: number): Tensor {
    return this.wrap(l.indexFill(this.ops, this.value, dim, tensorValue('indexFill', index), value));
  }
  indexFill_(dim: number, index: Tensor, value: number): this {
    return this.update(
      'indexFill_',
      l.indexFill(this.ops, this.before, dim, tensorValue('indexFill_', index), value),
    );
  }

  /**
   * Every element several times in a row along a dimension, of the flattened tensor without one. A tensor of repetitions, one for each
   * slice, is read at once.
   *
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * console.log(tensor([7, 8]).repeatInterleave(tensor([1n, 3n])).tolistSync()); // [ 7, 8, 8, 8 ]
   * ```
   */
  repeatInterleave(repeats: number | Tensor, dim?: number): Tensor {
    if (dim === undefined) return this.flatten().repeatInterleave(repeats, 0);
    const d = normalizeDim('repeatInterleave', dim, this.ndim);
    if (typeof repeats === 'number') return this.wrap(repeatEach(this.ops, this.value, d, repeats));
    if (tensorOf('repeatInterleave', repeats).numel() === 1)
      return this.repeatInterleave(Number(repeats.itemSync()), d);
    const positions = l.repeatedPositions(repeats.dataSync(), this.shape[d]);
    return this.wrap(
      this.ops.indexSelect(this.value, d, uploadPositions(this.workspace, positions, [positions.length])),
    );
  }

  /**
   * The elements where a bool mask holds, as a vector; both broadcast. The mask is read at once.
   *
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * const x = tensor([3, -1, 2]);
   * console.log(x.maskedSelect(x.gt(0)).tolistSync()); // [ 3, 2 ]
   * ```
   */
  maskedSelect(mask: Tensor): Tensor {
    if (tensorOf('maskedSelect', mask).dtype !== 'bool')
      throw new DTypeError(`maskedSelect: expected a bool mask, got ${mask.dtype}; compare it with ne(0)`);
    const shape = broadcastShapes('maskedSelect', this.shape, mask.shape);
    return this.expand(shape).flatten().index(mask.expand(shape).flatten());
  }

  /**
   * Positions of all elements that are not zero: [count, dimensions], int64. Values are read at once; `nonzeroAsync` waits for them.
   *
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * console.log(tensor([[0, 1], [2, 0]]).nonzero().tolistSync()); // [ [ 0, 1 ], [ 1, 0 ] ]
   * ```
   */
  nonzero(): Tensor {
    return this.positionsOf(this.bool().dataSync());
  }
  async nonzeroAsync(): Promise<Tensor> {
    return this.positionsOf(await this.bool().data());
  }
  argwhere(): Tensor {
    return this.nonzero();
  }
  private positionsOf(truth: TypedArray): Tensor {
    const flat = positionsOf(truth);
    const out = l.coordinates(flat, this.shape);
    return this.wrap(uploadPositions(this.workspace, out, [flat.length, this.ndim]));
  }
}

function sourceValue(source: Tensor | number): Value | number {
  return typeof source === 'number' ? source : tensorValue('scatter', source);
}

function isMask(index: Tensor | readonly number[]): index is Tensor {
  return 'storage' in index && index.dtype === 'bool';
}

/** A mask over some dimensions in the rank of the view: size 1 elsewhere. */
function maskShape(op: string, mask: Shape, view: Shape, dim: number): number[] {
  const sizes = view.slice(dim, dim + mask.length);
  if (sizes.some((s, d) => s !== mask[d]))
    throw new ShapeError(
      `${op}: a mask of shape ${showShape(mask)} does not fit the dimensions ${showShape(sizes)} that it stands for`,
    );
  return view.map((s, d) => (d >= dim && d < dim + mask.length ? s : 1));
}
