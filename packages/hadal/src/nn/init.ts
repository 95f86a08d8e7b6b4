/**
 * Initial values of parameters. Functions with an underscore write into a tensor, also into a parameter, and give it back. "Fan" is how
 * many inputs a unit sums over (in) or feeds (out): of a weight [out, in, ...kernel] in times, or out times, the size of the kernel.
 */
import { noGrad } from '../autograd/mode.js';
import { ArgumentError, ShapeError } from '../base/errors.js';
import { numel, showShape } from '../base/shape.js';
import { normal_ as fillNormal, uniform_ as fillUniform } from '../random/in-place.js';
import { rand } from '../random/index.js';
import { fromTypedArray, Tensor, withWorkspace } from '../tensor/index.js';

/** What a layer's output is divided by to keep its variance through the nonlinearity that follows. */
export type Nonlinearity =
  | 'linear'
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'sigmoid'
  | 'tanh'
  | 'relu'
  | 'leakyRelu'
  | 'selu';

/** @param slope the negative slope of 'leakyRelu', 0.01 if not given. */
export function calculateGain(nonlinearity: Nonlinearity, slope = 0.01): number {
  switch (nonlinearity) {
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.SQRT2;
    case 'leakyRelu':
      return Math.sqrt(2 / (1 + slope ** 2));
    case 'selu':
      return 3 / 4;
    case 'linear':
    case 'conv1d':
    case 'conv2d':
    case 'conv3d':
    case 'sigmoid':
      return 1;
    default:
      throw new ArgumentError(`calculateGain: unknown nonlinearity ${JSON.stringify(nonlinearity)}`);
  }
}

export interface Fans {
  readonly fanIn: number;
  readonly fanOut: number;
}

/** @throws ShapeError for fewer than two dimensions. */
export function calculateFans(t: Tensor): Fans {
  if (t.ndim < 2)
    throw new ShapeError(`init: fan in and fan out want two or more dimensions, got ${showShape(t.shape)}`);
  const kernel = numel(t.shape.slice(2));
  return { fanIn: t.shape[1] * kernel, fanOut: t.shape[0] * kernel };
}

/** Writes into a leaf as well, without the tape. */
function write<T extends Tensor>(t: T, fill: (alias: Tensor) => void): T {
  noGrad(() => fill(t.detach()));
  return t;
}

/** Uniform in [low, high). */
export function uniform_<T extends Tensor>(t: T, low = 0, high = 1): T {
  return write(t, (alias) => fillUniform(alias, low, high));
}

export function normal_<T extends Tensor>(t: T, mean = 0, std = 1): T {
  return write(t, (alias) => fillNormal(alias, mean, std));
}

export function constant_<T extends Tensor>(t: T, value: number): T {
  return write(t, (alias) => alias.fill_(value));
}

export function zeros_<T extends Tensor>(t: T): T {
  return write(t, (alias) => alias.zero_());
}

export function ones_<T extends Tensor>(t: T): T {
  return constant_(t, 1);
}

/** A matrix with ones on its diagonal and zeros elsewhere. */
export function eye_<T extends Tensor>(t: T): T {
  if (t.ndim !== 2) throw new ShapeError(`eye_: expected a matrix, got ${showShape(t.shape)}`);
  const { ops } = t.workspace;
  const place = (dim: number) => ops.iota(t.shape, dim, 'int32');
  const diagonal = ops.cast(ops.compare('eq', place(0), place(1)), t.dtype);
  return write(t, (alias) => Tensor.overwrite('eye_', alias, diagonal));
}

/**
 * Uniform with variance 2 gain^2 / (fan in + fan out); Glorot and Bengio 2010.
 *
 * @example
 * ```ts
 * import { nn } from 'hadal';
 * const layer = new nn.Linear(100, 50);
 * nn.init.xavierUniform_(layer.weight);
 * console.log(layer.weight.abs().max().itemSync() <= Math.sqrt(6 / 150)); // true
 * ```
 */
