/**
 * Samplers: which samples an epoch has, and in which order. The order of an epoch is a pure function of the sampler's settings
 * and the epoch's number, so a run that was interrupted finds its place again.
 */
import { ArgumentError } from '../base/errors.js';
import { checkInteger, checkSeed, mostSamples } from './check.js';
import { epochGenerator, orderedIndices, permute, shuffledIndices } from './shuffle.js';
import { WeightedDraw } from './weighted-draw.js';

export interface Sampler {
  /** Number of indices in an epoch. */
  readonly length: number;
  /** The indices of an epoch, counted from 0; the same for the same epoch, whenever it is asked. */
  indices(epoch: number): ArrayLike<number>;
}

/** A number of samples, or something that has that many. */
export type Sized = number | { readonly length: number };

function lengthOf(owner: string, data: Sized): number {
  const length = typeof data === 'number' ? data : data.length;
  return checkInteger(owner, 'the number of samples', length, 1, mostSamples);
}

/** All samples in the dataset's order. */
export class SequentialSampler implements Sampler {
  readonly length: number;

  /** @throws ArgumentError if there are no samples. */
  constructor(data: Sized) {
    this.length = lengthOf('SequentialSampler', data);
  }

  indices(): Uint32Array {
    return orderedIndices(this.length);
  }
}

export interface RandomSamplerOptions {
  /** Whether a sample may come several times in an epoch. Default false: each comes once. */
  readonly replacement?: boolean;
  /** Indices in an epoch. Default: as many as there are samples. */
  readonly numSamples?: number;
  /** A safe integer, 0 or more. Default 0. */
  readonly seed?: number;
}

/**
 * Samples in an order that is new in each epoch.
 *
 * @throws ArgumentError if there are no samples, or if `numSamples` is more than there are and `replacement` is false.
 *
 * @example
 * ```ts
 * import { DataLoader, RandomSampler, TensorDataset, arange } from 'hadal';
 * const data = new TensorDataset(arange(10));
 * const loader = new DataLoader(data, { batchSize: 2, sampler: new RandomSampler(data, { numSamples: 4 }) });
 * console.log(loader.length); // 2
 * ```
 */
export class RandomSampler implements Sampler {
  readonly length: number;
  readonly samples: number;
  readonly replacement: boolean;
  readonly seed: number;

  constructor(data: Sized, options: RandomSamplerOptions = {}) {
    this.samples = lengthOf('RandomSampler', data);
    this.replacement = options.replacement ?? false;
    const most = this.replacement ? mostSamples : this.samples;
    this.length = checkInteger('RandomSampler', 'numSamples', options.numSamples ?? this.samples, 1, most);
    this.seed = checkSeed('RandomSampler', options.seed ?? 0);
  }

  indices(epoch: number): Uint32Array {
    if (!this.replacement) return shuffledIndices(this.samples, this.seed, epoch).subarray(0, this.length);
    const random = epochGenerator(this.seed, epoch);
    return Uint32Array.from({ length: this.length }, () => random.below(this.samples));
  }
}

/**
 * Samples in proportion to weights, for instance one over the frequency of a sample's class.
 *
 * @throws ArgumentError if a weight is negative or not finite, if all are zero, or if without replacement more samples are asked
 * for than have a weight.
 *
 * @example
 * ```ts
 * import { WeightedRandomSampler } from 'hadal';
 * const sampler = new WeightedRandomSampler([0, 1, 3], 400);
 * const drawn = Array.from(sampler.indices(0));
 * console.log(drawn.includes(0), drawn.filter((i) => i === 2).length > 250); // false true
 * ```
 */
export class WeightedRandomSampler implements Sampler {
  readonly length: number;
  readonly weights: ArrayLike<number>;
  readonly replacement: boolean;
  readonly seed: number;

