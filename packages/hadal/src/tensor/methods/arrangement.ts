/** Methods that put elements elsewhere, into memory of their own. */

import { ArgumentError, ShapeError } from '../../base/errors.js';
import { checkSizes, normalizeDim, showShape } from '../../base/shape.js';
import type { PadMode } from '../arrangement.js';
import * as a from '../arrangement.js';
import { listOf, optionsOf } from '../given.js';
import type { Tensor } from '../tensor.js';
import { ShapeMethods } from './shape.js';

export abstract class ArrangementMethods extends ShapeMethods {
  /**
   * Mirrored along dimensions.
   *
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * console.log(tensor([1, 2, 3]).flip([0]).tolistSync()); // [ 3, 2, 1 ]
   * ```
   */
  flip(dims: number | readonly number[]): Tensor {
    return this.wrap(
      a.flip(this.ops, this.value, typeof dims === 'number' ? [dims] : listOf('flip', 'dimensions', dims)),
    );
  }
  fliplr(): Tensor {
    if (this.ndim < 2)
      throw new ShapeError(`fliplr: expected at least 2 dimensions, got ${showShape(this.shape)}`);
    return this.flip([1]);
  }
  flipud(): Tensor {
    if (this.ndim < 1) throw new ShapeError('flipud: expected at least 1 dimension, got a number');
    return this.flip([0]);
  }
  /** Moved on by `shifts` along dimensions, coming back in front; the flattened tensor where no dimension is given. */
  roll(shifts: number | readonly number[], dims?: number | readonly number[]): Tensor {
    const by = typeof shifts === 'number' ? [shifts] : listOf('roll', 'shifts', shifts);
    const along =
      dims === undefined ? [] : typeof dims === 'number' ? [dims] : listOf('roll', 'dimensions', dims);
    if (along.length === 0 && by.length === 1) {
      const flat = this.ops.reshape(this.value, [this.numel()]);
      return this.wrap(this.ops.reshape(a.roll(this.ops, flat, 0, by[0]), this.shape));
    }
    if (along.length !== by.length)
      throw new ArgumentError(`roll: ${by.length} shifts for ${along.length} dimensions; expected one each`);
    return this.wrap(along.reduce((v, d, i) => a.roll(this.ops, v, d, by[i]), this.value));
  }
  /** Turned by `k` quarters in the plane of two dimensions, from the first towards the second. */
  rot90(k = 1, dims: readonly [number, number] = [0, 1]): Tensor {
    const [p, q] = listOf('rot90', 'dimensions', dims).map((d) => normalizeDim('rot90', d, this.ndim));
    if (this.ndim < 2 || p === q)
      throw new ShapeError(
        `rot90: expected two different dimensions, got ${dims.join(' and ')} of ${showShape(this.shape)}`,
      );
    switch (((k % 4) + 4) % 4) {
      case 1:
        return this.flip([q]).transpose(p, q);
      case 2:
        return this.flip([p, q]);
      case 3:
        return this.flip([p]).transpose(p, q);
      default:
        return this.self.clone();
    }
  }

  /**
   * The tensor several times along each dimension; new dimensions come in front.
   *
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * console.log(tensor([1, 2]).repeat([2, 2]).tolistSync()); // [ [ 1, 2, 1, 2 ], [ 1, 2, 1, 2 ] ]
   * ```
   */
  repeat(sizes: readonly number[]): Tensor {
    return this.wrap(a.repeat(this.ops, 'repeat', this.value, sizes));
  }
  /** As `repeat`, with missing repetitions in front being 1. */
  tile(sizes: readonly number[]): Tensor {
    checkSizes('tile', sizes);
    const missing = Math.max(0, this.ndim - sizes.length);
    return this.wrap(
      a.repeat(this.ops, 'tile', this.value, [...new Array<number>(missing).fill(1), ...sizes]),
    );
  }

  /** The lower triangle of the last two dimensions, zero elsewhere; `diagonal` moves its edge up. */
  tril(diagonal = 0): Tensor {
    return this.wrap(a.triangle(this.ops, 'tril', this.value, diagonal));
  }
  /** The upper triangle of the last two dimensions, zero elsewhere. */
  triu(diagonal = 0): Tensor {
    return this.wrap(a.triangle(this.ops, 'triu', this.value, diagonal));
  }
  /** Of a vector the matrix that has it on a diagonal, of a matrix the diagonal as a view. */
  diag(diagonal = 0): Tensor {
    if (this.ndim === 1) return this.diagEmbed(diagonal);
    if (this.ndim === 2) return this.diagonal(diagonal);
    throw new ShapeError(
      `diag: expected a vector or a matrix, got shape ${showShape(this.shape)}; use diagonal or diagEmbed`,
    );
  }
  /** Matrices with the last dimension on a diagonal and zeros elsewhere. */
  diagEmbed(offset = 0, dim1 = -2, dim2 = -1): Tensor {
    return this.wrap(a.diagEmbed(this.ops, this.value, offset, dim1, dim2));
  }
  diagflat(offset = 0): Tensor {
    return this.flatten().diagEmbed(offset);
  }

  /**
   * Elements around a tensor.
   *
   * @param amounts pairs (in front, behind) for the last dimension, then the one before it, and so on; negative ones cut off.
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * console.log(tensor([1, 2, 3]).pad([1, 2]).tolistSync()); // [ 0, 1, 2, 3, 0, 0 ]
   * console.log(tensor([1, 2, 3]).pad([2, 0], { mode: 'reflect' }).tolistSync()); // [ 3, 2, 1, 2, 3 ]
   * ```
   */
  pad(
    amounts: readonly number[],
    options: { readonly mode?: PadMode; readonly value?: number } = {},
  ): Tensor {
    return this.wrap(
      a.pad(
        this.ops,
        this.value,
        listOf('pad', 'amounts', amounts),
        optionsOf('pad', options).mode ?? 'constant',
        options.value ?? 0,
      ),
    );
  }
}
