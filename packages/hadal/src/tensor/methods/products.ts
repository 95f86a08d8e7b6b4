/** Methods that multiply vectors and matrices. */
import { ArgumentError, ShapeError } from '../../base/errors.js';
import { broadcastShapes, normalizeDim, showShape } from '../../base/shape.js';
import { optionsOf, tensorOf, tensorValue } from '../given.js';
import * as m from '../matmul.js';
import type { Tensor } from '../tensor.js';
import { StatisticsMethods } from './statistics.js';

/** Weights of a sum with a product: beta for the tensor, alpha for the product; 1 unless given. */
export interface ProductWeights {
  readonly beta?: number;
  readonly alpha?: number;
}

export abstract class ProductMethods extends StatisticsMethods {
  private productWith(op: string, other: Tensor, ranks: readonly [number, number], instead: string): Tensor {
    const value = tensorValue(op, other);
    m.checkRanks(op, [this.value, value], ranks, instead);
    return this.wrap(m.matmul(this.ops, this.value, value));
  }

  /**
   * Matrix product. Vectors are rows on the left and columns on the right; dimensions in front of matrices are batches, which
   * broadcast.
   *
   * @param other [..., k, n] for [..., m, k].
   * @returns [..., m, n].
   * @throws ShapeError if the inner sizes differ.
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * const a = tensor([[1, 2], [3, 4]]);
   * console.log(a.matmul(tensor([1, 1])).tolistSync()); // [ 3, 7 ]
   * ```
   */
  matmul(other: Tensor): Tensor {
    return this.wrap(m.matmul(this.ops, this.value, tensorValue('matmul', other)));
  }
  /** The product of two matrices. */
  mm(other: Tensor): Tensor {
    return this.productWith('mm', other, [2, 2], 'use matmul for batches');
  }
  /** Products of matrices in two batches of one size. */
  bmm(other: Tensor): Tensor {
    if (this.ndim === 3 && tensorOf('bmm', other).ndim === 3 && this.shape[0] !== other.shape[0])
      throw new ShapeError(
        `bmm: batches of ${this.shape[0]} and ${other.shape[0]} matrices, shapes ${showShape(this.shape)} and ${showShape(other.shape)}; matmul broadcasts`,
      );
    return this.productWith('bmm', other, [3, 3], 'use matmul for other shapes');
  }
  /** A matrix times a vector. */
  mv(vector: Tensor): Tensor {
    return this.productWith('mv', vector, [2, 1], 'use matmul for other shapes');
  }
  /** The sum of the products of two vectors' elements. */
  dot(other: Tensor): Tensor {
    return this.productWith('dot', other, [1, 1], 'use matmul for matrices');
  }
  vdot(other: Tensor): Tensor {
    return this.dot(other);
  }
  /** Sums of products over the last dimension of both. */
  inner(other: Tensor): Tensor {
    if (this.ndim === 0 || tensorOf('inner', other).ndim === 0) return this.mul(other);
    return this.wrap(m.tensordot(this.ops, this.value, tensorValue('inner', other), [[-1], [-1]]));
  }
  /** All products of two vectors' elements: out[i][j] = this[i] other[j]. */
  outer(other: Tensor): Tensor {
    m.checkRanks('outer', [this.value, tensorValue('outer', other)], [1, 1], 'flatten() them first');
    return this.unsqueeze(1).mul(other);
  }
  /**
   * Sums of products over the last `dims` dimensions of this and the first of `other`, or over the pairs of dimensions in two lists.
   *
   * @example
   * ```ts
   * import { ones } from 'hadal';
   * console.log(ones([2, 3, 4]).tensordot(ones([4, 3, 5]), [[1, 2], [1, 0]]).shape); // [ 2, 5 ]
   * ```
   */
  tensordot(other: Tensor, dims: number | readonly [readonly number[], readonly number[]] = 2): Tensor {
    return this.wrap(m.tensordot(this.ops, this.value, tensorValue('tensordot', other), dims));
  }
  /** Every element of this times all of `other`. */
  kron(other: Tensor): Tensor {
    return this.wrap(m.kron(this.ops, this.value, tensorValue('kron', other)));
  }
  /** The vector product along a dimension of size 3. */
  cross(other: Tensor, dim = -1): Tensor {
    const [a, b] = broadcastPair(this.self, tensorOf('cross', other));
    const d = normalizeDim('cross', dim, a.ndim);
    if (a.ndim === 0 || a.shape[d] !== 3)
      throw new ShapeError(
        `cross: expected size 3 in dimension ${dim}, got ${showShape(this.shape)} and ${showShape(other.shape)}`,
      );
    return a
      .roll(-1, d)
      .mul(b.roll(-2, d))
      .sub(a.roll(-2, d).mul(b.roll(-1, d)));
  }
  /** A square matrix, or a batch of them, multiplied with itself `n` times. */
  matrixPower(n: number): Tensor {
    const [rows, columns] = this.shape.slice(-2);
    if (this.ndim < 2 || rows !== columns)
      throw new ShapeError(`matrixPower: expected square matrices, got shape ${showShape(this.shape)}`);
    if (!Number.isInteger(n) || n < 0)
      throw new ArgumentError(`matrixPower: expected a whole power of at least 0, got ${n}`);
    if (n === 0) return this.mul(0).add(this.wrap(m.identity(this.ops, rows, this.dtype)));
    const half = n === 1 ? this.self : this.matrixPower(Math.floor(n / 2));
    if (n === 1) return half;
    const even = half.matmul(half);
    return n % 2 === 0 ? even : even.matmul(this.self);
  }
  /** The sum of a matrix's diagonal. */
  trace(): Tensor {
    if (this.ndim !== 2) throw new ShapeError(`trace: expected a matrix, got shape ${showShape(this.shape)}`);
    return this.diagonal().sum();
  }

  private addProductOf(
    op: string,
    a: Tensor,
    b: Tensor,
    ranks: readonly [number, number],
    w: ProductWeights,
  ): Tensor {
    m.checkRanks(op, [tensorValue(op, a), tensorValue(op, b)], ranks, 'use matmul and add for other shapes');
    const { beta = 1, alpha = 1 } = optionsOf(op, w);
    return this.wrap(m.addProduct(this.ops, op, this.value, a.value, b.value, beta, alpha));
  }
  /** beta this + alpha a b for matrices. */
  addmm(a: Tensor, b: Tensor, weights: ProductWeights = {}): Tensor {
    return this.addProductOf('addmm', a, b, [2, 2], weights);
  }
  /** beta this + alpha a b for batches of matrices. */
  baddbmm(a: Tensor, b: Tensor, weights: ProductWeights = {}): Tensor {
    return this.addProductOf('baddbmm', a, b, [3, 3], weights);
  }
  /** beta this + alpha matrix vector. */
  addmv(matrix: Tensor, vector: Tensor, weights: ProductWeights = {}): Tensor {
    return this.addProductOf('addmv', matrix, vector, [2, 1], weights);
  }
  /** beta this + alpha a b^T for vectors. */
  addr(a: Tensor, b: Tensor, weights: ProductWeights = {}): Tensor {
    m.checkRanks('addr', [tensorValue('addr', a), tensorValue('addr', b)], [1, 1], 'use outer and add');
    return this.addProductOf('addr', a.unsqueeze(1), b.unsqueeze(0), [2, 2], weights);
  }
}

function broadcastPair(x: Tensor, y: Tensor): readonly [Tensor, Tensor] {
  const shape = broadcastShapes('cross', x.shape, y.shape);
  return [x.expand(shape), y.expand(shape)];
}
