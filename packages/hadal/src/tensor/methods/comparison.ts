/** Methods that compare and choose. */

import { sameShape } from '../../base/shape.js';
import type { CompareName, LogicalName } from '../../graph/ops-interface.js';
import type { Closeness } from '../elementwise.js';
import * as e from '../elementwise.js';
import { optionsOf, tensorOf, tensorValue } from '../given.js';
import type { Operand } from '../promotion.js';
import { argumentOf, compare, logical, where } from '../promotion.js';
import type { Tensor } from '../tensor.js';
import { MathMethods } from './math.js';

export abstract class ComparisonMethods extends MathMethods {
  private compareWith(name: CompareName, other: Operand): Tensor {
    return this.wrap(compare(this.ops, name, this.value, argumentOf(name, other)));
  }
  private logicalWith(name: LogicalName, other: Operand): Tensor {
    return this.wrap(logical(this.ops, name, this.value, argumentOf(name, other)));
  }

  /** Whether elements are equal: a bool tensor, as of all comparisons. */
  eq(other: Operand): Tensor {
    return this.compareWith('eq', other);
  }
  ne(other: Operand): Tensor {
    return this.compareWith('ne', other);
  }
  lt(other: Operand): Tensor {
    return this.compareWith('lt', other);
  }
  le(other: Operand): Tensor {
    return this.compareWith('le', other);
  }
  gt(other: Operand): Tensor {
    return this.compareWith('gt', other);
  }
  ge(other: Operand): Tensor {
    return this.compareWith('ge', other);
  }

  logicalAnd(other: Operand): Tensor {
    return this.logicalWith('logicalAnd', other);
  }
  logicalOr(other: Operand): Tensor {
    return this.logicalWith('logicalOr', other);
  }
  logicalXor(other: Operand): Tensor {
    return this.wrap(e.logicalXor(this.ops, this.value, argumentOf('logicalXor', other)));
  }
  logicalNot(): Tensor {
    return this.wrap(this.ops.unary('logicalNot', this.ops.cast(this.value, 'bool')));
  }

  isnan(): Tensor {
    return this.wrap(e.isnan(this.ops, this.value));
  }
  isinf(): Tensor {
    return this.wrap(e.isinf(this.ops, this.value));
  }
  isfinite(): Tensor {
    return this.wrap(e.isfinite(this.ops, this.value));
  }
  isposinf(): Tensor {
    return this.wrap(e.isInfinityOf(this.ops, this.value, 1));
  }
  isneginf(): Tensor {
    return this.wrap(e.isInfinityOf(this.ops, this.value, -1));
  }
  /** Whether the sign bit is set, that of -0 too. */
  signbit(): Tensor {
    return this.wrap(e.signbit(this.ops, this.value));
  }

  /** |this - other| <= atol + rtol |other|, element by element. */
  isclose(other: Tensor, options: Closeness = {}): Tensor {
    return this.wrap(
      e.isclose(this.ops, this.value, tensorValue('isclose', other), optionsOf('isclose', options)),
    );
  }
  /** Whether all elements are close; see `isclose`. Reads the answer at once; `allcloseAsync` waits for it. */
  allclose(other: Tensor, options: Closeness = {}): boolean {
    return this.isclose(other, options).all().itemSync() === true;
  }
  async allcloseAsync(other: Tensor, options: Closeness = {}): Promise<boolean> {
    return (await this.isclose(other, options).all().item()) === true;
  }
  /** Whether both have one shape and equal elements. Reads the answer at once; `equalAsync` waits for it. */
  equal(other: Tensor): boolean {
    return sameShape(this.shape, tensorOf('equal', other).shape) && this.eq(other).all().itemSync() === true;
  }
  async equalAsync(other: Tensor): Promise<boolean> {
    return (
      sameShape(this.shape, tensorOf('equalAsync', other).shape) &&
      (await this.eq(other).all().item()) === true
    );
  }

  /**
   * this where `condition` holds, else `other`; all three broadcast.
   *
   * @param condition a bool tensor.
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * const x = tensor([-1, 2]);
   * console.log(x.where(x.gt(0), 0).tolistSync()); // [ 0, 2 ]
   * ```
   */
  where(condition: Tensor, other: Operand): Tensor {
    return this.wrap(
      where(this.ops, tensorValue('where', condition), this.value, argumentOf('where', other)),
    );
  }
  /**
   * `value` where the mask holds, in this tensor's dtype.
   *
   * @param mask a bool tensor that broadcasts with this one.
   */
  maskedFill(mask: Tensor, value: Operand): Tensor {
    return this.wrap(
      e.maskedFill(this.ops, this.value, tensorValue('maskedFill', mask), argumentOf('maskedFill', value)),
    );
  }
}
