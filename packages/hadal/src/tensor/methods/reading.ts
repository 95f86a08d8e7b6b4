/** Methods that hand values over to JavaScript. */
import type { TypedArray } from '../../base/dtype.js';
import { decodeElements } from '../../base/dtype.js';
import { ArgumentError } from '../../base/errors.js';
import { giveWay } from '../../base/event-loop.js';
import { showShape } from '../../base/shape.js';
import { format, formatWithoutValues, type Nested, type NumberLike, nested, toScalar } from '../format.js';
import { AutogradMethods } from './autograd.js';

export abstract class ReadingMethods extends AutogradMethods {
  /**
   * A copy of all elements in row-major order, at once: a typed array of the dtype's values. float16 and bfloat16 come as a
   * Float32Array, bool as a Uint8Array of 0 and 1, int64 as a BigInt64Array.
   */
  dataSync(): TypedArray {
    const bytes = this.storage.engine.download(this.value.node);
    return decodeElements(this.dtype, bytes.buffer, 0, this.numel());
  }

  /** A copy of all elements in row-major order; see `dataSync`. */
  async data(): Promise<TypedArray> {
    const data = this.dataSync();
    await giveWay();
    return data;
  }

  /** A copy of the elements as they lie in memory, row-major and little-endian: two bytes each for float16. */
  bytesSync(): Uint8Array<ArrayBuffer> {
    return this.storage.engine.download(this.value.node);
  }

  private checkSingle(): void {
    if (this.numel() !== 1)
      throw new ArgumentError(
        `item: only for tensors of one element, this one has shape ${showShape(this.shape)}; use tolist or data`,
      );
  }

  /**
   * The only element as a number (bigint beyond 2^53, boolean for bool).
   *
   * @throws ArgumentError if there are more elements, or none.
   */
  itemSync(): NumberLike {
    this.checkSingle();
    return toScalar(this.dataSync()[0], this.dtype);
  }
  async item(): Promise<NumberLike> {
    this.checkSingle();
    return toScalar((await this.data())[0], this.dtype);
  }

  /** Nested arrays of numbers. */
  tolistSync(): Nested<NumberLike> {
    return nested(this.dataSync(), this.shape, (x) => toScalar(x, this.dtype));
  }
  async tolist(): Promise<Nested<NumberLike>> {
    return nested(await this.data(), this.shape, (x) => toScalar(x, this.dtype));
  }

  /**
   * The elements as PyTorch prints them: aligned, to four digits, the edges only of more than 1000. Never throws; where values cannot be
   * had it says why.
   *
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * console.log(tensor([0.5, 2]).toString()); // tensor([0.5000, 2.0000])
   * ```
   */
  override toString(): string {
    try {
      const { gradFn } = this;
      const notes = gradFn ? [`gradFn=<${gradFn.name}>`] : this.requiresGrad ? ['requiresGrad=true'] : [];
      return format(this.dataSync(), this.shape, this.dtype, notes);
    } catch (error) {
      return this.withoutValues(error instanceof Error ? error.message : String(error));
    }
  }

  private withoutValues(why: string): string {
    try {
      return formatWithoutValues(this.shape, this.dtype, this.device, why);
    } catch {
      // A view of a value that is gone has not even a shape.
      return `tensor(..., dtype=${this.dtype}, device=${this.device}: ${why})`;
    }
  }

  /** In text a tensor is what it prints; what JavaScript would take for a number (`t - 1`, `t < 1`, `Number(t)`) would be NaN. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === 'number')
      throw new ArgumentError(
        'JavaScript has no operators on tensors: write t.sub(1) for t - 1, t.lt(1) for t < 1, and t.itemSync() for the number in it',
      );
    return this.toString();
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}
