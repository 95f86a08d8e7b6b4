/** Tensors of numbers that follow a rule: ranges, identities, grids of positions. */
import type { Value } from '../autograd/value.js';
import type { DType } from '../base/dtype.js';
import { checkDType, isFloat } from '../base/dtype.js';
import { ArgumentError, ShapeError } from '../base/errors.js';
import { checkShape, showShape } from '../base/shape.js';
import type { CreateOptions } from './create.js';
import { fromTypedArray } from './create.js';
import { getDefaultDtype } from './default-dtype.js';
import { broadcastTensors, cat } from './functions/joining.js';
import { Tensor } from './tensor.js';
import type { Workspace } from './workspace.js';
import { workspace } from './workspace.js';

function made(space: Workspace, value: Value, options: CreateOptions): Tensor {
  const t = Tensor.of(space, value);
  return options.requiresGrad ? t.requiresGrad_() : t;
}

/** Numbers computed one by one in float64, in a dtype. */
function computed(values: Float64Array, dtype: DType, options: CreateOptions): Tensor {
  const t = fromTypedArray(values, [values.length]).to(dtype);
  return options.requiresGrad ? t.requiresGrad_() : t;
}

/**
 * start, start + step, ... up to but not including `end`; `arange(n)` counts from 0. int64 for integers, else the default float dtype.
 *
 * @example
 * ```ts
 * import { arange } from 'hadal';
 * console.log(arange(4).tolistSync()); // [ 0, 1, 2, 3 ]
 * console.log(arange(1, 2, 0.25, { dtype: 'float64' }).tolistSync()); // [ 1, 1.25, 1.5, 1.75 ]
 * ```
 */
export function arange(end: number, options?: CreateOptions): Tensor;
export function arange(start: number, end?: number, options?: CreateOptions): Tensor;
export function arange(start: number, end?: number, step?: number, options?: CreateOptions): Tensor;
export function arange(
  start: number,
  second?: number | CreateOptions,
  third?: number | CreateOptions,
  fourth?: CreateOptions,
): Tensor {
  const rest = [second, third, fourth];
  const options = rest.find((x) => typeof x === 'object') ?? {};
  const [end, step = 1] = rest.filter((x) => typeof x === 'number');
  const [from, to] = end === undefined ? [0, start] : [start, end];
  if (![from, to, step].every(Number.isFinite) || step === 0)
    throw new ArgumentError(`arange: no range from ${from} to ${to} by ${step}`);
  const count = Math.max(0, Math.ceil((to - from) / step));
  const whole = [from, to, step].every(Number.isInteger);
  const dtype =
    options.dtype === undefined ? (whole ? 'int64' : getDefaultDtype()) : checkDType(options.dtype);
  if (!whole || isFloat(dtype) || dtype === 'bool')
    return computed(
      Float64Array.from({ length: count }, (_, i) => from + i * step),
      dtype,
      options,
    );
  const space = workspace();
  const { ops } = space;
  let value = ops.iota([count], 0, dtype);
  if (step !== 1) value = ops.arithmetic('mul', value, ops.argument(step, dtype, [count]));
  if (from !== 0) value = ops.arithmetic('add', value, ops.argument(from, dtype, [count]));
  return made(space, value, options);
}

function checkSteps(op: string, steps: number): void {
  if (!Number.isInteger(steps) || steps < 0)
    throw new ArgumentError(`${op}: expected a number of steps of at least 0, got ${steps}`);
}

/** From both ends towards the middle, so that the last number is `end` exactly. */
function evenly(start: number, end: number, steps: number): Float64Array {
  const step = steps > 1 ? (end - start) / (steps - 1) : 0;
  return Float64Array.from({ length: steps }, (_, i) =>
    i < steps / 2 ? start + i * step : end - (steps - 1 - i) * step,
  );
}

/**
 * `steps` numbers from `start` to `end`, both included, evenly spaced.
 *
 * @example
 * ```ts
 * import { linspace } from 'hadal';
 * console.log(linspace(0, 1, 5).tolistSync()); // [ 0, 0.25, 0.5, 0.75, 1 ]
 * ```
 */
export function linspace(start: number, end: number, steps: number, options: CreateOptions = {}): Tensor {
  checkSteps('linspace', steps);
  const dtype = options.dtype === undefined ? getDefaultDtype() : checkDType(options.dtype);
  return computed(evenly(start, end, steps), dtype, options);
}

