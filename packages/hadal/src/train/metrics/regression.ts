/** Figures of outputs that are numbers. */
import { ShapeError } from '../../base/errors.js';
import { numel, sameShape, showShape } from '../../base/shape.js';
import type { Tensor } from '../../tensor/index.js';
import type { PartState } from '../state.js';
import { RunningSum } from './accumulators.js';
import { aligned } from './decisions.js';
import { RunningMetric } from './running-metric.js';

export interface RegressionOptions {
  readonly name?: string;
}

/** Both as floats of one shape. */
function numbers(name: string, output: Tensor, target: Tensor): readonly [Tensor, Tensor] {
  const [a, b] = aligned(name, output, target);
  return [a, b.to(a.dtype)];
}

/** A mean over all elements. */
abstract class ErrorMetric extends RunningMetric {
  readonly #sum: RunningSum;

  constructor(name: string, options: RegressionOptions) {
    const sum = new RunningSum();
    super(options.name ?? name, { sum });
    this.#sum = sum;
  }

  /** What is averaged, in the shape of the difference. */
  protected abstract error(difference: Tensor): Tensor;

  override update(output: Tensor, target: Tensor): void {
    const [a, b] = numbers(this.name, output, target);
    this.#sum.add(this.error(a.sub(b)).sum());
    this.count += numel(a.shape);
  }

  override async result(): Promise<number> {
    return (await this.#sum.readNumber()) / this.count;
  }
}

/** The mean of |output - target| over all elements. */
export class MeanAbsoluteError extends ErrorMetric {
  constructor(options: RegressionOptions = {}) {
    super('meanAbsoluteError', options);
  }

  protected override error(difference: Tensor): Tensor {
    return difference.abs();
  }
}

/** The mean of (output - target)^2 over all elements. */
export class MeanSquaredError extends ErrorMetric {
  constructor(options: RegressionOptions = {}) {
    super('meanSquaredError', options);
  }

  protected override error(difference: Tensor): Tensor {
    return difference.square();
  }
}

/**
 * The root of the mean of (output - target)^2 over all elements, in the unit of the target.
 *
 * @throws ShapeError from `update` if output and target do not have the same shape, except for sizes of 1.
 *
 * @example
 * ```ts
 * import { metrics, tensor } from 'hadal';
 * const rmse = new metrics.RootMeanSquaredError();
 * rmse.update(tensor([1, 2]), tensor([1, 2]));
 * rmse.update(tensor([3, 4]), tensor([5, 2]));
 * console.log((await rmse.result()).toFixed(4)); // 1.4142
 * ```
 */
export class RootMeanSquaredError extends ErrorMetric {
  constructor(options: RegressionOptions = {}) {
    super('rootMeanSquaredError', options);
  }

  protected override error(difference: Tensor): Tensor {
    return difference.square();
  }

  override async result(): Promise<number> {
    return Math.sqrt(await super.result());
  }
}

/**
 * The coefficient of determination, 1 - sum (y - output)^2 / sum (y - mean y)^2, for each column of [N, ...] and then averaged
 * over the columns. A column whose target is constant counts 0, or 1 if it is met exactly.
 *
 * Targets are measured from the mean of the first batch: squares of numbers far from 0 would leave no digits for their spread.
 *
 * @throws ShapeError from `update` if the shapes do not fit, or differ between batches.
 */
export class R2 extends RunningMetric {
  readonly #residual: RunningSum;
  readonly #sum: RunningSum;
  readonly #squares: RunningSum;
  #origin: Tensor | null = null;

  constructor(options: RegressionOptions = {}) {
    const parts = { residual: new RunningSum(), sum: new RunningSum(), squares: new RunningSum() };
    super(options.name ?? 'r2', parts);
    this.#residual = parts.residual;
    this.#sum = parts.sum;
    this.#squares = parts.squares;
  }

  override update(output: Tensor, target: Tensor): void {
    const [all, truth] = numbers(this.name, output, target);
    const samples = all.ndim === 0 ? 1 : all.shape[0];
    const a = all.reshape([samples, -1]);
    const b = truth.reshape(a.shape);
    if (samples === 0) return;
    this.#origin ??= b.mean(0).keep();
    if (!sameShape(this.#origin.shape, a.shape.slice(1))) {
      throw new ShapeError(
        `${this.name}: earlier batches had ${this.#origin.numel()} columns, this one has ${showShape(all.shape)}`,
      );
    }
    const shifted = b.sub(this.#origin);
    this.#residual.add(b.sub(a).square().sum(0));
    this.#sum.add(shifted.sum(0));
    this.#squares.add(shifted.square().sum(0));
    this.count += samples;
  }

  override async result(): Promise<number> {
    const residual = await this.#residual.read();
    const sum = await this.#sum.read();
    const squares = await this.#squares.read();
    const columns = residual.map((rest, i) => {
      const spread = squares[i] - sum[i] ** 2 / this.count;
      if (spread > 0) return 1 - rest / spread;
      return rest === 0 ? 1 : 0;
    });
    return columns.reduce((a, b) => a + b, 0) / columns.length;
  }

  override reset(): void {
    super.reset();
    this.#origin = null;
  }

  override state(): PartState {
    const { tensors, values } = super.state();
    return {
      tensors: this.#origin === null ? tensors : new Map([...tensors, ['origin', this.#origin]]),
      values,
    };
  }

  override loadState(state: PartState): void {
    super.loadState(state);
    this.#origin = state.tensors.get('origin')?.detach().clone() ?? null;
  }
}

/** Below this a vector's length counts as this, as in PyTorch's cosine similarity. */
const shortest = 1e-8;

/** The mean over samples of the cosine between output and target along the last dimension. */
export class CosineSimilarity extends RunningMetric {
  readonly #sum: RunningSum;

  constructor(options: RegressionOptions = {}) {
    const sum = new RunningSum();
    super(options.name ?? 'cosineSimilarity', { sum });
    this.#sum = sum;
  }

  override update(output: Tensor, target: Tensor): void {
    const [a, b] = numbers(this.name, output, target);
    if (a.ndim === 0) throw new ShapeError(`${this.name}: expected vectors, got ${showShape(a.shape)}`);
    const length = (t: Tensor) => {
      const l = t.square().sum(-1).sqrt();
      return l.where(l.gt(shortest), shortest);
    };
    this.#sum.add(
      a
        .mul(b)
        .sum(-1)
        .div(length(a).mul(length(b)))
        .sum(),
    );
    this.count += numel(a.shape.slice(0, -1));
  }

  override async result(): Promise<number> {
    return (await this.#sum.readNumber()) / this.count;
  }
}