export function xavierUniform_<T extends Tensor>(t: T, options: { gain?: number } = {}): T {
  const { fanIn, fanOut } = calculateFans(t);
  const bound = (options.gain ?? 1) * Math.sqrt(6 / (fanIn + fanOut));
  return uniform_(t, -bound, bound);
}

/** Normal with variance 2 gain^2 / (fan in + fan out). */
export function xavierNormal_<T extends Tensor>(t: T, options: { gain?: number } = {}): T {
  const { fanIn, fanOut } = calculateFans(t);
  return normal_(t, 0, (options.gain ?? 1) * Math.sqrt(2 / (fanIn + fanOut)));
}

export interface KaimingOptions {
  /** The negative slope of the leaky ReLU that follows, 0 if not given. */
  readonly a?: number;
  /** Whether the variance is kept in the forward ('fanIn', if not given) or the backward pass. */
  readonly mode?: 'fanIn' | 'fanOut';
  /** 'leakyRelu' if not given. */
  readonly nonlinearity?: Nonlinearity;
}

function kaimingStd(
  t: Tensor,
  { a = 0, mode = 'fanIn', nonlinearity = 'leakyRelu' }: KaimingOptions,
): number {
  if (mode !== 'fanIn' && mode !== 'fanOut')
    throw new ArgumentError(`init: mode is 'fanIn' or 'fanOut', got ${JSON.stringify(mode)}`);
  return calculateGain(nonlinearity, a) / Math.sqrt(calculateFans(t)[mode]);
}

/** Uniform with variance gain^2 / fan; He et al. 2015. */
export function kaimingUniform_<T extends Tensor>(t: T, options: KaimingOptions = {}): T {
  const bound = Math.sqrt(3) * kaimingStd(t, options);
  return uniform_(t, -bound, bound);
}

/** Normal with variance gain^2 / fan. */
export function kaimingNormal_<T extends Tensor>(t: T, options: KaimingOptions = {}): T {
  return normal_(t, 0, kaimingStd(t, options));
}

/**
 * Rows (or, if there are more of them than columns, columns) of length `gain` at right angles to each other; Saxe et al. 2013. Further
 * dimensions count as columns. Computed on the host by the Gram-Schmidt method.
 */
export function orthogonal_<T extends Tensor>(t: T, options: { gain?: number } = {}): T {
  if (t.ndim < 2)
    throw new ShapeError(`orthogonal_: expected two or more dimensions, got ${showShape(t.shape)}`);
  const { gain = 1 } = options;
  const [rows, columns] = [t.shape[0], numel(t.shape.slice(1))];
  const [count, length] = rows <= columns ? [rows, columns] : [columns, rows];
  const random = withWorkspace(t.workspace, () =>
    normal_(rand([count, length], { dtype: 'float32' }).clone()),
  ).dataSync();
  const vectors: Float64Array[] = [];
  for (let i = 0; i < count; i++) {
    const v = Float64Array.from({ length }, (_, j) => Number(random[i * length + j]));
    // Twice, as one pass leaves what rounding has put back along the other vectors.
    for (const other of [...vectors, ...vectors]) {
      let along = 0;
      for (let j = 0; j < length; j++) along += v[j] * other[j];
      for (let j = 0; j < length; j++) v[j] -= along * other[j];
    }
    const norm = Math.hypot(...v);
    for (let j = 0; j < length; j++) v[j] /= norm;
    vectors.push(v);
  }
  const at = (r: number, c: number): number => (rows <= columns ? vectors[r][c] : vectors[c][r]);
  const data = Float32Array.from(
    { length: rows * columns },
    (_, i) => gain * at(Math.floor(i / columns), i % columns),
  );
  const value = withWorkspace(t.workspace, () => fromTypedArray(data, t.shape));
  return write(t, (alias) => alias.copy_(value.to(t.dtype)));
}
