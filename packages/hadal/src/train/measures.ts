/** The loss and the metrics over the batches of an epoch, kept on the device. */
import { noGrad } from '../autograd/mode.js';
import type { Json } from '../io/json.js';
import { Tensor } from '../tensor/index.js';
import type { Figures } from './history.js';
import { loadAll, RunningSum, saveAll } from './metrics/accumulators.js';
import type { Metric } from './metrics/metric.js';
import { field, gather, type PartState, scatter } from './state.js';

export class Measures<Output, Target> {
  readonly #metrics: readonly Metric<Output, Target>[];
  readonly #loss = new RunningSum();
  #samples = 0;

  constructor(metrics: readonly Metric<Output, Target>[]) {
    this.#metrics = metrics;
  }

  reset(): void {
    this.#samples = 0;
    this.#loss.reset();
    for (const metric of this.#metrics) metric.reset();
  }

  /**
   * Takes in a batch, as pending graph ops: whatever runs next runs them.
   *
   * @param loss the batch's mean, null if there is no loss.
   */
  update(loss: Tensor | null, output: Output, target: Target, samples: number): void | Promise<void> {
    this.#samples += samples;
    const pending: Promise<void>[] = [];
    noGrad(() => {
      if (loss !== null) this.#loss.add(loss.ndim === 0 ? loss : loss.reshape([]), samples);
      const plain = output instanceof Tensor ? output.detach() : output;
      for (const metric of this.#metrics) {
        const later = metric.update(plain as Output, target);
        if (later instanceof Promise) pending.push(later);
      }
    });
    if (pending.length > 0) return Promise.all(pending).then(() => undefined);
  }

  /** The mean loss of a sample; NaN if there was none. */
  async loss(): Promise<number> {
    return (await this.#loss.readNumber()) / this.#samples;
  }

  /** Reads all figures, or those that are quick to compute. */
  async figures(which: 'all' | 'live', hasLoss = true): Promise<Figures> {
    const metrics = this.#metrics.filter((metric) => which === 'all' || (metric.live ?? true));
    const values = await Promise.all([
      ...(hasLoss ? [this.loss()] : []),
      ...metrics.map((metric) => metric.result()),
    ]);
    const names = [...(hasLoss ? ['loss'] : []), ...metrics.map(({ name }) => name)];
    return Object.fromEntries(names.map((name, i) => [name, values[i]]));
  }

  state(): PartState {
    const tensors = new Map<string, Tensor>();
    const values: Record<string, Json> = {};
    const loss = gather('loss', saveAll({ sum: this.#loss }, this.#samples), tensors);
    for (const metric of this.#metrics) {
      if (metric.state !== undefined)
        values[metric.name] = gather(`metric ${metric.name}`, metric.state(), tensors);
    }
    return { tensors, values: { loss, metrics: values } };
  }

  loadState({ tensors, values }: PartState): void {
    this.reset();
    this.#samples = loadAll('loss', { sum: this.#loss }, scatter('loss', tensors, field(values, 'loss')));
    for (const metric of this.#metrics) {
      const saved = field(field(values, 'metrics'), metric.name);
      // A metric that was not there when the checkpoint was saved begins with the rest of the epoch.
      if (saved !== undefined) metric.loadState?.(scatter(`metric ${metric.name}`, tensors, saved));
    }
  }
}
