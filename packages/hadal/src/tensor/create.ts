/** Making tensors from numbers, arrays and rules. */
import { Value } from '../autograd/value.js';
import type { DType, TypedArray } from '../base/dtype.js';
import {
  checkDType,
  convertNumber,
  dtypeInfo,
  dtypeOfArray,
  encodeElements,
  isHalf,
  newElements,
} from '../base/dtype.js';
import { ArgumentError, ShapeError } from '../base/errors.js';
import { checkOptions } from '../base/options.js';
import type { Shape } from '../base/shape.js';
import { checkShape, numel, showShape } from '../base/shape.js';
import { live } from '../graph/live.js';
import { getDefaultDtype } from './default-dtype.js';
import type { Nested, NumberLike } from './tensor.js';
import { Tensor } from './tensor.js';
import { workspace } from './workspace.js';

export interface CreateOptions {
  readonly dtype?: DType;
  /** Whether the tape starts here. */
  readonly requiresGrad?: boolean;
}

function finish(t: Tensor, options: CreateOptions): Tensor {
  checkOptions('tensor', options, { dtype: true, requiresGrad: true });
  return options.requiresGrad ? t.requiresGrad_() : t;
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
  // float16 and bfloat16 are held as float32 in JavaScript and rounded on their way into memory.
  const half = have === 'float32' && isHalf(want);
  const truth = want === 'bool' && have === 'uint8' && data.every((x: number | bigint) => x <= 1);
  const same = want === have || half || truth;
  const space = workspace();
  const node = space.engine.upload(encodeElements(same ? want : have, data), [...shape], same ? want : have);
  const t = Tensor.of(space, new Value(node, null));
  return finish(same ? t : t.to(want), options);
}

/** A tensor of elements that are drawn on the host: a compiled function draws them anew at each call. */
export function fromDrawn(draw: () => TypedArray, shape: Shape, dtype: DType): Tensor {
  const space = workspace();
  let bytes: Uint8Array = new Uint8Array();
  live(() => {
    bytes = encodeElements(dtype, draw());
    return [];
  });
  const node = space.engine.upload(bytes, [...shape], dtype, () => bytes);
  return Tensor.of(space, new Value(node, null));
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
  return getDefaultDtype();
}

/**
 * A tensor from a number or nested arrays of numbers. Numbers give the default float dtype, bigints int64, booleans bool, unless
 * `dtype` says otherwise.
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
  const out = newElements(dtype, values.length);
  values.forEach((v, i) => {
    out[i] = convertNumber(typeof v === 'boolean' ? Number(v) : v, dtype);
  });
  return fromTypedArray(out, shape, { ...options, dtype });
}

/**
 * A tensor of elements as they lie in memory, row-major and little-endian; they are copied.
 *
 * @throws ArgumentError if there are more or fewer bytes than the shape needs.
 * @example
 * ```ts
 * import { fromBytes } from 'hadal';
 * console.log(fromBytes(Uint8Array.of(1, 0, 2, 0), [2], 'int16').tolistSync()); // [ 1, 2 ]
 * ```
 */
export function fromBytes(bytes: Uint8Array, shape: Shape, dtype: DType): Tensor {
  checkShape('fromBytes', shape);
  const needed = numel(shape) * dtypeInfo[checkDType(dtype)].bytes;
  if (bytes.length !== needed)
    throw new ArgumentError(
      `fromBytes: shape ${showShape(shape)} of ${dtype} takes ${needed} bytes, got ${bytes.length}`,
    );
  const space = workspace();
  return Tensor.of(space, new Value(space.engine.upload(bytes, [...shape], dtype), null));
}

/** The dtype of a number that a tensor is filled with. */
function dtypeOfNumber(value: NumberLike): DType {
  return typeof value === 'boolean' ? 'bool' : typeof value === 'bigint' ? 'int64' : getDefaultDtype();
}

/**
 * A tensor filled with one number: of the default float dtype, int64 for a bigint, bool for a boolean, unless `dtype` says otherwise.
 *
 * @example
 * ```ts
 * import { full } from 'hadal';
 * console.log(full([2], 7).tolistSync()); // [ 7, 7 ]
 * ```
 */
export function full(shape: Shape, value: NumberLike, options: CreateOptions = {}): Tensor {
  checkShape('full', shape);
  const space = workspace();
  const dtype = options.dtype === undefined ? dtypeOfNumber(value) : checkDType(options.dtype);
  const number = typeof value === 'boolean' ? Number(value) : value;
  return finish(Tensor.of(space, space.ops.argument(number, dtype, [...shape])), options);
}

export function zeros(shape: Shape, options: CreateOptions = {}): Tensor {
  return full(shape, 0, options);
}

export function ones(shape: Shape, options: CreateOptions = {}): Tensor {
  return full(shape, 1, options);
}

/** A tensor whose elements nobody has chosen; they are zeros here. */
export function empty(shape: Shape, options: CreateOptions = {}): Tensor {
  return full(shape, 0, options);
}

/** A tensor of the shape, dtype and engine of another, filled with one number. */
export function fullLike(like: Tensor, value: NumberLike, options: CreateOptions = {}): Tensor {
  const space = like.workspace;
  const dtype = options.dtype === undefined ? like.dtype : checkDType(options.dtype);
  const number = typeof value === 'boolean' ? Number(value) : value;
  return finish(Tensor.of(space, space.ops.argument(number, dtype, like.shape)), options);
}

export function zerosLike(like: Tensor, options: CreateOptions = {}): Tensor {
  return fullLike(like, 0, options);
}

export function onesLike(like: Tensor, options: CreateOptions = {}): Tensor {
  return fullLike(like, 1, options);
}

export function emptyLike(like: Tensor, options: CreateOptions = {}): Tensor {
  return fullLike(like, 0, options);
}
