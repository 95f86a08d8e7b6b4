/** Schedules along a cosine; Loshchilov and Hutter 2017. */
import { checkOptions } from '../../base/options.js';
import type { Json } from '../../io/json.js';
import type { Scheduled, StateReader } from './scheduler.js';
import { checkCount, checkFactor, LRScheduler } from './scheduler.js';

/** Down to etaMin (0) along half a cosine in `tMax` epochs, and up again in the same time. */
export class CosineAnnealingLR extends LRScheduler {
  readonly tMax: number;
  readonly etaMin: number;

  constructor(optimizer: Scheduled, tMax: number, options: { etaMin?: number } = {}) {
    super(optimizer);
    checkOptions('CosineAnnealingLR', options, { etaMin: true });
    this.tMax = checkCount('CosineAnnealingLR', 'tMax', tMax);
    this.etaMin = checkFactor('CosineAnnealingLR', 'etaMin', options.etaMin ?? 0);
    this.initialize();
  }

  protected override rates(initial: boolean): number[] {
    const lrs = this.currentLrs();
    if (initial) return lrs;
    const { tMax, etaMin } = this;
    if ((this.lastEpoch - 1 - tMax) % (2 * tMax) === 0) {
      const rise = (1 - Math.cos(Math.PI / tMax)) / 2;
      return lrs.map((lr, i) => lr + (this.baseLrs[i] - etaMin) * rise);
    }
    const height = (epoch: number): number => 1 + Math.cos((Math.PI * epoch) / tMax);
    const factor = height(this.lastEpoch) / height(this.lastEpoch - 1);
    return lrs.map((lr) => factor * (lr - etaMin) + etaMin);
  }

  protected override closedForm(): number[] {
    const height = (1 + Math.cos((Math.PI * this.lastEpoch) / this.tMax)) / 2;
    return this.baseLrs.map((lr) => this.etaMin + (lr - this.etaMin) * height);
  }
}

/** Down to etaMin (0) along half a cosine, then from the top again; the first time in `t0` epochs, each further in `tMult` (1) times as many. */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  readonly t0: number;
  readonly tMult: number;
  readonly etaMin: number;
  /** Epochs of the current descent, and which of them it is. */
  #length: number;
  #at = 0;

  constructor(optimizer: Scheduled, t0: number, options: { tMult?: number; etaMin?: number } = {}) {
    super(optimizer);
    checkOptions('CosineAnnealingWarmRestarts', options, { tMult: true, etaMin: true });
    this.t0 = checkCount('CosineAnnealingWarmRestarts', 't0', t0);
    this.tMult = checkCount('CosineAnnealingWarmRestarts', 'tMult', options.tMult ?? 1);
    this.etaMin = checkFactor('CosineAnnealingWarmRestarts', 'etaMin', options.etaMin ?? 0);
    this.#length = t0;
    this.initialize();
  }

  protected override rates(): number[] {
    const height = (1 + Math.cos((Math.PI * this.#at) / this.#length)) / 2;
    return this.baseLrs.map((lr) => this.etaMin + (lr - this.etaMin) * height);
  }

  protected override advance(): void {
    if (++this.#at >= this.#length) {
      this.#at -= this.#length;
      this.#length *= this.tMult;
    }
    super.advance();
  }

  protected override ownState(): { readonly [name: string]: Json } {
    return { length: this.#length, at: this.#at };
  }

  protected override loadOwnState(state: StateReader): void {
    const [length, at] = [state.number('length'), state.number('at')];
    this.#length = length;
    this.#at = at;
  }
}
