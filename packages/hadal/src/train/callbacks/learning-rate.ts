/** Callbacks that set the learning rate. */
import { ArgumentError } from '../../base/errors.js';
import type { Optimizer } from '../../optim/index.js';
import type { Figures } from '../history.js';
import { field, type PartState } from '../state.js';
import type { Callback, TrainingContext } from './callback.js';
import { Monitor, type MonitorOptions } from './monitor.js';

/**
 * Sets the learning rate at the begin of each epoch to what a function of its number gives.
 *
 * @param fn gets the epoch's number, counted from 0, and the learning rate as it is.
 */
export class LearningRateScheduler implements Callback {
  readonly #fn: (epoch: number, lr: number) => number;

  constructor(fn: (epoch: number, lr: number) => number) {
    this.#fn = fn;
  }

  onEpochBegin({ epoch, batch, optimizer }: TrainingContext): void {
    // An epoch that goes on in its middle has its learning rate from the checkpoint.
    if (batch > 0) return;
    const lr = this.#fn(epoch, optimizer.lr);
    if (!(Number.isFinite(lr) && lr >= 0)) {
      throw new ArgumentError(
        `LearningRateScheduler: the function gave ${lr} for epoch ${epoch}, expected a number`,
      );
    }
    optimizer.lr = lr;
  }
}

export interface ReduceLROnPlateauOptions extends MonitorOptions {
  /** What the learning rate is multiplied with. Default 0.1. */
  readonly factor?: number;
  /** How many epochs without improvement to wait for. Default 10. */
  readonly patience?: number;
  /** Epochs after a reduction that do not count. Default 0. */
  readonly cooldown?: number;
  /** It gets no lower than this. Default 0. */
  readonly minLr?: number;
}

/**
 * Lowers the learning rate when a figure no longer improves.
 *
 * @throws ArgumentError if an option is out of its range, and from the first epoch's end if there is no such figure.
 */
export class ReduceLROnPlateau implements Callback {
  readonly name: string;
  readonly #monitor: Monitor;
  readonly #factor: number;
  readonly #patience: number;
  readonly #cooldown: number;
  readonly #minLr: number;
  #waited = 0;
  #cooling = 0;

  constructor(options: ReduceLROnPlateauOptions = {}) {
    const { factor = 0.1, patience = 10, cooldown = 0, minLr = 0 } = options;
    if (!(factor > 0 && factor < 1))
      throw new ArgumentError(`ReduceLROnPlateau: factor lies between 0 and 1, got ${factor}`);
    for (const [name, value] of Object.entries({ patience, cooldown })) {
      if (!Number.isInteger(value) || value < 0)
        throw new ArgumentError(`ReduceLROnPlateau: ${name} is an integer, 0 or more, got ${value}`);
    }
    this.name = `reduce lr ${options.monitor ?? ''}`.trimEnd();
    this.#monitor = new Monitor('ReduceLROnPlateau', options);
    this.#factor = factor;
    this.#patience = patience;
    this.#cooldown = cooldown;
    this.#minLr = minLr;
  }

  onEpochEnd(context: TrainingContext, figures: Figures): void {
    const name = this.#monitor.nameIn(figures);
    const improved = this.#monitor.improves(figures);
    if (this.#cooling > 0) {
      this.#cooling--;
      this.#waited = 0;
      return;
    }
    this.#waited = improved ? 0 : this.#waited + 1;
    if (this.#waited <= this.#patience) return;
    this.#waited = 0;
    this.#cooling = this.#cooldown;
    const before = context.optimizer.lr;
    lower(context.optimizer, this.#factor, this.#minLr);
    if (context.optimizer.lr < before) {
      context.note(`learning rate ${before} -> ${context.optimizer.lr}: ${name} no longer improves`);
    }
  }

  state(): PartState {
    const values = { best: this.#monitor.best, waited: this.#waited, cooling: this.#cooling };
    return { tensors: new Map(), values };
  }

  loadState({ values }: PartState): void {
    this.#monitor.load(field(values, 'best'));
    this.#waited = Number(field(values, 'waited') ?? 0);
    this.#cooling = Number(field(values, 'cooling') ?? 0);
  }
}

function lower(optimizer: Optimizer, factor: number, least: number): void {
  for (const group of optimizer.paramGroups)
    group.lr = Math.min(group.lr, Math.max(group.lr * factor, least));
}
