/**
 * Random numbers: counter-based (Threefry 2x32), so that a number depends on the seed, on how many random tensors were made before,
 * and on its place in the tensor, never on the engine or the number of threads.
 */
import { ArgumentError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { checkShape, numel } from '../base/shape.js';
import { threefry } from '../graph/ops/sources.js';
import type { CreateOptions } from '../tensor/index.js';
import { fromTypedArray, Tensor, workspace } from '../tensor/index.js';

interface GeneratorState {
  readonly key: readonly [number, number];
  readonly stream: number;
}

let state: GeneratorState = { key: [0, 0], stream: 0 };

/**
 * Seeds all random numbers of this process.
 *
 * @param seed a non-negative integer below 2^53.
 * @example
 * ```ts
 * import { manualSeed, rand } from 'hadal';
 * manualSeed(1);
 * const a = rand([3]).tolistSync();
 * manualSeed(1);
 * console.log(JSON.stringify(a) === JSON.stringify(rand([3]).tolistSync())); // true
 * ```
 */
export function manualSeed(seed: number): void {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new ArgumentError(`manualSeed: expected an integer from 0 to 2^53 - 1, got ${seed}`);
  state = { key: [seed | 0, Math.floor(seed / 2 ** 32) | 0], stream: 0 };
}

/** The state of the generator, to go on from later. */
export function getRngState(): GeneratorState {
  return state;
}

export function setRngState(saved: GeneratorState): void {
  state = saved;
}

/** The key and a stream number that no other random tensor has. */
export function nextStream(): GeneratorState {
  const now = state;
  state = { key: now.key, stream: (now.stream + 1) | 0 };
  return now;
}

/** Uniform numbers in [0, 1), float32. */
export function rand(shape: Shape, options: CreateOptions = {}): Tensor {
  checkShape('rand', shape);
  const space = workspace();
  const { key, stream } = nextStream();
  const t = Tensor.of(space, space.ops.random([...shape], key, stream));
  return options.requiresGrad ? t.requiresGrad_() : t;
}

/** Normal numbers with mean 0 and variance 1, float32; Box and Muller 1958. */
export function randn(shape: Shape, options: CreateOptions = {}): Tensor {
  checkShape('randn', shape);
  const { key, stream } = nextStream();
  const data = new Float32Array(numel(shape));
  const uniform = (i: number): number => ((threefry(key[0], key[1], i | 0, stream) >>> 0) + 0.5) / 2 ** 32;
  for (let i = 0; i < data.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(uniform(i)));
    const angle = 2 * Math.PI * uniform(i + 1);
    data[i] = radius * Math.cos(angle);
    if (i + 1 < data.length) data[i + 1] = radius * Math.sin(angle);
  }
  return fromTypedArray(data, shape, options);
}
