/** One batch: forward, backward, and when enough gradients have come together the optimizer's step. */

import { clipGradNorm_ } from '../nn/utils.js';
import type { Optimizer } from '../optim/index.js';
import type { Tensor } from '../tensor/index.js';
import type { LabelledBatch } from './batches.js';
import type { LossFunction } from './losses.js';
import type { Measures } from './measures.js';
import { call, type Model } from './model.js';

export interface StepOptions {
  readonly accumulate: number;
  readonly clipNorm: number | undefined;
}

export class TrainingStep<Output, Target> {
  readonly #model: Model<Output>;
  readonly #optimizer: Optimizer;
  readonly #loss: LossFunction<Output, Target>;
  readonly #measures: Measures<Output, Target>;
  readonly #options: StepOptions;
  /** Batches, samples, and samples of the first batch, of the group whose gradients are being added up. */
  #group = { batches: 0, samples: 0, first: 0 };

  constructor(
    model: Model<Output>,
    optimizer: Optimizer,
    loss: LossFunction<Output, Target>,
    measures: Measures<Output, Target>,
    options: StepOptions,
  ) {
    this.#model = model;
    this.#optimizer = optimizer;
    this.#loss = loss;
    this.#measures = measures;
    this.#options = options;
  }

  /** Whether gradients wait for further batches. */
  get open(): boolean {
    return this.#group.batches > 0;
  }

  /**
   * Takes in a batch. Its gradients count in proportion to its samples, as if the group were one batch.
   *
   * @returns a promise only if a metric is asynchronous.
   */
  run({ inputs, target, samples }: LabelledBatch): void | Promise<void> {
    const { accumulate } = this.#options;
    const group = this.#group;
    // Before the forward pass: nothing is pending then, and the gradients' memory can be used at once.
    if (group.batches === 0) {
      this.#optimizer.zeroGrad();
      group.first = samples;
    }
    group.batches++;
    group.samples += samples;
    const output = call(this.#model, inputs);
    const loss = this.#loss(output, target as Target);
    if (accumulate === 1) loss.backward();
    else loss.mul(samples / (accumulate * group.first)).backward();
    // Before the optimizer's step, which then runs all in one: afterwards what the sums are made from would be overwritten.
    const later = this.#measures.update(loss, output, target as Target, samples);
    return later === undefined ? this.#settle(loss) : later.then(() => this.#settle(loss));
  }

  #settle(loss: Tensor): void {
    if (this.#group.batches === this.#options.accumulate) this.finish();
    else loss.workspace.engine.realize([]);
  }

  /** The optimizer's step with the gradients that have come together. */
  finish(): void {
    const { accumulate, clipNorm } = this.#options;
    const { samples, first } = this.#group;
    this.#group = { batches: 0, samples: 0, first: 0 };
    const expected = accumulate * first;
    // A group with fewer samples than its first batch promised has gradients that are too small.
    if (accumulate > 1 && samples !== expected && samples > 0) this.#scaleGradients(expected / samples);
    if (clipNorm !== undefined) clipGradNorm_(this.#optimizer.parameters, clipNorm);
    this.#optimizer.step();
  }

  #scaleGradients(factor: number): void {
    for (const parameter of this.#optimizer.parameters) {
      const { grad } = parameter;
      if (grad !== null) parameter.grad = grad.detach().mul(factor);
    }
  }
}
