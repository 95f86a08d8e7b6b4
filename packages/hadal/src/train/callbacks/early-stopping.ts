/** Ends the training when a figure no longer improves. */
import { ArgumentError } from '../../base/errors.js';
import type { Tensor } from '../../tensor/index.js';
import type { Figures } from '../history.js';
import { field, type PartState } from '../state.js';
import type { Callback, TrainingContext } from './callback.js';
import { Monitor, type MonitorOptions } from './monitor.js';

export interface EarlyStoppingOptions extends MonitorOptions {
  /** How many epochs without improvement to wait for. Default 0: the first ends it. */
  readonly patience?: number;
  /** Whether the model gets back the weights of its best epoch at the end. Default false. */
  readonly restoreBest?: boolean;
}

/**
 * Ends the training after `patience` epochs in which the figure did not improve. Epochs without the figure (`validationEvery`) do
 * not count.
 *
 * @throws ArgumentError if an option is out of its range, and from the first epoch's end if there is no such figure.
 *
 * @example
 * ```ts
 * import { callbacks, fit, nn, zeros } from 'hadal';
 * const stop = new callbacks.EarlyStopping({ monitor: 'loss', patience: 1 });
 * const history = await fit(new nn.Linear(2, 1), [zeros([4, 2]), zeros([4, 1])], {
 *   epochs: 50,
 *   loss: 'mse',
 *   optimizer: 'sgd',
 *   lr: 0,
 *   progress: false,
 *   callbacks: [stop],
 * });
 * console.log(history.epochs.length, history.stopReason); // 3 EarlyStopping: loss has not improved for 2 epochs
 * ```
 */
export class EarlyStopping implements Callback {
  readonly name: string;
  readonly #monitor: Monitor;
  readonly #patience: number;
  readonly #restore: boolean;
  #waited = 0;
  #weights: ReadonlyMap<string, Tensor> | null = null;

  constructor(options: EarlyStoppingOptions = {}) {
    const { patience = 0, restoreBest = false } = options;
    if (!Number.isInteger(patience) || patience < 0)
      throw new ArgumentError(`EarlyStopping: patience is an integer, 0 or more, got ${patience}`);
    this.name = `early stopping ${options.monitor ?? ''}`.trimEnd();
    this.#monitor = new Monitor('EarlyStopping', options);
    this.#patience = patience;
    this.#restore = restoreBest;
  }

  onEpochEnd(context: TrainingContext, figures: Figures): void {
    const name = this.#monitor.nameIn(figures);
    if (this.#monitor.improves(figures)) {
      this.#waited = 0;
      if (this.#restore) this.#weights = copies(context.model.stateDict());
      return;
    }
    this.#waited++;
    if (this.#waited <= this.#patience) return;
    const epochs = this.#waited === 1 ? 'epoch' : 'epochs';
    context.stop(`EarlyStopping: ${name} has not improved for ${this.#waited} ${epochs}`);
  }

  onTrainEnd({ model, history }: TrainingContext): void {
    if (this.#weights !== null && !history.interrupted) model.loadStateDict(this.#weights);
  }

  state(): PartState {
    return {
      tensors: this.#weights ?? new Map(),
      values: { best: this.#monitor.best, waited: this.#waited },
    };
  }

  loadState({ tensors, values }: PartState): void {
    this.#monitor.load(field(values, 'best'));
    this.#waited = Number(field(values, 'waited') ?? 0);
    this.#weights = this.#restore && tensors.size > 0 ? tensors : null;
  }
}

function copies(state: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map([...state].map(([name, tensor]) => [name, tensor.detach().clone()]));
}
