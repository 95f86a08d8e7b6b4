/** Tensors as JavaScript hands them over: what is none is refused where it is given, by name, and not where its fields are read. */
import type { Value } from '../autograd/value.js';
import { ArgumentError } from '../base/errors.js';
import { TensorBase } from './base.js';

/** What was given in another's place, and what to do about it. */
function instead(given: unknown): string {
  if (given === undefined) return 'nothing';
  if (given instanceof TensorBase) return 'a tensor';
  if (Array.isArray(given) || ArrayBuffer.isView(given)) return 'an array; make one of it with tensor(...)';
  if (given instanceof Promise) return 'a promise; await it';
  if (typeof given === 'number' || typeof given === 'boolean')
    return `${given}; make one of it with tensor(...)`;
  if (typeof given === 'string') return `the string '${given}'`;
  if (typeof given !== 'object' || given === null) return given === null ? 'null' : `a ${typeof given}`;
  if ('storage' in given && 'dtype' in given)
    return 'a tensor of another copy of hadal: two are loaded here; install it once';
  return `an object with ${Object.keys(given).slice(0, 5).join(', ') || 'no fields'}; take the tensor out of it`;
}

/** @throws ArgumentError unless `given` is a tensor. */
export function checkTensor(op: string, what: string, given: unknown): void {
  if (given instanceof TensorBase) return;
  throw new ArgumentError(`${op}: ${what} is a tensor, got ${instead(given)}`);
}

/** @throws ArgumentError unless `given` is a tensor. */
export function tensorOf<T extends TensorBase>(op: string, given: T): T {
  if (given instanceof TensorBase) return given;
  throw new ArgumentError(`${op}: expected a tensor, got ${instead(given)}`);
}

/**
 * The value of a tensor that an op is given beside its own.
 *
 * @throws ArgumentError if it is no tensor.
 */
export function tensorValue(op: string, given: TensorBase): Value {
  return tensorOf(op, given).value;
}

/** How parameters are named that are not called what they are. */
const NAMES: Readonly<Record<string, string>> = {
  x: 'the input',
  logits: 'the input',
  logProbabilities: 'the input',
  indices: 'the list of indices',
};

/** @throws ArgumentError unless all of `given` are tensors, and options an object; the message names the one that is not. */
export function checkTensors(
  op: string,
  given: Readonly<Record<string, unknown>>,
  options: object = {},
): void {
  optionsOf(op, options);
  for (const name in given) {
    checkTensor(op, NAMES[name] ?? `the ${name}`, given[name]);
  }
}

/** @throws ArgumentError unless `options` is an object, as null is not. */
export function optionsOf<T extends object>(op: string, options: T): T {
  if (typeof options === 'object' && options !== null) return options;
  throw new ArgumentError(`${op}: options are an object, got ${String(options)}`);
}

/** The same where no tensor is asked for. */
function kindOf(given: unknown): string {
  if (given instanceof TensorBase) return 'a tensor';
  if (given === null || given === undefined) return String(given);
  return typeof given === 'object' ? 'an object' : `${typeof given} ${String(given)}`;
}

/** @throws ArgumentError unless `given` is a list of `what`. */
export function listOf<T>(op: string, what: string, given: readonly T[]): readonly T[] {
  if (Array.isArray(given)) return given;
  throw new ArgumentError(`${op}: expected a list of ${what}, got ${kindOf(given)}`);
}

/** @throws ArgumentError unless all of a list are tensors. */
export function tensorsOf<T extends TensorBase>(op: string, given: readonly T[]): readonly T[] {
  for (const t of listOf(op, 'tensors', given)) tensorOf(op, t);
  return given;
}

/** @throws ArgumentError unless `given` is a number. */
export function numberOf(op: string, name: string, given: number): number {
  if (typeof given === 'number') return given;
  throw new ArgumentError(`${op}: ${name} is a number, got ${kindOf(given)}`);
}
