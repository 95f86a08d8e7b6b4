/** Small tensors that many tests need, and their values as plain numbers. */
import { fromTypedArray, randn, type Tensor, tensor } from '../../src/index.js';

/** All elements in row-major order. */
export function numbers(t: Tensor): number[] {
  return Array.from(t.dataSync(), Number);
}

/** Random numbers that are already in memory: what made them is no part of what a test looks at. */
export function inMemory(...shape: number[]): Tensor {
  const t = randn(shape);
  t.dataSync();
  return t;
}

/** A class for each of `n` samples, in turns. */
export function labels(n: number, classes: number): Tensor {
  return tensor(Array.from({ length: n }, (_, i) => BigInt(i % classes)));
}

/** Multiples of 1/16 from -2 on, which small sums of products do not round. */
export function exactNumbers(n: number, seed: number): Float32Array {
  return Float32Array.from({ length: n }, (_, i) => (((i * 37 + seed * 11) % 64) - 32) / 16);
}

/** A leaf of such numbers that wants a gradient. */
export function exactLeaf(shape: readonly number[], seed: number): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  return fromTypedArray(exactNumbers(n, seed), shape, { requiresGrad: true });
}