/** `steps` numbers from base^start to base^end, both included, with evenly spaced exponents. */
export function logspace(
  start: number,
  end: number,
  steps: number,
  options: CreateOptions & { readonly base?: number } = {},
): Tensor {
  checkSteps('logspace', steps);
  const { base = 10 } = options;
  const dtype = options.dtype === undefined ? getDefaultDtype() : checkDType(options.dtype);
  return computed(
    evenly(start, end, steps).map((x) => base ** x),
    dtype,
    options,
  );
}

/** Ones on the diagonal of a matrix of n rows and m columns (n unless given), zeros elsewhere. */
export function eye(n: number, m: number | CreateOptions = n, options: CreateOptions = {}): Tensor {
  const [columns, given] = typeof m === 'number' ? [m, options] : [n, m];
  const shape = checkShape('eye', [n, columns]);
  const space = workspace();
  const { ops } = space;
  const hit = ops.compare('eq', ops.iota(shape, 0, 'int32'), ops.iota(shape, 1, 'int32'));
  const dtype = given.dtype === undefined ? getDefaultDtype() : checkDType(given.dtype);
  return made(space, ops.cast(hit, dtype), given);
}

/** Places that are listed on the host: 2^28 of them are a list of 4 GiB. */
const MAX_SCANNED = 2 ** 28;

function triangleIndices(
  op: string,
  rows: number,
  columns: number,
  offset: number,
  inside: (r: number, c: number) => boolean,
): Tensor {
  checkShape(op, [rows, columns]);
  if (!Number.isInteger(offset)) throw new ArgumentError(`${op}: expected a whole offset, got ${offset}`);
  if (rows * columns > MAX_SCANNED)
    throw new ArgumentError(
      `${op}: ${rows} rows of ${columns} columns are more places than can be gone through; expected at most ${MAX_SCANNED}`,
    );
  const places: [bigint, bigint][] = [];
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) if (inside(r, c)) places.push([BigInt(r), BigInt(c)]);
  const data = BigInt64Array.from([...places.map(([r]) => r), ...places.map(([, c]) => c)]);
  return fromTypedArray(data, [2, places.length]);
}

/** Rows and columns of a matrix's lower triangle: [2, count], int64. */
export function trilIndices(rows: number, columns: number, offset = 0): Tensor {
  return triangleIndices('trilIndices', rows, columns, offset, (r, c) => c <= r + offset);
}

/** Rows and columns of a matrix's upper triangle: [2, count], int64. */
export function triuIndices(rows: number, columns: number, offset = 0): Tensor {
  return triangleIndices('triuIndices', rows, columns, offset, (r, c) => c >= r + offset);
}

/**
 * Vectors as a grid: the i-th result varies along dimension i as the i-th vector does. With `indexing: 'xy'` the first two dimensions
 * change places. The results are views.
 *
 * @example
 * ```ts
 * import { arange, meshgrid } from 'hadal';
 * const [x, y] = meshgrid([arange(2), arange(3)]);
 * console.log(x.tolistSync(), y.tolistSync()); // [ [ 0, 0, 0 ], [ 1, 1, 1 ] ] [ [ 0, 1, 2 ], [ 0, 1, 2 ] ]
 * ```
 */
export function meshgrid(
  vectors: readonly Tensor[],
  options: { readonly indexing?: 'ij' | 'xy' } = {},
): Tensor[] {
  const { indexing = 'ij' } = options;
  for (const v of vectors)
    if (v.ndim > 1)
      throw new ShapeError(`meshgrid: expected vectors and numbers, got shape ${showShape(v.shape)}`);
  const swap = indexing === 'xy' && vectors.length > 1;
  const order = swap ? [1, 0, ...vectors.slice(2).map((_, i) => i + 2)] : vectors.map((_, i) => i);
  const wide = vectors.map((v, i) => v.reshape(vectors.map((_, d) => (order[d] === i ? v.numel() : 1))));
  return broadcastTensors(...wide);
}

/** All combinations of one element of each vector: [count, vectors]. */
export function cartesianProd(...vectors: readonly Tensor[]): Tensor {
  if (vectors.length === 1) return vectors[0].clone();
  return cat(
    meshgrid(vectors).map((t) => t.reshape([-1, 1])),
    1,
  );
}
