/** Making tensors from numbers, arrays and rules. */
import { Value } from '../autograd/value.js';
import type { DType, TypedArray } from '../base/dtype.js';
import { checkDType, dtypeInfo, isFloat, typedView } from '../base/dtype.js';
import { ArgumentError, ShapeError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { checkShape, numel, showShape } from '../base/shape.js';
import type { Nested, NumberLike } from './tensor.js';
import { Tensor } from './tensor.js';
import { workspace } from './workspace.js';

export interface CreateOptions {
  readonly dtype?: DType;
  /** Whether the tape starts here. */
  readonly requiresGrad?: boolean;
}

function finish(t: Tensor, options: CreateOptions): Tensor {
  return options.requiresGrad ? t.requiresGrad_() : t;
}

function dtypeOfArray(data: TypedArray): DType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof BigInt64Array) return 'int64';
  if (data instanceof Uint8Array) return 'uint8';
  throw new ArgumentError('expected a Float32Array, Int32Array, BigInt64Array or Uint8Array');
}

/**
 * A tensor with a copy of a typed array's elements. A Uint8Array may stand for bool with `{ dtype: 'bool' }`.
 *
 * @param shape sizes whose product is the array's length.
 * @throws ShapeError if the lengths do not fit.
 * @example
 * ```ts
 * import { fromTypedArray } from 'hadal';
 * console.log(fromTypedArray(Float32Array.of(1, 2, 3, 4), [2, 2]).tolistSync()); // [ [ 1, 2 ], [ 3, 4 ] ]
 * ```
 */
export function fromTypedArray(data: TypedArray, shape: Shape, options: CreateOptions = {}): Tensor {
  checkShape('fromTypedArray', shape);
  if (numel(shape) !== data.length) {
    throw new ShapeError(
      `fromTypedArray: ${data.length} elements do not fill shape ${showShape(shape)} with its ${numel(shape)}`,
    );
  }
  const have = dtypeOfArray(data);
  const want = options.dtype === undefined ? have : checkDType(options.dtype);
  const same = want === have || (want === 'bool' && have === 'uint8');
  const space = workspace();
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const node = space.engine.upload(bytes, [...shape], same ? want : have);
  const t = Tensor.of(space, new Value(node, null));
  return finish(same ? t : t.to(want), options);
}

function inferShape(data: unknown): number[] {
  const shape: number[] = [];
  for (let x = data; Array.isArray(x); x = x[0]) shape.push(x.length);
  return shape;
}

function flattenInto(data: Nested<NumberLike>, shape: Shape, dim: number, out: NumberLike[]): void {
  if (!Array.isArray(data)) {
    if (dim !== shape.length)
      throw new ShapeError(
        `tensor: rows differ in depth; expected ${shape.length} levels as in the first row`,
      );
    out.push(data as NumberLike);
    return;
  }
  if (dim >= shape.length || data.length !== shape[dim]) {
    throw new ShapeError(
      `tensor: rows differ in length in dimension ${dim}: ${shape[dim]} in the first, ${data.length} in another`,
    );
  }
  for (const x of data) flattenInto(x, shape, dim + 1, out);
}

function inferDType(values: readonly NumberLike[]): DType {
  if (values.length > 0 && values.every((v) => typeof v === 'boolean')) return 'bool';
  if (values.length > 0 && values.every((v) => typeof v === 'bigint')) return 'int64';
  return 'float32';
}

/**
 * A tensor from a number or nested arrays of numbers. Numbers give float32, bigints int64, booleans bool, unless `dtype` says
 * otherwise.
 *
 * @throws ShapeError if rows differ in length.
 * @example
 * ```ts
 * import { tensor } from 'hadal';
 * console.log(tensor([[1, 2], [3, 4]]).shape); // [ 2, 2 ]
 * ```
 */
export function tensor(data: Nested<NumberLike> | TypedArray, options: CreateOptions = {}): Tensor {
  if (ArrayBuffer.isView(data))
    return fromTypedArray(data as TypedArray, [(data as TypedArray).length], options);
  const shape = inferShape(data);
  const values: NumberLike[] = [];
  flattenInto(data, shape, 0, values);
  for (const v of values) {
    if (!['number', 'bigint', 'boolean'].includes(typeof v)) {
      throw new ArgumentError(
        `tensor: elements are numbers, bigints or booleans, got ${v === null ? 'null' : typeof v}`,
      );
    }
  }
  const dtype = options.dtype === undefined ? inferDType(values) : checkDType(options.dtype);
  const out = typedView(dtype, new ArrayBuffer(values.length * dtypeInfo[dtype].bytes));
  values.forEach((v, i) => {
    if (out instanceof BigInt64Array) out[i] = typeof v === 'bigint' ? v : BigInt(Math.trunc(Number(v)));
    else out[i] = dtype === 'bool' ? (v ? 1 : 0) : Number(v);
  });
  return fromTypedArray(out, shape, { ...options, dtype });
}

/**
 * A tensor filled with one number.
 *
 * @example
 * ```ts
 * import { full } from 'hadal';
 * console.log(full([2], 7).tolistSync()); // [ 7, 7 ]
 * ```
 */
export function full(shape: Shape, value: number, options: CreateOptions = {}): Tensor {
  checkShape('full', shape);
  const space = workspace();
  const dtype = options.dtype === undefined ? 'float32' : checkDType(options.dtype);
  return finish(Tensor.of(space, space.ops.argument(value, dtype, [...shape])), options);
}

export function zeros(shape: Shape, options: CreateOptions = {}): Tensor {
  return full(shape, 0, options);
}

export function ones(shape: Shape, options: CreateOptions = {}): Tensor {
  return full(shape, 1, options);
}

export function zerosLike(like: Tensor, options: CreateOptions = {}): Tensor {
  return fullLike(like, 0, options);
}

export function onesLike(like: Tensor, options: CreateOptions = {}): Tensor {
  return fullLike(like, 1, options);
}

/** A tensor of the shape, dtype and engine of another, filled with one number. */
export function fullLike(like: Tensor, value: number, options: CreateOptions = {}): Tensor {
  const space = like.workspace;
  return finish(
    Tensor.of(space, space.ops.argument(value, options.dtype ?? like.dtype, like.shape)),
    options,
  );
}

/**
 * start, start + step, ... up to but not including `end`; `arange(n)` counts from 0. int64 for integers, else float32.
 *
 * @example
 * ```ts
 * import { arange } from 'hadal';
 * console.log(arange(4).tolistSync()); // [ 0, 1, 2, 3 ]
 * ```
 */
export function arange(start: number, end?: number, step = 1, options: CreateOptions = {}): Tensor {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  if (![from, to, step].every(Number.isFinite) || step === 0)
    throw new ArgumentError(`arange: no range from ${from} to ${to} by ${step}`);
  const count = Math.max(0, Math.ceil((to - from) / step));
  const whole = [from, to, step].every(Number.isInteger);
  const dtype = options.dtype ?? (whole ? 'int64' : 'float32');
  const data = isFloat(dtype) ? new Float32Array(count) : new BigInt64Array(count);
  for (let i = 0; i < count; i++) {
    if (data instanceof BigInt64Array) data[i] = BigInt(Math.trunc(from + i * step));
    else data[i] = from + i * step;
  }
  return fromTypedArray(data, [count], { ...options, dtype });
}
