/** Schedules that go up and down; Smith 2017, Smith and Topin 2019. */

import { ArgumentError } from '../../base/errors.js';
import { checkOptions, type OptionNames } from '../../base/options.js';
import type { Scheduled } from './scheduler.js';
import { checkCount, checkFactor, LRScheduler, perGroup } from './scheduler.js';

/** The momentum of a group under either of its names. */
interface WithMomentum {
  momentum?: number;
  betas?: readonly [number, number];
}

function checkMomentum(schedule: string, optimizer: Scheduled): void {
  for (const group of optimizer.paramGroups) {
    if (!('momentum' in group) && !('betas' in group))
      throw new ArgumentError(
        `${schedule}: this optimizer has no momentum to cycle; pass { cycleMomentum: false }`,
      );
  }
}

function setMomentum(group: WithMomentum, value: number): void {
  if (group.betas !== undefined) group.betas = [value, group.betas[1]];
  else group.momentum = value;
}

function momentumGroup(optimizer: Scheduled, i: number): WithMomentum {
  return optimizer.paramGroups[i] as unknown as WithMomentum;
}

interface MomentumOptions {
  /** Move the momentum against the learning rate; true if not given. */
  readonly cycleMomentum?: boolean;
  readonly baseMomentum?: number | readonly number[];
  readonly maxMomentum?: number | readonly number[];
}

const momentumNames: OptionNames<MomentumOptions> = {
  cycleMomentum: true,
  baseMomentum: true,
  maxMomentum: true,
};

export interface OneCycleOptions extends MomentumOptions {
  /** Steps in all; or `epochs` and `stepsPerEpoch`. */
  readonly totalSteps?: number;
  readonly epochs?: number;
  readonly stepsPerEpoch?: number;
  /** Share of the steps in which the learning rate rises; 0.3 if not given. */
  readonly pctStart?: number;
  readonly annealStrategy?: 'cos' | 'linear';
  /** maxLr divided by the first learning rate; 25 if not given. */
  readonly divFactor?: number;
  /** The first learning rate divided by the last; 1e4 if not given. */
  readonly finalDivFactor?: number;
  /** Go down as slowly as up, and then to the last learning rate. */
  readonly threePhase?: boolean;
}

interface Phase {
  readonly end: number;
  readonly lrs: readonly [from: readonly number[], to: readonly number[]];
  readonly momenta: readonly [from: readonly number[], to: readonly number[]];
}

/** Up to `maxLr` and down to almost nothing, once, in `totalSteps` steps. Steps after every optimizer step. */
export class OneCycleLR extends LRScheduler {
  readonly totalSteps: number;
  readonly #phases: readonly Phase[];
  readonly #cycleMomentum: boolean;
  readonly #linear: boolean;