  constructor(
    weights: ArrayLike<number>,
    numSamples: number,
    options: Omit<RandomSamplerOptions, 'numSamples'> = {},
  ) {
    lengthOf('WeightedRandomSampler', weights);
    let positive = 0;
    for (let i = 0; i < weights.length; i++) {
      const weight = weights[i];
      if (!(Number.isFinite(weight) && weight >= 0)) {
        throw new ArgumentError(
          `WeightedRandomSampler: weights are finite and not negative, got ${weight} at index ${i}`,
        );
      }
      if (weight > 0) positive++;
    }
    if (positive === 0) throw new ArgumentError('WeightedRandomSampler: all weights are zero');
    if (!Number.isFinite(new WeightedDraw(weights).total))
      throw new ArgumentError('WeightedRandomSampler: the sum of the weights is too large');
    this.weights = weights;
    this.replacement = options.replacement ?? true;
    const most = this.replacement ? mostSamples : positive;
    this.length = checkInteger('WeightedRandomSampler', 'numSamples', numSamples, 1, most);
    this.seed = checkSeed('WeightedRandomSampler', options.seed ?? 0);
  }

  indices(epoch: number): Uint32Array {
    const random = epochGenerator(this.seed, epoch);
    const pot = new WeightedDraw(this.weights);
    return Uint32Array.from({ length: this.length }, () => {
      const index = pot.draw(random);
      if (!this.replacement) pot.remove(index);
      return index;
    });
  }
}

/** The given samples and no others, in an order that is new in each epoch. */
export class SubsetRandomSampler implements Sampler {
  readonly length: number;
  readonly subset: Uint32Array;
  readonly seed: number;

  /** @throws ArgumentError if there are no indices, or if one is not an integer from 0 to 2^32 - 2. */
  constructor(indices: ArrayLike<number>, options: { readonly seed?: number } = {}) {
    this.length = lengthOf('SubsetRandomSampler', indices);
    this.subset = checkedIndices('SubsetRandomSampler', indices, mostSamples);
    this.seed = checkSeed('SubsetRandomSampler', options.seed ?? 0);
  }

  indices(epoch: number): Uint32Array {
    return permute(this.subset.slice(), epochGenerator(this.seed, epoch));
  }
}

/** Which samples each batch has. */
export interface BatchOrder {
  /** Number of batches in an epoch. */
  readonly length: number;
  /** The indices of each batch of an epoch, counted from 0; the same for the same epoch, whenever it is asked. */
  batches(epoch: number): Iterable<ArrayLike<number>>;
}

/**
 * Groups a sampler's indices into batches.
 *
 * @throws ArgumentError if `batchSize` is not a positive integer.
 *
 * @example
 * ```ts
 * import { BatchSampler, SequentialSampler } from 'hadal';
 * const batches = new BatchSampler(new SequentialSampler(5), 2);
 * console.log(Array.from(batches.batches(0), (b) => b.length)); // [ 2, 2, 1 ]
 * ```
 */
export class BatchSampler implements BatchOrder {
  readonly sampler: Sampler;
  readonly batchSize: number;
  readonly dropLast: boolean;

  constructor(sampler: Sampler, batchSize: number, options: { readonly dropLast?: boolean } = {}) {
    this.sampler = sampler;
    this.batchSize = checkInteger('BatchSampler', 'batchSize', batchSize, 1, Number.MAX_SAFE_INTEGER);
    this.dropLast = options.dropLast ?? false;
  }

  /** Number of batches in an epoch. */
  get length(): number {
    const batches = this.sampler.length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  *batches(epoch: number): Generator<ArrayLike<number>, void, undefined> {
    const given = this.sampler.indices(epoch);
    const indices = given instanceof Uint32Array ? given : Array.from(given);
    const { length, batchSize } = this;
    for (let i = 0; i < length; i++) yield indices.slice(i * batchSize, (i + 1) * batchSize);
  }
}

/** Indices as 32-bit integers. @throws ArgumentError naming the first that is not one below `limit`. */
export function checkedIndices(owner: string, indices: ArrayLike<number>, limit: number): Uint32Array {
  const out = new Uint32Array(indices.length);
  for (let i = 0; i < out.length; i++) {
    const index = indices[i];
    if (!(Number.isInteger(index) && index >= 0 && index < limit)) {
      throw new ArgumentError(
        `${owner}: index ${index} (number ${i}) is not one of the dataset's; expected integers from 0 to ${limit - 1}`,
      );
    }
    out[i] = index;
  }
  return out;
}
