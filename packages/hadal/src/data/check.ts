/** Checks of numbers that several data classes take. */
import { ArgumentError } from '../base/errors.js';

/** Most samples that a dataset can have: indices are 32-bit. */
export const mostSamples = 2 ** 32 - 1;

export function checkInteger(owner: string, what: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new ArgumentError(`${owner}: ${what} must be an integer from ${min} to ${max}, got ${value}`);
}

export function checkSeed(owner: string, seed: number): number {
  return checkInteger(owner, 'seed', seed, 0, Number.MAX_SAFE_INTEGER);
}
