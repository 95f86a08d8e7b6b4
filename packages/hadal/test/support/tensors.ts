/** Small tensors that many tests need, and their values as plain numbers. */
import { randn, type Tensor, tensor } from '../../src/index.js';

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
