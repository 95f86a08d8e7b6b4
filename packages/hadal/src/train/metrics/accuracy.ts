/** Shares of right decisions. */
import { ArgumentError, ShapeError } from '../../base/errors.js';
import { showShape } from '../../base/shape.js';
import { arange, type Tensor, withWorkspace } from '../../tensor/index.js';
import { RunningCount } from './accumulators.js';
import { classNumbers, type DecisionOptions, decide } from './decisions.js';
import { RunningMetric } from './running-metric.js';

/**
 * The share of samples whose decision is right: the class with the largest score, or for a single output whether it is above
 * the threshold.
 *
 * `update` takes scores [N, C, ...] with class numbers [N, ...] or scores of the same shape, or outputs [N] or [N, 1] with truths
 * 0 and 1. `fit` sets the threshold to 0 if the loss is one of logits.
 *
 * @throws ShapeError from `update` if the two do not fit.
 *
 * @example
 * ```ts
 * import { metrics, tensor } from 'hadal';
 * const accuracy = new metrics.Accuracy();
 * accuracy.update(tensor([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]), tensor([0n, 1n, 1n]));
 * console.log((await accuracy.result()).toFixed(4)); // 0.6667
 * ```
 */
export class Accuracy extends RunningMetric {
  readonly #hits: RunningCount;
  readonly #options: DecisionOptions;

  constructor(options: DecisionOptions & { readonly name?: string } = {}) {
    const hits = new RunningCount();
    super(options.name ?? 'accuracy', { hits });
    this.#hits = hits;
    this.#options = options;
  }

  override update(output: Tensor, target: Tensor): void {
    const { predicted, actual } = decide(this.name, output, target, this.#options);
    this.#hits.add(predicted.eq(actual).sum());
    this.count += predicted.shape[0];
  }

  override async result(): Promise<number> {
    return (await this.#hits.readNumber()) / this.count;
  }
}

/**
 * The share of samples whose class is among the `k` with the largest scores. Of equal scores the class with the lower number
 * comes first, as in `argmax`.
 *
 * @throws ArgumentError if k is not a positive integer; ShapeError from `update` if scores [N, C, ...] and classes do not fit.
 *
 * @example
 * ```ts
 * import { metrics, tensor } from 'hadal';
 * const top2 = new metrics.TopKAccuracy({ k: 2 });
 * top2.update(tensor([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), tensor([1n, 2n]));
 * console.log(top2.name, await top2.result()); // top2Accuracy 0.5
 * ```
 */
export class TopKAccuracy extends RunningMetric {
  readonly k: number;
  readonly #hits: RunningCount;

  constructor(options: { readonly k?: number; readonly name?: string } = {}) {
    const k = options.k ?? 5;
    const hits = new RunningCount();
    super(options.name ?? `top${k}Accuracy`, { hits });
    if (!Number.isInteger(k) || k < 1)
      throw new ArgumentError(`TopKAccuracy: k is a positive integer, got ${k}`);
    this.k = k;
    this.#hits = hits;
  }

  override update(output: Tensor, target: Tensor): void {
    if (output.ndim < 2) {
      throw new ShapeError(`${this.name}: scores have shape [N, C, ...], got ${showShape(output.shape)}`);
    }
    const actual = classNumbers(this.name, output, target).unsqueeze(1);
    const own = output.gather(1, actual);
    const numbers = withWorkspace(output.workspace, () => arange(output.shape[1])).reshape([
      1,
      output.shape[1],
      ...output.shape.slice(2).map(() => 1),
    ]);
    const before = output.gt(own).logicalOr(output.eq(own).logicalAnd(numbers.lt(actual)));
    this.#hits.add(before.sum(1).lt(this.k).sum());
    this.count += actual.numel();
  }

  override async result(): Promise<number> {
    return (await this.#hits.readNumber()) / this.count;
  }
}
