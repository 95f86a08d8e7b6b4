/** A schedule that goes by how the training goes. */

import { ArgumentError } from '../../base/errors.js';
import { checkOptions } from '../../base/options.js';
import type { Json } from '../../io/json.js';
import type { Scheduled } from './scheduler.js';
import { checkFactor, checkScheduled, perGroup, StateReader } from './scheduler.js';

export interface ReduceOnPlateauOptions {
  /** Whether the figure should fall ('min', if not given) or rise. */
  readonly mode?: 'min' | 'max';
  /** What the learning rate is multiplied by; 0.1 if not given. */
  readonly factor?: number;
  /** Epochs without improvement that are waited for; 10 if not given. */
  readonly patience?: number;
  /** How much better counts as better; 1e-4 if not given. */
  readonly threshold?: number;
  /** Whether the threshold is a share of the best figure or a difference from it. */
  readonly thresholdMode?: 'rel' | 'abs';
  /** Epochs after a reduction that do not count. */
  readonly cooldown?: number;
  /** No group's learning rate gets lower. */
  readonly minLr?: number | readonly number[];
  /** Smaller changes are left out; 1e-8 if not given. */
  readonly eps?: number;
}

/**
 * Lowers the learning rate when a figure has not improved for a while.
 *
 * @example
 * ```ts
 * import { nn, optim } from 'hadal';
 * const opt = new optim.SGD(new nn.Linear(2, 1).parameters(), { lr: 1 });
 * const schedule = new optim.lrScheduler.ReduceLROnPlateau(opt, { patience: 1 });
 * for (const loss of [3, 2, 2, 2]) schedule.step(loss);
 * console.log(opt.lr); // 0.1
 * ```
 */
export class ReduceLROnPlateau {
  readonly optimizer: Scheduled;
  readonly #options: Required<Omit<ReduceOnPlateauOptions, 'minLr'>>;
  readonly #minLrs: readonly number[];
  #best: number;
  #bad = 0;
  #cooling = 0;
  lastEpoch = 0;

  constructor(optimizer: Scheduled, options: ReduceOnPlateauOptions = {}) {
    const name = 'ReduceLROnPlateau';
    checkScheduled(name, optimizer);
    checkOptions(name, options, {
      mode: true,
      factor: true,
      patience: true,
      threshold: true,
      thresholdMode: true,
      cooldown: true,
      minLr: true,
      eps: true,
    });
    this.optimizer = optimizer;
    const { minLr = 0, ...given } = options;
    this.#options = {
      mode: 'min',
      factor: 0.1,
      patience: 10,
      threshold: 1e-4,
      thresholdMode: 'rel',
      cooldown: 0,
      eps: 1e-8,
      ...given,
    };
    const { mode, factor, thresholdMode } = this.#options;
    if (!(factor >= 0 && factor < 1))
      throw new ArgumentError(`${name}: factor is from 0 to below 1, got ${factor}`);
    if (mode !== 'min' && mode !== 'max')
      throw new ArgumentError(`${name}: mode is 'min' or 'max', got ${JSON.stringify(mode)}`);
    if (thresholdMode !== 'rel' && thresholdMode !== 'abs')
      throw new ArgumentError(
        `${name}: thresholdMode is 'rel' or 'abs', got ${JSON.stringify(thresholdMode)}`,
      );
    for (const option of ['patience', 'threshold', 'cooldown', 'eps'] as const)
      checkFactor(name, option, this.#options[option]);
    this.#minLrs = perGroup(name, 'minLr', optimizer, minLr);
    this.#best = mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }

  #isBetter(figure: number): boolean {
    const { mode, threshold, thresholdMode } = this.#options;
    const best = this.#best;
    if (mode === 'min') return figure < (thresholdMode === 'rel' ? best * (1 - threshold) : best - threshold);
    return figure > (thresholdMode === 'rel' ? best * (1 + threshold) : best + threshold);
  }

  /** Takes in an epoch's figure. */
  step(figure: number): void {
    if (typeof figure !== 'number')
      throw new ArgumentError(
        `ReduceLROnPlateau: step takes the epoch's figure, a number such as its loss, got ${figure === undefined ? 'nothing' : typeof figure}`,
      );
    this.lastEpoch++;
    if (this.#isBetter(figure)) {
      this.#best = figure;
      this.#bad = 0;
    } else this.#bad++;
    if (this.#cooling > 0) {
      this.#cooling--;
      this.#bad = 0;
    }
    if (this.#bad <= this.#options.patience) return;
    this.optimizer.paramGroups.forEach((group, i) => {
      const lower = Math.max(group.lr * this.#options.factor, this.#minLrs[i]);
      if (group.lr - lower > this.#options.eps) group.lr = lower;
    });
    this.#cooling = this.#options.cooldown;
    this.#bad = 0;
  }

  /** The learning rates as they are, one a group. */
  getLastLr(): number[] {
    return this.optimizer.paramGroups.map((group) => group.lr);
  }

  stateDict(): Json {
    return {
      type: 'ReduceLROnPlateau',
      lastEpoch: this.lastEpoch,
      best: [this.#best].filter(Number.isFinite),
      bad: this.#bad,
      cooling: this.#cooling,
    };
  }

  /** @throws ArgumentError if it is not the state of such a schedule; nothing is changed then. */
  loadStateDict(saved: Json): void {
    const reader = new StateReader('ReduceLROnPlateau', saved);
    const [lastEpoch, bad, cooling] = ['lastEpoch', 'bad', 'cooling'].map((name) => reader.number(name));
    // Before the first figure that is a number the best is infinite, which JSON does not have.
    const best = reader.numbers('best', 0, 1);
    this.lastEpoch = lastEpoch;
    this.#bad = bad;
    this.#cooling = cooling;
    const worst = this.#options.mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    this.#best = best[0] ?? worst;
  }
}
