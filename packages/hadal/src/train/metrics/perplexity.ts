/** How many equally likely tokens a language model hesitates between. */
import { ShapeError } from '../../base/errors.js';
import { showShape } from '../../base/shape.js';
import type { Tensor } from '../../tensor/index.js';
import { RunningCount, RunningSum } from './accumulators.js';
import { classNumbers } from './decisions.js';
import { RunningMetric } from './running-metric.js';

/**
 * The exponential of the mean negative log likelihood of the targets under the softmax of the logits.
 *
 * `update` takes logits [N, C, ...] and class numbers [N, ...].
 *
 * @throws ShapeError from `update` if the two do not fit.
 *
 * @example
 * ```ts
 * import { metrics, tensor, zeros } from 'hadal';
 * const perplexity = new metrics.Perplexity();
 * perplexity.update(zeros([2, 10]), tensor([3n, 7n]));
 * console.log((await perplexity.result()).toFixed(3)); // 10.000
 * ```
 */
export class Perplexity extends RunningMetric {
  readonly #sum: RunningSum;
  readonly #tokens: RunningCount;
  readonly #ignoreIndex: number | undefined;

  /** @param options.ignoreIndex a target that does not count, such as that of padding. */
  constructor(options: { readonly ignoreIndex?: number; readonly name?: string } = {}) {
    const parts = { sum: new RunningSum(), tokens: new RunningCount() };
    super(options.name ?? 'perplexity', parts);
    this.#sum = parts.sum;
    this.#tokens = parts.tokens;
    this.#ignoreIndex = options.ignoreIndex;
  }

  override update(output: Tensor, target: Tensor): void {
    if (output.ndim < 2) {
      throw new ShapeError(`${this.name}: logits have shape [N, C, ...], got ${showShape(output.shape)}`);
    }
    const classes = classNumbers(this.name, output, target);
    const counts = this.#ignoreIndex === undefined ? null : classes.ne(this.#ignoreIndex);
    // An ignored target may be no class at all; class 0 stands in for it.
    const looked = counts === null ? classes : classes.where(counts, 0);
    const own = output.logSoftmax(1).gather(1, looked.unsqueeze(1)).squeeze(1);
    this.#sum.add((counts === null ? own : own.where(counts, 0)).sum());
    if (counts !== null) this.#tokens.add(counts.sum());
    this.count += classes.numel();
  }

  override async result(): Promise<number> {
    const tokens = this.#ignoreIndex === undefined ? this.count : await this.#tokens.readNumber();
    return Math.exp(-(await this.#sum.readNumber()) / tokens);
  }
}
