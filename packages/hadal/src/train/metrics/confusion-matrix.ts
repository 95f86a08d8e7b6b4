/** Which class is taken for which. */
import { HadalError } from '../../base/errors.js';
import type { Tensor } from '../../tensor/index.js';
import { RunningCount } from './accumulators.js';
import { rowsOf } from './class-counts.js';
import { type DecisionOptions, decide } from './decisions.js';
import { RunningMetric } from './running-metric.js';

/** Counts in one batch stay exact in float32 below this. */
const mostInBatch = 2 ** 24;

/**
 * How often each class was taken for each: row = true class, column = decision. `result` is the share on the diagonal, the
 * accuracy; `matrix` has the counts.
 *
 * @throws ShapeError from `update` if output and target do not fit; see `Accuracy` for the shapes.
 *
 * @example
 * ```ts
 * import { metrics, tensor } from 'hadal';
 * const confusion = new metrics.ConfusionMatrix();
 * confusion.update(tensor([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]), tensor([0n, 1n, 1n]));
 * console.log(await confusion.matrix()); // [ [ 1, 0 ], [ 1, 1 ] ]
 * ```
 */
export class ConfusionMatrix extends RunningMetric {
  readonly #counts: RunningCount;
  readonly #options: DecisionOptions;

  constructor(options: DecisionOptions & { readonly name?: string } = {}) {
    const counts = new RunningCount();
    super(options.name ?? 'confusionMatrix', { counts });
    this.#counts = counts;
    this.#options = options;
  }

  override update(output: Tensor, target: Tensor): void {
    const decisions = decide(this.name, output, target, this.#options);
    const samples = decisions.predicted.shape[0];
    if (samples > mostInBatch) {
      throw new HadalError(`${this.name}: a batch has at most ${mostInBatch} decisions, got ${samples}`);
    }
    const [predicted, actual] = rowsOf(decisions);
    this.#counts.add(actual.to('float32').t().matmul(predicted.to('float32')).to('int64'));
    this.count += samples;
  }

  /** [true class][decision] */
  async matrix(): Promise<number[][]> {
    const flat = await this.#counts.read();
    const classes = Math.sqrt(flat.length);
    return Array.from({ length: classes }, (_, row) => flat.slice(row * classes, (row + 1) * classes));
  }

  override async result(): Promise<number> {
    const matrix = await this.matrix();
    return matrix.reduce((sum, row, i) => sum + row[i], 0) / this.count;
  }
}
