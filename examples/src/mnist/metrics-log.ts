/** metrics.jsonl of a run: how loss and accuracy went, one JSON object a line. */
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { callbacks, Figures, Json, PartState } from 'hadal';

export interface MetricsLine {
  /** `step`: means over the steps since the line before. `epoch`: means over the epoch, and the test after it. */
  readonly kind: 'step' | 'epoch';
  /** Optimizer steps so far. */
  readonly step: number;
  /** Counted from 1. */
  readonly epoch: number;
  readonly loss: number | null;
  readonly accuracy: number | null;
  readonly valLoss?: number | null;
  readonly valAccuracy?: number | null;
  readonly learningRate: number;
  /** Time the training took so far, its tests and all sittings included. */
  readonly seconds: number;
}

/** Steps between two lines: reading loss and accuracy costs a little time. */
const logEvery = 10;

/** What was seen of an epoch when its last line was written: the sums over its samples. */
interface Seen {
  readonly samples: number;
  readonly loss: number;
  readonly right: number;
}

const nothing: Seen = { samples: 0, loss: 0, right: 0 };

/**
 * Writes the lines while the model trains. A resumed run takes out the lines of steps that will be run again; a line is with the
 * operating system as soon as it is written, so a process that is killed loses none.
 */
export class MetricsLog implements callbacks.Callback {
  readonly name = 'metrics log';
  readonly file: string;
  #seen: Seen = nothing;
  /** Seconds in earlier sittings. */
  #before = 0;
  #begun = performance.now();
  /** That of the step that ran last; after it the schedule has set the next one's. */
  #learningRate = Number.NaN;

  constructor(file: string) {
    this.file = file;
  }

  onTrainBegin({ resumed, step, epoch }: callbacks.TrainingContext): void {
    this.#begun = performance.now();
    const kept = resumed
      ? readMetrics(this.file).filter((line) =>
          line.kind === 'epoch' ? line.epoch <= epoch : line.step <= step,
        )
      : [];
    replaceLines(this.file, kept);
  }

  onEpochBegin({ batch }: callbacks.TrainingContext): void {
    if (batch === 0) this.#seen = nothing;
  }

  onBatchBegin({ optimizer }: callbacks.TrainingContext): void {
    this.#learningRate = optimizer.lr;
  }

  async onStepEnd(context: callbacks.TrainingContext): Promise<void> {
    const { step, batch, batches, samples } = context;
    if (step % logEvery !== 0 && batch !== batches) return;
    const { loss, accuracy } = await context.figures();
    const before = this.#seen;
    this.#seen = { samples, loss: loss * samples, right: accuracy * samples };
    const count = samples - before.samples;
    this.#write(context, {
      kind: 'step',
      loss: (this.#seen.loss - before.loss) / count,
      accuracy: (this.#seen.right - before.right) / count,
    });
  }

  onEpochEnd(context: callbacks.TrainingContext, figures: Figures): void {
    const { loss, accuracy, valLoss, valAccuracy } = figures;
    this.#write(context, { kind: 'epoch', loss, accuracy, valLoss, valAccuracy });
  }

  get #seconds(): number {
    return this.#before + (performance.now() - this.#begun) / 1000;
  }

  #write(
    { step, epoch }: callbacks.TrainingContext,
    { kind, ...figures }: { readonly kind: MetricsLine['kind']; readonly [name: string]: number | string },
  ): void {
    const seconds = Number(this.#seconds.toFixed(3));
    const line = { kind, step, epoch: epoch + 1, ...figures, learningRate: this.#learningRate, seconds };
    appendFileSync(this.file, `${JSON.stringify(line)}\n`);
  }

  state(): PartState {
    return {
      tensors: new Map(),
      values: { ...this.#seen, seconds: this.#seconds, learningRate: this.#learningRate },
    };
  }

  loadState({ values }: PartState): void {
    const { samples, loss, right, seconds, learningRate } = values as { readonly [name: string]: Json };
    this.#seen = { samples: Number(samples), loss: Number(loss), right: Number(right) };
    this.#before = Number(seconds);
    this.#learningRate = Number(learningRate);
  }
}

/** The lines of a file, as far as they are whole; none if there is no such file. */
export function readMetrics(file: string): MetricsLine[] {
  return readLines<MetricsLine>(file);
}

/** JSON objects, one a line. A last line without its end was being written when a process was killed. */
export function readLines<Line>(file: string): Line[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Line);
}

/** Writes all lines anew, by way of a second file: at any moment the old or the new ones are there. */
export function replaceLines(file: string, lines: readonly object[]): void {
  const temporary = `${file}.new`;
  writeFileSync(temporary, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  renameSync(temporary, file);
}
