/** New tensors of random numbers. */
import type { DType, TypedArray } from '../base/dtype.js';
import { checkDType, isFloat, newArray } from '../base/dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.js';
import { int64Of } from '../base/int64.js';
import { checkOptions } from '../base/options.js';
import type { Shape } from '../base/shape.js';
import { broadcastShapes, checkShape, showShape } from '../base/shape.js';
import { fromDrawn } from '../tensor/create.js';
import { getDefaultDtype } from '../tensor/default-dtype.js';
import type { CreateOptions } from '../tensor/index.js';
import { Tensor, workspace } from '../tensor/index.js';
import { checkFloatDType, normalValue, openUniformValue, uniformValue } from './draw.js';
import { Words } from './generator.js';

function finish(t: Tensor, options: CreateOptions): Tensor {
  checkOptions('tensor', options, { dtype: true, requiresGrad: true });
  return options.requiresGrad ? t.requiresGrad_() : t;
}

function floatDType(name: string, dtype: DType): DType {
  return checkFloatDType(name, checkDType(dtype));
}

/** Uniform numbers in [0, 1), of the default dtype unless another float dtype is given. */
export function rand(shape: Shape, options: CreateOptions = {}): Tensor {
  checkShape('rand', shape);
  const space = workspace();
  const dtype = floatDType('rand', options.dtype ?? getDefaultDtype());
  return finish(Tensor.of(space, uniformValue(space, shape, dtype)), options);
}

/**
 * Normal numbers with mean 0 and variance 1; Box and Muller 1958.
 *
 * @example
 * ```ts
 * import { manualSeed, randn } from 'hadal';
 * manualSeed(0);
 * console.log(Math.abs(randn([10000]).mean().itemSync()) < 0.05); // true
 * ```
 */
export function randn(shape: Shape, options: CreateOptions = {}): Tensor {
  checkShape('randn', shape);
  const space = workspace();
  const dtype = floatDType('randn', options.dtype ?? getDefaultDtype());
  return finish(Tensor.of(space, normalValue(space, shape, dtype)), options);
}

/** `rand` of the shape, dtype and engine of another tensor. */
export function randLike(like: Tensor, options: CreateOptions = {}): Tensor {
  const dtype = floatDType('randLike', options.dtype ?? like.dtype);
  return finish(Tensor.of(like.workspace, uniformValue(like.workspace, like.shape, dtype)), options);
}

/** `randn` of the shape, dtype and engine of another tensor. */
export function randnLike(like: Tensor, options: CreateOptions = {}): Tensor {
  const dtype = floatDType('randnLike', options.dtype ?? like.dtype);
  return finish(Tensor.of(like.workspace, normalValue(like.workspace, like.shape, dtype)), options);
}

/** Whole numbers one after the other. */
function filled(dtype: DType, shape: Shape, next: () => number): TypedArray {
  const made = newArray(dtype, shape);
  const numbers = made instanceof BigInt64Array ? new Float64Array(made.length) : made;
  for (let i = 0; i < numbers.length; i++) numbers[i] = next();
  return made === numbers ? made : int64Of(numbers);
}

/**
 * Integers from `low` (0) to below `high`, each as likely as the others, int64 unless another dtype is given.
 *
 * @example
 * ```ts
 * import { randint } from 'hadal';
 * const dice = randint(1, 7, [100]);
 * console.log(dice.dtype, dice.min().itemSync() >= 1, dice.max().itemSync() <= 6); // int64 true true
 * ```
 */
export function randint(high: number, shape: Shape, options?: CreateOptions): Tensor;
export function randint(low: number, high: number, shape: Shape, options?: CreateOptions): Tensor;
export function randint(
  first: number,
  second: number | Shape,
  third?: Shape | CreateOptions,
  fourth?: CreateOptions,
): Tensor {
  const ranged = typeof second === 'number';
  const [low, high] = ranged ? [first, second] : [0, first];
  const shape = (ranged ? third : second) as Shape;
  const options = ((ranged ? fourth : third) ?? {}) as CreateOptions;
  checkShape('randint', shape);
  if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || low >= high)
    throw new ArgumentError(`randint: expected integers with low below high, got ${low} and ${high}`);
  const dtype = checkDType(options.dtype ?? 'int64');
  const draw = (): TypedArray => {
    const words = new Words();
    return filled(dtype, shape, () => low + words.below(high - low));
  };
  return finish(fromDrawn(draw, shape, dtype), options);
}