  constructor(optimizer: Scheduled, maxLr: number | readonly number[], options: OneCycleOptions) {
    super(optimizer);
    const name = 'OneCycleLR';
    checkOptions(name, options, {
      ...momentumNames,
      totalSteps: true,
      epochs: true,
      stepsPerEpoch: true,
      pctStart: true,
      annealStrategy: true,
      divFactor: true,
      finalDivFactor: true,
      threePhase: true,
    });
    const { totalSteps, epochs, stepsPerEpoch, pctStart = 0.3, annealStrategy = 'cos' } = options;
    if (totalSteps === undefined && (epochs === undefined || stepsPerEpoch === undefined))
      throw new ArgumentError(`${name}: give totalSteps, or epochs and stepsPerEpoch`);
    this.totalSteps = checkCount(name, 'totalSteps', totalSteps ?? (epochs ?? 0) * (stepsPerEpoch ?? 0));
    checkFactor(name, 'pctStart', pctStart, 0, 1);
    if (annealStrategy !== 'cos' && annealStrategy !== 'linear')
      throw new ArgumentError(
        `${name}: annealStrategy is 'cos' or 'linear', got ${JSON.stringify(annealStrategy)}`,
      );
    this.#linear = annealStrategy === 'linear';
    this.#cycleMomentum = options.cycleMomentum ?? true;
    if (this.#cycleMomentum) checkMomentum(name, optimizer);
    const high = perGroup(name, 'maxLr', optimizer, maxLr);
    const divFactor = checkFactor(name, 'divFactor', options.divFactor ?? 25, Number.MIN_VALUE);
    const finalDiv = checkFactor(name, 'finalDivFactor', options.finalDivFactor ?? 1e4, Number.MIN_VALUE);
    const first = high.map((lr) => lr / divFactor);
    const last = first.map((lr) => lr / finalDiv);
    const light = perGroup(name, 'baseMomentum', optimizer, options.baseMomentum ?? 0.85);
    const heavy = perGroup(name, 'maxMomentum', optimizer, options.maxMomentum ?? 0.95);
    const rise = pctStart * this.totalSteps;
    const end = this.totalSteps - 1;
    const up: Phase = { end: rise - 1, lrs: [first, high], momenta: [heavy, light] };
    this.#phases = options.threePhase
      ? [
          up,
          { end: 2 * rise - 2, lrs: [high, first], momenta: [light, heavy] },
          { end, lrs: [first, last], momenta: [heavy, heavy] },
        ]
      : [up, { end, lrs: [high, last], momenta: [light, heavy] }];
    optimizer.paramGroups.forEach((group, i) => {
      group.initialLr = first[i];
    });
    this.baseLrs = first;
    this.initialize();
  }

  #between([from, to]: readonly [readonly number[], readonly number[]], i: number, share: number): number {
    if (this.#linear) return (to[i] - from[i]) * share + from[i];
    return to[i] + ((from[i] - to[i]) / 2) * (Math.cos(Math.PI * share) + 1);
  }

  protected override rates(): number[] {
    const step = this.lastEpoch;
    if (step > this.totalSteps)
      throw new ArgumentError(
        `OneCycleLR: step ${step} of ${this.totalSteps}; make the schedule for as many steps as there will be`,
      );
    const found = this.#phases.findIndex((phase) => step <= phase.end);
    const at = found < 0 ? this.#phases.length - 1 : found;
    const phase = this.#phases[at];
    const start = at === 0 ? 0 : this.#phases[at - 1].end;
    // A phase of no steps is over at once, and after the last step the rate stays.
    const share = phase.end === start ? 1 : Math.min((step - start) / (phase.end - start), 1);
    return this.optimizer.paramGroups.map((_, i) => {
      if (this.#cycleMomentum)
        setMomentum(momentumGroup(this.optimizer, i), this.#between(phase.momenta, i, share));
      return this.#between(phase.lrs, i, share);
    });
  }
}

export interface CyclicOptions extends MomentumOptions {
  /** Steps on the way up; 2000 if not given. */
  readonly stepSizeUp?: number;
  /** Steps on the way down; as many as up if not given. */
  readonly stepSizeDown?: number;
  /** What becomes of the height: it stays, halves every cycle, or shrinks by gamma every step. */
  readonly mode?: 'triangular' | 'triangular2' | 'expRange';
  readonly gamma?: number;
}

/** Between `baseLr` and `maxLr` in straight lines. Steps after every optimizer step. */
export class CyclicLR extends LRScheduler {
  readonly #maxLrs: readonly number[];
  readonly #total: number;
  readonly #ratio: number;
  readonly #mode: 'triangular' | 'triangular2' | 'expRange';
  readonly #gamma: number;
  readonly #momenta: readonly (readonly [base: number, max: number])[] | null;

  constructor(
    optimizer: Scheduled,
    baseLr: number | readonly number[],
    maxLr: number | readonly number[],
    options: CyclicOptions = {},
  ) {
    super(optimizer);
    checkOptions('CyclicLR', options, {
      ...momentumNames,
      stepSizeUp: true,
      stepSizeDown: true,
      mode: true,
      gamma: true,
    });
    const name = 'CyclicLR';
    const { mode = 'triangular', gamma = 1, cycleMomentum = true } = options;
    if (!['triangular', 'triangular2', 'expRange'].includes(mode))
      throw new ArgumentError(
        `${name}: mode is 'triangular', 'triangular2' or 'expRange', got ${JSON.stringify(mode)}`,
      );
    const up = checkCount(name, 'stepSizeUp', options.stepSizeUp ?? 2000);
    const down = checkCount(name, 'stepSizeDown', options.stepSizeDown ?? up);
    this.baseLrs = perGroup(name, 'baseLr', optimizer, baseLr);
    this.#maxLrs = perGroup(name, 'maxLr', optimizer, maxLr);
    this.#total = up + down;
    this.#ratio = up / this.#total;
    this.#mode = mode;
    this.#gamma = checkFactor(name, 'gamma', gamma);
    if (cycleMomentum) checkMomentum(name, optimizer);
    const base = perGroup(name, 'baseMomentum', optimizer, options.baseMomentum ?? 0.8);
    const max = perGroup(name, 'maxMomentum', optimizer, options.maxMomentum ?? 0.9);
    this.#momenta = cycleMomentum ? base.map((b, i) => [b, max[i]] as const) : null;
    optimizer.paramGroups.forEach((group, i) => {
      group.initialLr = this.baseLrs[i];
      group.lr = this.baseLrs[i];
    });
    this.initialize();
  }

  #scale(cycle: number): number {
    if (this.#mode === 'triangular') return 1;
    return this.#mode === 'triangular2' ? 1 / 2 ** (cycle - 1) : this.#gamma ** this.lastEpoch;
  }

  protected override rates(): number[] {
    const cycle = Math.floor(1 + this.lastEpoch / this.#total);
    const x = 1 + this.lastEpoch / this.#total - cycle;
    const height = x <= this.#ratio ? x / this.#ratio : (x - 1) / (this.#ratio - 1);
    const scale = this.#scale(cycle);
    this.#momenta?.forEach(([base, max], i) => {
      setMomentum(momentumGroup(this.optimizer, i), max - (max - base) * height * scale);
    });
    return this.baseLrs.map((lr, i) => lr + (this.#maxLrs[i] - lr) * height * scale);
  }
}
