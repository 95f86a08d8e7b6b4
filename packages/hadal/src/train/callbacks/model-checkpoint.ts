/** Saves checkpoints while the model trains. */
import { ArgumentError } from '../../base/errors.js';
import type { Figures } from '../history.js';
import type { CheckpointOptions } from '../options.js';
import { field, type PartState } from '../state.js';
import type { Callback, TrainingContext } from './callback.js';
import { Monitor, type MonitorOptions } from './monitor.js';

export interface ModelCheckpointOptions extends CheckpointOptions {
  /** Besides the newest, keep the checkpoint in whose epoch this figure was best, in the folder `best` within `dir`. */
  readonly best?: MonitorOptions;
}

/**
 * Saves everything a run goes on from: model, optimizer, schedule, the state of the random generator, the place in the data, the
 * metrics and callbacks, and the history. `fit` with `checkpoint` has one of these; give it as a callback for more of them, or for
 * `best`.
 *
 * @throws ArgumentError if `everySteps`, `everyEpochs` or `keep` is not a positive integer.
 */
export class ModelCheckpoint implements Callback {
  readonly last = true;
  readonly dir: string;
  readonly name: string;
  readonly #everySteps: number | undefined;
  readonly #everyEpochs: number | undefined;
  readonly #keep: number;
  readonly #best: Monitor | null;
  /** The step of the newest checkpoint, so that one step is not saved twice. */
  #saved = -1;

  constructor(options: ModelCheckpointOptions) {
    const { dir, everySteps, everyEpochs, keep = 3, best } = options;
    for (const [name, value] of Object.entries({ everySteps, everyEpochs, keep })) {
      if (value !== undefined && !(Number.isInteger(value) && value > 0))
        throw new ArgumentError(`checkpoint: ${name} is a positive integer, got ${value}`);
    }
    if (typeof dir !== 'string' || dir === '')
      throw new ArgumentError('checkpoint: dir is the folder to save in, got none');
    this.dir = dir;
    this.name = `checkpoint ${dir}`;
    this.#everySteps = everySteps;
    this.#everyEpochs = everyEpochs ?? (everySteps === undefined ? 1 : undefined);
    this.#keep = keep;
    this.#best = best === undefined ? null : new Monitor('ModelCheckpoint', best);
  }

  async onStepEnd(context: TrainingContext): Promise<void> {
    if (this.#everySteps !== undefined && context.step % this.#everySteps === 0) await this.#save(context);
  }

  async onEpochEnd(context: TrainingContext, figures: Figures): Promise<void> {
    if (this.#best?.improves(figures) === true) await context.save(`${this.dir}/best`, { keep: 1 });
    if (this.#everyEpochs !== undefined && (context.epoch + 1) % this.#everyEpochs === 0)
      await this.#save(context);
  }

  async onInterrupt(context: TrainingContext): Promise<void> {
    if (this.#saved !== context.step) await this.#save(context);
  }

  async #save(context: TrainingContext): Promise<void> {
    const path = await context.save(this.dir, { keep: this.#keep });
    if (path !== undefined) this.#saved = context.step;
  }

  state(): PartState {
    return { tensors: new Map(), values: { best: this.#best?.best ?? null } };
  }

  loadState({ values }: PartState): void {
    this.#best?.load(field(values, 'best'));
  }
}
