/** Shows how the training goes: a line that lives on a terminal, plain lines in a log. */
import type { Figures } from '../history.js';
import type { ProgressSettings } from '../options.js';
import { ProgressLine } from '../progress.js';
import type { Callback, TrainingContext } from './callback.js';

/** Milliseconds between two readings of the figures; the counts are drawn more often than that. */
const readEvery = 100;

/**
 * The progress of `fit`, which adds it unless `progress` is false. Figures are read from the device ten times a second, and in a
 * log every 15 seconds, not each step.
 */
export class ProgressBar implements Callback {
  readonly #settings: ProgressSettings;
  #line: ProgressLine | null = null;
  #read = Number.NEGATIVE_INFINITY;
  #samplesBefore = 0;

  constructor(settings: ProgressSettings = {}) {
    this.#settings = settings;
  }

  onEpochBegin(context: TrainingContext): void {
    const { epoch, epochs, batch, batches, samples } = context;
    this.#samplesBefore = samples;
    this.#line = new ProgressLine({
      label: `epoch ${String(epoch + 1).padStart(String(epochs).length)}/${epochs}`,
      ...(batches === undefined ? {} : { total: batches }),
      done: batch,
      logInterval: 15,
      ...this.#settings,
    });
  }

  onBatchEnd(context: TrainingContext): void | Promise<void> {
    const line = this.#line;
    if (line?.due !== true) return;
    const now = performance.now();
    if (now - this.#read < readEvery) {
      line.update(context.batch, { samples: context.samples - this.#samplesBefore });
      return;
    }
    return this.#readAndUpdate(context, line);
  }

  async #readAndUpdate(context: TrainingContext, line: ProgressLine): Promise<void> {
    const metrics = await context.figures();
    this.#read = performance.now();
    line.update(context.batch, { samples: context.samples - this.#samplesBefore, metrics });
  }

  onValidationBegin(): void {
    this.#line?.rest();
  }

  onEpochEnd(context: TrainingContext, figures: Figures): void {
    this.#line?.rest();
    this.#line?.update(context.batch, { samples: context.samples - this.#samplesBefore });
    this.#line?.finish(figures);
    this.#line = null;
  }

  onInterrupt(): void {
    this.#line?.abandon();
    this.#line = null;
  }

  onNote(text: string): void {
    const line = this.#line ?? new ProgressLine({ ...this.#settings });
    line.note(text);
  }

  close(): void {
    this.#line?.abandon();
    this.#line = null;
  }
}
