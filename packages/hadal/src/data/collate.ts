/**
 * Makes one batch of single samples, for datasets without a `getBatch` of their own.
 */
import type { DType, TypedArray } from '../base/dtype.js';
import { decodeElements, dtypeInfo } from '../base/dtype.js';
import { ArgumentError, ShapeError } from '../base/errors.js';
import { numel, sameShape, showShape } from '../base/shape.js';
import { fromTypedArray, Tensor } from '../tensor/index.js';
import type { Batch } from './dataset.js';

/** One value of a sample, with the bytes of its elements. */
interface Value {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/**
 * Stacks samples along a new first dimension. A sample is a value or a tuple of values (or of tuples); a value is a tensor, a typed array
 * (a 1-dimensional value), a number (float32), a bigint (int64) or a boolean (bool), so class labels are bigint.
 *
 * @throws ShapeError if the shapes, or the numbers of fields, differ between samples; ArgumentError if a value is of
 * another type or if types differ between samples.
 *
 * @example
 * ```ts
 * import { defaultCollate } from 'hadal';
 * const [x, y] = defaultCollate([[Float32Array.of(1, 2), 0n], [Float32Array.of(3, 4), 1n]]);
 * console.log(x.shape, y.shape); // [ 2, 2 ] [ 2 ]
 * ```
 */
export function defaultCollate<Sample>(samples: readonly Sample[]): Batch<Sample> {
  if (samples.length === 0) throw new ArgumentError('collate: expected at least one sample, got none');
  // `Batch` says: a tuple collates to an array of what its fields collate to, anything else to one tensor. So does `collate`.
  return collate(samples, []) as Batch<Sample>;
}

type Collated = Tensor | Collated[];

/** `path` has the positions of the field within the sample, outermost first. */
function collate(samples: readonly unknown[], path: readonly number[]): Collated {
  const [first] = samples;
  const what = path.length === 0 ? 'the sample' : `field ${path.join('.')}`;
  if (!Array.isArray(first)) return stack(samples, what);
  const rows = samples.map((sample): readonly unknown[] => {
    if (Array.isArray(sample) && sample.length === first.length) return sample;
    const found = Array.isArray(sample) ? `one with ${sample.length}` : typeof sample;
    const whose = path.length === 0 ? 'the first sample' : `${what} of the first sample`;
    throw new ShapeError(`collate: ${whose} has ${first.length} fields, a later one is ${found}`);
  });
  return first.map((_, field) =>
    collate(
      rows.map((row) => row[field]),
      [...path, field],
    ),
  );
}

function stack(values: readonly unknown[], what: string): Tensor {
  const first = describe(values[0], what);
  const rowBytes = numel(first.shape) * dtypeInfo[first.dtype].bytes;
  const buffer = new ArrayBuffer(values.length * rowBytes);
  const out = new Uint8Array(buffer);
  for (let i = 0; i < values.length; i++) {
    const value = i === 0 ? first : describe(values[i], what);
    if (value.dtype !== first.dtype) {
      throw new ArgumentError(
        `collate: ${what} is ${first.dtype} in the first sample of a batch and ${value.dtype} in sample ${i}; ` +
          'make all of one dtype, or pass `collate`',
      );
    }
    if (!sameShape(value.shape, first.shape)) {
      throw new ShapeError(
        `collate: ${what} has shape ${showShape(first.shape)} in the first sample of a batch and ` +
          `${showShape(value.shape)} in sample ${i}; pad or crop them to one shape, or pass \`collate\``,
      );
    }
    const { data } = value;
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), i * rowBytes);
  }
  return fromTypedArray(
    decodeElements(first.dtype, buffer, 0, buffer.byteLength / dtypeInfo[first.dtype].bytes),
    [values.length, ...first.shape],
    {
      dtype: first.dtype,
    },
  );
}

function describe(value: unknown, what: string): Value {
  if (typeof value === 'number') return { dtype: 'float32', shape: [], data: Float32Array.of(value) };
  if (typeof value === 'bigint') return { dtype: 'int64', shape: [], data: BigInt64Array.of(value) };
  if (typeof value === 'boolean') return { dtype: 'bool', shape: [], data: Uint8Array.of(value ? 1 : 0) };
  if (value instanceof Tensor) return { dtype: value.dtype, shape: value.shape, data: value.dataSync() };
  if (value instanceof Float32Array) return { dtype: 'float32', shape: [value.length], data: value };
  if (value instanceof Int32Array) return { dtype: 'int32', shape: [value.length], data: value };
  if (value instanceof BigInt64Array) return { dtype: 'int64', shape: [value.length], data: value };
  if (value instanceof Uint8Array) return { dtype: 'uint8', shape: [value.length], data: value };
  throw new ArgumentError(
    `collate: ${what} is of type ${kindOf(value)}; expected a Tensor, a Float32Array, Int32Array, BigInt64Array or ` +
      'Uint8Array, a number, bigint or boolean. Pass `collate` to the DataLoader to make batches yourself',
  );
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? (value.constructor?.name ?? 'object') : typeof value;
}
