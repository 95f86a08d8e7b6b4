/** A metric from a function of a batch. */
import { ArgumentError } from '../../base/errors.js';
import { Tensor } from '../../tensor/index.js';
import type { PartState } from '../state.js';
import { loadAll, RunningSum, saveAll } from './accumulators.js';
import type { Metric } from './metric.js';

/**
 * The mean of what a function gives for each batch: a tensor of one element is that of the batch's mean and counts once a sample
 * (`samplesOf` tells how many there are), a larger one has a value a sample and its elements count once each.
 */
export class MeanMetric<Output = Tensor, Target = Tensor> implements Metric<Output, Target> {
  readonly name: string;
  readonly #fn: (output: Output, target: Target) => Tensor;
  readonly #sum = new RunningSum();
  #count = 0;

  constructor(name: string, fn: (output: Output, target: Target) => Tensor) {
    this.name = name;
    this.#fn = fn;
  }

  reset(): void {
    this.#count = 0;
    this.#sum.reset();
  }

  update(output: Output, target: Target): void {
    const value = this.#fn(output, target);
    if (!(value instanceof Tensor))
      throw new ArgumentError(`${this.name}: a metric's function gives a tensor, got ${typeof value}`);
    const elements = value.numel();
    const samples = elements === 1 ? samplesOf(target) : elements;
    if (elements === 1) this.#sum.add(value.reshape([]), samples);
    else this.#sum.add(value.to('float32').sum());
    this.#count += samples;
  }

  async result(): Promise<number> {
    return (await this.#sum.readNumber()) / this.#count;
  }

  state(): PartState {
    return saveAll({ sum: this.#sum }, this.#count);
  }

  loadState(state: PartState): void {
    this.#count = loadAll(this.name, { sum: this.#sum }, state);
  }
}

function samplesOf(target: unknown): number {
  if (target instanceof Tensor) return target.ndim === 0 ? 1 : target.shape[0];
  return Array.isArray(target) && target.length > 0 ? samplesOf(target[0]) : 1;
}
