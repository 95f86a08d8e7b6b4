/** One batch: forward, backward, and when enough gradients have come together the optimizer's step. */

import { clipGradNorm_ } from '../nn/utils.js';
import type { Optimizer } from '../optim/index.js';
import { replaceTensors } from '../tensor/compile/arguments.js';
import { compile, type Tensor } from '../tensor/index.js';
import type { LabelledBatch } from './batches.js';
import type { LossFunction } from './losses.js';
import type { Measures } from './measures.js';
import { call, type Model } from './model.js';

export interface StepOptions {
  readonly accumulate: number;
  readonly clipNorm: number | undefined;
  readonly compile: boolean;
}

/** What the loss counts with, and whether gradients begin anew. */
type Pass<Output> = (
  inputs: readonly Tensor[],
  target: unknown,
  share: number,
  first: boolean,
) => { readonly loss: Tensor; readonly output: Output };

export class TrainingStep<Output, Target> {
  readonly #optimizer: Optimizer;
  readonly #measures: Measures<Output, Target>;
  readonly #options: StepOptions;
  readonly #pass: Pass<Output>;
  /** Batches, samples, and samples of the first batch, of the group whose gradients are being added up. */
  #group = { batches: 0, samples: 0, first: 0 };

  constructor(
    model: Model<Output>,
    optimizer: Optimizer,
    loss: LossFunction<Output, Target>,
    measures: Measures<Output, Target>,
    options: StepOptions,
  ) {
    this.#optimizer = optimizer;
    this.#measures = measures;
    this.#options = options;
    const pass: Pass<Output> = (inputs, target, share, first) => {
      // Before the forward pass: nothing is pending then, and the gradients' memory can be used at once.
      if (first) optimizer.zeroGrad();
      const output = call(model, inputs);
      const mean = loss(output, target as Target);
      if (share === 1) mean.backward();
      else mean.mul(share).backward();
      return { loss: mean, output };
    };
    this.#pass = options.compile ? compile(this.#whole(pass)) : pass;
  }

  /** A pass for compilation: with the optimizer's step, if there is one after each batch, and with results off the tape. */
  #whole(pass: Pass<Output>): Pass<Output> {
    return (inputs, target, share, first) => {
      const { loss, output } = pass(inputs, target, share, first);
      if (this.#options.accumulate === 1) this.#step();
      return { loss: loss.detach(), output: replaceTensors(output, (t) => t.detach()) as Output };
    };
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
    const first = group.batches === 0;
    if (first) group.first = samples;
    group.batches++;
    group.samples += samples;
    const share = accumulate === 1 ? 1 : samples / (accumulate * group.first);
    const { loss, output } = this.#pass(inputs, target, share, first);
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
    const { accumulate, compile } = this.#options;
    const { samples, first } = this.#group;
    this.#group = { batches: 0, samples: 0, first: 0 };
    const expected = accumulate * first;
    // A group with fewer samples than its first batch promised has gradients that are too small.
    if (accumulate > 1 && samples !== expected && samples > 0) this.#scaleGradients(expected / samples);
    if (!(compile && accumulate === 1)) this.#step();
  }

  #step(): void {
    const { clipNorm } = this.#options;
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
