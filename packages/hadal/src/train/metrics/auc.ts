/** The area under the receiver operating characteristic. */
import { ShapeError } from '../../base/errors.js';
import { showShape } from '../../base/shape.js';
import type { Tensor } from '../../tensor/index.js';
import type { PartState } from '../state.js';
import { aligned } from './decisions.js';
import type { Metric } from './metric.js';

/**
 * The probability that a random positive sample scores higher than a random negative one, ties counting half. Exact: all scores
 * are kept (8 bytes a sample) and sorted when the result is asked for, so the progress line leaves it out.
 *
 * `update` takes scores [N] or [N, 1], probabilities or logits, or two classes' scores [N, 2], and truths 0 and 1. NaN if a class
 * is missing.
 *
 * @throws ShapeError from `update` if the two do not fit.
 *
 * @example
 * ```ts
 * import { metrics, tensor } from 'hadal';
 * const auc = new metrics.AUC();
 * auc.update(tensor([0.1, 0.4, 0.35, 0.8]), tensor([0, 0, 1, 1]));
 * console.log(await auc.result()); // 0.75
 * ```
 */
export class AUC implements Metric {
  readonly name: string;
  readonly live = false;
  #batches: { readonly scores: Tensor; readonly truths: Tensor }[] = [];

  constructor(options: { readonly name?: string } = {}) {
    this.name = options.name ?? 'auc';
  }

  reset(): void {
    this.#batches = [];
  }

  update(output: Tensor, target: Tensor): void {
    const pair = output.ndim === 2 && output.shape[1] === 2 && target.numel() === output.shape[0];
    const single = pair ? output.select(1, 1).sub(output.select(1, 0)) : output;
    if (single.ndim > 1 && single.numel() !== single.shape[0]) {
      throw new ShapeError(
        `${this.name}: expected one score a sample, [N] or [N, 1], or two, [N, 2], got ${showShape(output.shape)}`,
      );
    }
    const [scores, truths] = aligned(this.name, single, target);
    // Copies with memory of their own: the output itself may be fused away.
    this.#batches.push({
      scores: scores.to('float32').reshape([-1]).clone(),
      truths: truths.to('float32').reshape([-1]).clone(),
    });
  }

  async result(): Promise<number> {
    const { scores, truths } = await this.#read();
    const order = new Uint32Array(scores.length);
    for (let i = 0; i < order.length; i++) order[i] = i;
    order.sort((a, b) => scores[a] - scores[b]);
    let [positives, rankSum] = [0, 0];
    for (let start = 0; start < order.length; ) {
      let end = start;
      let here = 0;
      for (; end < order.length && scores[order[end]] === scores[order[start]]; end++) {
        if (truths[order[end]] > 0.5) here++;
      }
      // NaN equals nothing, not even itself.
      if (end === start) return Number.NaN;
      // Ranks from 1; equal scores share the mean of theirs.
      rankSum += (here * (start + 1 + end)) / 2;
      positives += here;
      start = end;
    }
    const negatives = order.length - positives;
    return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
  }

  async #read(): Promise<{ scores: Float32Array; truths: Float32Array }> {
    const total = this.#batches.reduce((sum, { scores }) => sum + scores.numel(), 0);
    const out = { scores: new Float32Array(total), truths: new Float32Array(total) };
    let at = 0;
    for (const { scores, truths } of this.#batches) {
      out.scores.set(Float32Array.from(await scores.data(), Number), at);
      out.truths.set(Float32Array.from(await truths.data(), Number), at);
      at += scores.numel();
    }
    return out;
  }

  state(): PartState {
    const tensors = this.#batches.flatMap(({ scores, truths }, i): [string, Tensor][] => [
      [`scores.${i}`, scores],
      [`truths.${i}`, truths],
    ]);
    return { tensors: new Map(tensors), values: this.#batches.length };
  }

  loadState({ tensors, values }: PartState): void {
    this.#batches = Array.from({ length: Number(values) }, (_, i) => {
      const [scores, truths] = [tensors.get(`scores.${i}`), tensors.get(`truths.${i}`)];
      if (scores === undefined || truths === undefined)
        throw new ShapeError(`${this.name}: the saved state lacks the scores of batch ${i}`);
      return { scores, truths };
    });
  }
}
