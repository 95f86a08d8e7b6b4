/** Ends the training at the first loss that is not a number. */
import type { Callback, TrainingContext } from './callback.js';

/**
 * Ends the training when the loss is NaN or infinite. `fit` itself looks at the loss about ten times a second (`onNaN: 'stop'`);
 * this reads it after every `everySteps` steps, which costs a little time and ends at a step that does not depend on the clock.
 */
export class TerminateOnNaN implements Callback {
  readonly #everySteps: number;

  constructor(options: { readonly everySteps?: number } = {}) {
    this.#everySteps = options.everySteps ?? 1;
  }

  async onStepEnd(context: TrainingContext): Promise<void> {
    if (context.step % this.#everySteps !== 0) return;
    const { loss } = await context.figures();
    if (!Number.isFinite(loss)) context.stop(`TerminateOnNaN: the loss is ${loss} at step ${context.step}`);
  }
}
