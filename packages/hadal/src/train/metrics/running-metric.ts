/** A metric made of accumulators and a number of samples. */
import type { Tensor } from '../../tensor/index.js';
import type { PartState } from '../state.js';
import { type Accumulator, loadAll, saveAll } from './accumulators.js';
import type { Metric } from './metric.js';

export abstract class RunningMetric implements Metric {
  readonly name: string;
  /** How many samples, elements or whatever the metric is a mean of there were. */
  protected count = 0;
  readonly #parts: { readonly [name: string]: Accumulator };

  constructor(name: string, parts: { readonly [name: string]: Accumulator }) {
    this.name = name;
    this.#parts = parts;
  }

  abstract update(output: Tensor, target: Tensor): void;
  abstract result(): Promise<number>;

  reset(): void {
    this.count = 0;
    for (const part of Object.values(this.#parts)) part.reset();
  }

  state(): PartState {
    return saveAll(this.#parts, this.count);
  }

  loadState(state: PartState): void {
    this.count = loadAll(this.name, this.#parts, state);
  }
}
