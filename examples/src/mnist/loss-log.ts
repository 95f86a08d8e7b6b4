/** The file of `--losses`: the loss of every step. */
import { appendFileSync } from 'node:fs';
import type { callbacks, LossFunction, Tensor } from 'hadal';
import { readLines, replaceLines } from './metrics-log.js';

export class LossLog implements callbacks.Callback {
  readonly #file: string;
  #last: Tensor | null = null;

  /** Fails now rather than after some steps if the file cannot be written. */
  constructor(file: string) {
    this.#file = file;
    appendFileSync(file, '');
  }

  /** The same loss, of which this takes notes. */
  watch(loss: LossFunction): LossFunction {
    return (logits, digits) => {
      const value = loss(logits, digits);
      this.#last = value.detach();
      return value;
    };
  }

  onTrainBegin({ resumed, step }: callbacks.TrainingContext): void {
    const old = resumed ? readLines<{ readonly step: number }>(this.#file) : [];
    replaceLines(
      this.#file,
      old.filter((line) => line.step <= step),
    );
  }

  async onStepEnd({ step }: callbacks.TrainingContext): Promise<void> {
    if (this.#last === null) return;
    const loss = Number(await this.#last.item());
    appendFileSync(this.#file, `${JSON.stringify({ step, loss })}\n`);
  }
}
