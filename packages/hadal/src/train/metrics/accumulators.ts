/**
 * Sums that live on the device. Adding is a few graph ops that run with whatever runs next (the optimizer's step); nothing is
 * read until somebody asks.
 *
 * Float sums carry their rounding error along (Kahan 1965, "Further remarks on reducing truncation errors"), so a sum over a
 * million batches is as good as one over ten; ops are never reordered, so the compensation is not optimised away.
 */
import { Value } from '../../autograd/value.js';
import { newArray } from '../../base/dtype.js';
import { FormatError } from '../../base/errors.js';
import { fromTypedArray, type Tensor, withWorkspace } from '../../tensor/index.js';
import type { PartState } from '../state.js';

/** A part of a metric's state. */
export interface Accumulator {
  reset(): void;
  /** Under names that begin with `name`. */
  save(name: string, tensors: Map<string, Tensor>): void;
  load(name: string, tensors: ReadonlyMap<string, Tensor>): void;
}

/** Zeros in memory, not as a pending constant: the first addition then runs the same plan as all others. */
function zerosFor(like: Tensor, dtype: 'float32' | 'float64' | 'int64'): Tensor {
  const { shape } = like;
  return withWorkspace(like.workspace, () => fromTypedArray(newArray(dtype, shape), shape, { dtype }));
}

/** A sum of float tensors of one shape. */
export class RunningSum implements Accumulator {
  #sum: Tensor | null = null;
  /** How much too large the sum is. */
  #excess: Tensor | null = null;

  reset(): void {
    this.#sum = null;
    this.#excess = null;
  }

  /** Adds `value` times `weight`. On values of the graph, not tensors: this runs in every step of a training. */
  add(value: Tensor, weight = 1): void {
    const dtype = value.dtype === 'float64' ? 'float64' : 'float32';
    this.#sum ??= zerosFor(value, dtype);
    this.#excess ??= zerosFor(value, dtype);
    const { ops } = value.workspace;
    const plain = (t: Tensor) => new Value(t.value.node, null);
    const [sum, excess] = [plain(this.#sum), plain(this.#excess)];
    const given = ops.cast(plain(value), dtype);
    const term =
      weight === 1 ? given : ops.arithmetic('mul', given, ops.argument(weight, dtype, given.shape));
    const rest = ops.arithmetic('sub', term, excess);
    const next = ops.arithmetic('add', sum, rest);
    this.#sum.storage.assign(next);
    this.#excess.storage.assign(ops.arithmetic('sub', ops.arithmetic('sub', next, sum), rest));
  }

  /** The elements of the sum; none before the first `add`. */
  async read(): Promise<number[]> {
    if (this.#sum === null || this.#excess === null) return [];
    const [sum, excess] = [await this.#sum.data(), await this.#excess.data()];
    return Array.from<number | bigint, number>(sum, (element, i) => Number(element) - Number(excess[i]));
  }

  /** The sum of a tensor of one element; 0 before the first `add`. */
  async readNumber(): Promise<number> {
    return (await this.read())[0] ?? 0;
  }

  save(name: string, tensors: Map<string, Tensor>): void {
    if (this.#sum === null || this.#excess === null) return;
    tensors.set(name, this.#sum);
    tensors.set(`${name}.excess`, this.#excess);
  }

  load(name: string, tensors: ReadonlyMap<string, Tensor>): void {
    this.#sum = copied(tensors.get(name));
    this.#excess = copied(tensors.get(`${name}.excess`));
  }
}

/** A sum of integers of one shape; bools count. Exact. */
export class RunningCount implements Accumulator {
  #sum: Tensor | null = null;

  reset(): void {
    this.#sum = null;
  }

  /** Adds an int64 tensor. */
  add(value: Tensor): void {
    this.#sum ??= zerosFor(value, 'int64');
    this.#sum.add_(value);
  }

  async read(): Promise<number[]> {
    return this.#sum === null ? [] : Array.from<number | bigint>(await this.#sum.data()).map(Number);
  }

  async readNumber(): Promise<number> {
    return (await this.read())[0] ?? 0;
  }

  save(name: string, tensors: Map<string, Tensor>): void {
    if (this.#sum !== null) tensors.set(name, this.#sum);
  }

  load(name: string, tensors: ReadonlyMap<string, Tensor>): void {
    this.#sum = copied(tensors.get(name));
  }
}

function copied(tensor: Tensor | undefined): Tensor | null {
  return tensor === undefined ? null : tensor.detach().clone();
}

/** The state of several accumulators and of a host count. */
export function saveAll(parts: { readonly [name: string]: Accumulator }, count: number): PartState {
  const tensors = new Map<string, Tensor>();
  for (const [name, part] of Object.entries(parts)) part.save(name, tensors);
  return { tensors, values: count };
}

/** @throws FormatError if the state is none that `saveAll` made. */
export function loadAll(
  owner: string,
  parts: { readonly [name: string]: Accumulator },
  state: PartState,
): number {
  if (typeof state.values !== 'number')
    throw new FormatError(`${owner}: the saved state has no number of samples, so it is none of this metric`);
  for (const [name, part] of Object.entries(parts)) part.load(name, state.tensors);
  return state.values;
}
