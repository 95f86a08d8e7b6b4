/** Tensors as JavaScript hands them over: what is none is refused where it is given, by name, and not where its fields are read. */
import type { Value } from '../autograd/value.js';
import { ArgumentError } from '../base/errors.js';
import { TensorBase } from './base.js';

function describe(given: unknown): string {
  if (given === null) return 'null';
  if (Array.isArray(given)) return 'an array; tensor(array) makes a tensor of it';
  if (ArrayBuffer.isView(given)) return 'a typed array; fromTypedArray(array, shape) makes a tensor of it';
  if (typeof given === 'number' || typeof given === 'bigint' || typeof given === 'boolean')
    return `${given}; tensor(${given}) makes a tensor of it`;
  if (typeof given === 'string') return `the string '${given}'`;
  if (typeof given === 'object' && 'storage' in given && 'dtype' in given)
    return 'a tensor of another copy of hadal; this process has loaded two, have one of them installed only once';
  return typeof given === 'object' ? 'an object' : String(typeof given);
}

/** @throws ArgumentError unless `given` is a tensor. */
export function tensorOf<T extends TensorBase>(op: string, given: T): T {
  if (given instanceof TensorBase) return given;
  throw new ArgumentError(`${op}: expected a tensor, got ${describe(given)}`);
}

/**
 * The value of a tensor that an op is given beside its own.
 *
 * @throws ArgumentError if it is no tensor.
 */
export function tensorValue(op: string, given: TensorBase): Value {
  return tensorOf(op, given).value;
}

/** @throws ArgumentError unless all of `given` are tensors, and options an object; the message names the one that is not. */
export function checkTensors(
  op: string,
  given: Readonly<Record<string, unknown>>,
  options: object = {},
): void {
  optionsOf(op, options);
  for (const name in given) {
    if (given[name] instanceof TensorBase) continue;
    throw new ArgumentError(`${op}: ${name} is a tensor, got ${describe(given[name])}`);
  }
}

/** @throws ArgumentError unless `options` is an object, as null is not. */
export function optionsOf<T extends object>(op: string, options: T): T {
  if (typeof options === 'object' && options !== null) return options;
  throw new ArgumentError(`${op}: options are an object, got ${describe(options)}`);
}

/** @throws ArgumentError unless `given` is a list of `what`. */
export function listOf<T>(op: string, what: string, given: readonly T[]): readonly T[] {
  if (Array.isArray(given)) return given;
  throw new ArgumentError(
    `${op}: expected a list of ${what}, got ${given instanceof TensorBase ? 'a tensor' : describe(given)}`,
  );
}

/** @throws ArgumentError unless all of a list are tensors. */
export function tensorsOf<T extends TensorBase>(op: string, given: readonly T[]): readonly T[] {
  for (const t of listOf(op, 'tensors', given)) tensorOf(op, t);
  return given;
}

/** @throws ArgumentError unless `given` is a number. */
export function numberOf(op: string, name: string, given: number): number {
  if (typeof given === 'number') return given;
  throw new ArgumentError(
    `${op}: ${name} is a number, got ${given instanceof TensorBase ? 'a tensor' : describe(given)}`,
  );
}
