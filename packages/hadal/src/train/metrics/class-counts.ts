/**
 * Precision, recall and F1, from how often each class was decided, was true, and was both. Nothing but counts is kept, so the
 * figures are exact over any batches.
 */
import { ArgumentError, ShapeError } from '../../base/errors.js';
import { arange, type Tensor, withWorkspace } from '../../tensor/index.js';
import { RunningCount } from './accumulators.js';
import { type DecisionOptions, type Decisions, decide } from './decisions.js';
import { RunningMetric } from './running-metric.js';

/**
 * How figures of classes become one: 'binary' is that of class 1; 'macro' is the mean over the classes that occur among truths or
 * decisions; 'micro' counts all classes together; 'weighted' is the mean weighted by how often a class is true.
 */
export type Average = 'binary' | 'macro' | 'micro' | 'weighted';

export interface ClassCountOptions extends DecisionOptions {
  /** Default: 'binary' for a single output, 'macro' for several classes. */
  readonly average?: Average;
  readonly name?: string;
}

/** Counts of one class. */
interface Counts {
  /** Decided and true. */
  readonly hits: number;
  readonly predicted: number;
  readonly actual: number;
}

/** One row a sample with a 1 in the column of its class: bool [N, C]. */
export function oneHot(classes: Tensor, count: number): Tensor {
  const numbers = withWorkspace(classes.workspace, () => arange(count));
  return classes.unsqueeze(1).eq(numbers.unsqueeze(0));
}

/** Rows for `oneHot` of both tasks. */
export function rowsOf(decisions: Decisions): readonly [predicted: Tensor, actual: Tensor] {
  const { predicted, actual, classes } = decisions;
  return [oneHot(predicted.to('int64'), classes), oneHot(actual.to('int64'), classes)];
}

abstract class ClassCountMetric extends RunningMetric {
  readonly #hits: RunningCount;
  readonly #predicted: RunningCount;
  readonly #actual: RunningCount;
  readonly #options: ClassCountOptions;
  #task: Decisions['task'] | null = null;

  constructor(name: string, options: ClassCountOptions) {
    const parts = { hits: new RunningCount(), predicted: new RunningCount(), actual: new RunningCount() };
    super(options.name ?? name, parts);
    this.#hits = parts.hits;
    this.#predicted = parts.predicted;
    this.#actual = parts.actual;
    this.#options = options;
    const { average } = options;
    if (average !== undefined && !['binary', 'macro', 'micro', 'weighted'].includes(average)) {
      throw new ArgumentError(
        `${this.name}: average is 'binary', 'macro', 'micro' or 'weighted', got ${JSON.stringify(average)}`,
      );
    }
  }

  /** The figure of one class, or of all together. */
  protected abstract figure(counts: Counts): number;

  override update(output: Tensor, target: Tensor): void {
    const decisions = decide(this.name, output, target, this.#options);
    if (this.#options.average === 'binary' && decisions.classes !== 2) {
      throw new ShapeError(
        `${this.name}: average 'binary' is for two classes, the output has ${decisions.classes}; take 'macro' or 'micro'`,
      );
    }
    this.#task = decisions.task;
    const [predicted, actual] = rowsOf(decisions);
    this.#hits.add(predicted.logicalAnd(actual).sum(0));
    this.#predicted.add(predicted.sum(0));
    this.#actual.add(actual.sum(0));
    this.count += decisions.predicted.shape[0];
  }

  /** The figure of each class; of class 0 too for binary decisions. */
  async perClass(): Promise<number[]> {
    return (await this.#read()).map((counts) => this.figure(counts));
  }

  override async result(): Promise<number> {
    if (this.count === 0) return Number.NaN;
    const classes = await this.#read();
    const binary = this.#task === 'binary' || (this.#task === null && classes.length === 2);
    const average = this.#options.average ?? (binary ? 'binary' : 'macro');
    switch (average) {
      case 'binary':
        return this.figure(classes[1]);
      case 'micro':
        return this.figure({
          hits: total(classes, (c) => c.hits),
          predicted: total(classes, (c) => c.predicted),
          actual: total(classes, (c) => c.actual),
        });
      case 'macro': {
        const met = classes.filter((c) => c.predicted + c.actual > 0);
        return total(met, (c) => this.figure(c)) / met.length;
      }
      case 'weighted':
        return total(classes, (c) => this.figure(c) * c.actual) / this.count;
    }
  }

  async #read(): Promise<Counts[]> {
    const hits = await this.#hits.read();
    const predicted = await this.#predicted.read();
    const actual = await this.#actual.read();
    return hits.map((h, i) => ({ hits: h, predicted: predicted[i], actual: actual[i] }));
  }
}

function total<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((sum, item) => sum + of(item), 0);
}

/** 0 where there is nothing to be a share of, as scikit-learn has it. */
function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/**
 * Of what was decided to be a class, the share that is of it.
 *
 * @throws ShapeError from `update` if output and target do not fit; see `Accuracy` for the shapes.
 *
 * @example
 * ```ts
 * import { metrics, tensor } from 'hadal';
 * const precision = new metrics.Precision();
 * precision.update(tensor([0.9, 0.8, 0.7, 0.1]), tensor([1, 1, 0, 1]));
 * console.log((await precision.result()).toFixed(4)); // 0.6667
 * ```
 */
export class Precision extends ClassCountMetric {
  constructor(options: ClassCountOptions = {}) {
    super('precision', options);
  }

  protected override figure({ hits, predicted }: Counts): number {
    return share(hits, predicted);
  }
}

/** Of what is of a class, the share that was decided to be. See `Precision`. */
export class Recall extends ClassCountMetric {
  constructor(options: ClassCountOptions = {}) {
    super('recall', options);
  }

  protected override figure({ hits, actual }: Counts): number {
    return share(hits, actual);
  }
}

/** The harmonic mean of precision and recall. See `Precision`. */
export class F1 extends ClassCountMetric {
  constructor(options: ClassCountOptions = {}) {
    super('f1', options);
  }

  protected override figure({ hits, predicted, actual }: Counts): number {
    return share(2 * hits, predicted + actual);
  }
}

/** Of what is of a class or was decided to be, the share that is both (Jaccard's index). See `Precision`. */
export class IntersectionOverUnion extends ClassCountMetric {
  constructor(options: ClassCountOptions = {}) {
    super('iou', options);
  }

  protected override figure({ hits, predicted, actual }: Counts): number {
    return share(hits, predicted + actual - hits);
  }
}