/**
 * The integers from 0 to n - 1 in a random order, int64.
 *
 * @example
 * ```ts
 * import { randperm } from 'hadal';
 * console.log(randperm(5).sum().itemSync()); // 10
 * ```
 */
export function randperm(n: number, options: CreateOptions = {}): Tensor {
  checkShape('randperm', [n]);
  const dtype = checkDType(options.dtype ?? 'int64');
  const draw = (): TypedArray => {
    const words = new Words();
    const order = Float64Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = words.below(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    let at = 0;
    return filled(dtype, [n], () => order[at++]);
  };
  return finish(fromDrawn(draw, [n], dtype), options);
}

/**
 * Normal numbers of given means and standard deviations.
 *
 * @param shape of the result; may be left out where one of the two is a tensor.
 */
export function normal(
  mean: Tensor | number,
  std: Tensor | number,
  shape?: Shape,
  options: CreateOptions = {},
): Tensor {
  const given = [mean, std].filter((t) => t instanceof Tensor);
  const common = given.map((t) => t.shape).reduce((a, b) => broadcastShapes('normal', a, b), []);
  if (shape === undefined && given.length === 0)
    throw new ArgumentError('normal: the shape is wanted where mean and std are numbers');
  if (typeof std === 'number' && !(std >= 0))
    throw new ArgumentError(`normal: std is at least 0, got ${std}`);
  const size = shape ?? common;
  checkShape('normal', size);
  const [first] = given;
  const space = first?.workspace ?? workspace();
  const dtype = floatDType('normal', options.dtype ?? first?.dtype ?? getDefaultDtype());
  const z = Tensor.of(space, normalValue(space, size, dtype));
  return finish(z.mul(std).add(mean), options);
}

/**
 * 1 with the given probabilities, else 0, in their dtype.
 *
 * @param probabilities float
 */
export function bernoulli(probabilities: Tensor): Tensor {
  if (!isFloat(probabilities.dtype))
    throw new DTypeError(`bernoulli: probabilities are float, got ${probabilities.dtype}`);
  const { workspace: space, shape, dtype } = probabilities;
  return Tensor.of(space, uniformValue(space, shape, dtype === 'float64' ? dtype : 'float32'))
    .lt(probabilities)
    .to(dtype);
}

/**
 * Class numbers, drawn by their weights. By the exponential race: the largest of w / Exp(1) is class i with probability w_i / sum(w).
 *
 * @param weights [C] or [N, C], not negative, and not all zero in a row
 * @param options.replacement whether a class may be drawn again; if not, no more are drawn than have a weight
 * @returns [numSamples] or [N, numSamples], int64
 */
export function multinomial(
  weights: Tensor,
  numSamples: number,
  options: { readonly replacement?: boolean } = {},
): Tensor {
  const { replacement = false } = options;
  if (weights.ndim !== 1 && weights.ndim !== 2)
    throw new ShapeError(`multinomial: weights are [C] or [N, C], got ${showShape(weights.shape)}`);
  if (!isFloat(weights.dtype)) throw new DTypeError(`multinomial: weights are float, got ${weights.dtype}`);
  const classes = weights.size(-1);
  if (!Number.isInteger(numSamples) || numSamples < 1 || (!replacement && numSamples > classes))
    throw new ArgumentError(
      `multinomial: numSamples is from 1${replacement ? '' : ` to the ${classes} classes without replacement`}, got ${numSamples}`,
    );
  const { workspace: space } = weights;
  const race = (w: Tensor, shape: Shape): Tensor =>
    w
      .detach()
      .to('float32')
      .div(Tensor.of(space, openUniformValue(space, shape)).log().neg());
  if (replacement) {
    const shape = [...weights.shape.slice(0, -1), numSamples, classes];
    return race(weights.unsqueeze(-2), shape).argmax(-1);
  }
  return race(weights, weights.shape).topk(numSamples).indices;
}
