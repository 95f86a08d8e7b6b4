/** Schedules that multiply the learning rate by factors. */

import { ArgumentError } from '../../base/errors.js';
import { checkOptions } from '../../base/options.js';
import type { Scheduled } from './scheduler.js';
import { checkCount, checkFactor, LRScheduler } from './scheduler.js';

/** Times gamma (0.1) every `stepSize` epochs. */
export class StepLR extends LRScheduler {
  readonly stepSize: number;
  readonly gamma: number;

  constructor(optimizer: Scheduled, stepSize: number, options: { gamma?: number } = {}) {
    super(optimizer);
    checkOptions('StepLR', options, { gamma: true });
    this.stepSize = checkCount('StepLR', 'stepSize', stepSize);
    this.gamma = checkFactor('StepLR', 'gamma', options.gamma ?? 0.1);
    this.initialize();
  }

  protected override rates(): number[] {
    const lrs = this.currentLrs();
    const now = this.lastEpoch !== 0 && this.lastEpoch % this.stepSize === 0;
    return now ? lrs.map((lr) => lr * this.gamma) : lrs;
  }

  protected override closedForm(): number[] {
    const factor = this.gamma ** Math.floor(this.lastEpoch / this.stepSize);
    return this.baseLrs.map((lr) => lr * factor);
  }
}

/** Times gamma (0.1) at each of the given epochs. */
export class MultiStepLR extends LRScheduler {
  readonly milestones: readonly number[];
  readonly gamma: number;

  constructor(optimizer: Scheduled, milestones: readonly number[], options: { gamma?: number } = {}) {
    super(optimizer);
    if (!Array.isArray(milestones) || !milestones.every(Number.isInteger))
      throw new ArgumentError(
        `MultiStepLR: milestones are a list of epochs, got ${JSON.stringify(milestones)}`,
      );
    this.milestones = [...milestones].sort((a, b) => a - b);
    checkOptions('MultiStepLR', options, { gamma: true });
    this.gamma = checkFactor('MultiStepLR', 'gamma', options.gamma ?? 0.1);
    this.initialize();
  }

  protected override rates(): number[] {
    const times = this.milestones.filter((m) => m === this.lastEpoch).length;
    const lrs = this.currentLrs();
    return times === 0 ? lrs : lrs.map((lr) => lr * this.gamma ** times);
  }

  protected override closedForm(): number[] {
    const times = this.milestones.filter((m) => m <= this.lastEpoch).length;
    return this.baseLrs.map((lr) => lr * this.gamma ** times);
  }
}

/** Times gamma every epoch. */
export class ExponentialLR extends LRScheduler {
  readonly gamma: number;

  constructor(optimizer: Scheduled, gamma: number) {
    super(optimizer);
    this.gamma = checkFactor('ExponentialLR', 'gamma', gamma);
    this.initialize();
  }

  protected override rates(initial: boolean): number[] {
    const lrs = this.currentLrs();
    return initial ? lrs : lrs.map((lr) => lr * this.gamma);
  }

  protected override closedForm(): number[] {
    return this.baseLrs.map((lr) => lr * this.gamma ** this.lastEpoch);
  }
}

/** Times `factor` (1/3) for the first `totalIters` (5) epochs. */
export class ConstantLR extends LRScheduler {
  readonly factor: number;
  readonly totalIters: number;

  constructor(optimizer: Scheduled, options: { factor?: number; totalIters?: number } = {}) {
    super(optimizer);
    checkOptions('ConstantLR', options, { factor: true, totalIters: true });
    this.factor = checkFactor('ConstantLR', 'factor', options.factor ?? 1 / 3, 0, 1);
    this.totalIters = checkCount('ConstantLR', 'totalIters', options.totalIters ?? 5);
    this.initialize();
  }

  protected override rates(): number[] {
    const lrs = this.currentLrs();
    if (this.lastEpoch === 0) return lrs.map((lr) => lr * this.factor);
    if (this.lastEpoch !== this.totalIters) return lrs;
    return lrs.map((lr) => lr * (1 / this.factor));
  }

  protected override closedForm(): number[] {
    const factor = this.factor + (this.lastEpoch >= this.totalIters ? 1 - this.factor : 0);
    return this.baseLrs.map((lr) => lr * factor);
  }
}

/** From `startFactor` (1/3) to `endFactor` (1) in equal steps over `totalIters` (5) epochs. */
export class LinearLR extends LRScheduler {
  readonly startFactor: number;
  readonly endFactor: number;
  readonly totalIters: number;

  constructor(
    optimizer: Scheduled,
    options: { startFactor?: number; endFactor?: number; totalIters?: number } = {},
  ) {
    super(optimizer);
    checkOptions('LinearLR', options, { startFactor: true, endFactor: true, totalIters: true });
    this.startFactor = checkFactor(
      'LinearLR',
      'startFactor',
      options.startFactor ?? 1 / 3,
      Number.MIN_VALUE,
      1,
    );
    this.endFactor = checkFactor('LinearLR', 'endFactor', options.endFactor ?? 1, 0, 1);
    this.totalIters = checkCount('LinearLR', 'totalIters', options.totalIters ?? 5);
    this.initialize();
  }

  protected override rates(initial: boolean): number[] {
    const lrs = this.currentLrs();
    if (this.lastEpoch === 0) return lrs.map((lr) => lr * this.startFactor);
    if (initial || this.lastEpoch > this.totalIters) return lrs;
    const rise = this.endFactor - this.startFactor;
    const factor = 1 + rise / (this.totalIters * this.startFactor + (this.lastEpoch - 1) * rise);
    return lrs.map((lr) => lr * factor);
  }

  protected override closedForm(): number[] {
    const done = Math.min(this.totalIters, this.lastEpoch);
    const factor = this.startFactor + ((this.endFactor - this.startFactor) * done) / this.totalIters;
    return this.baseLrs.map((lr) => lr * factor);
  }
}

/** Times (1 - epoch / totalIters)^power, to 0 at `totalIters` (5); power is 1 if not given. */
export class PolynomialLR extends LRScheduler {
  readonly totalIters: number;
  readonly power: number;

  constructor(optimizer: Scheduled, options: { totalIters?: number; power?: number } = {}) {
    super(optimizer);
    checkOptions('PolynomialLR', options, { totalIters: true, power: true });
    this.totalIters = checkCount('PolynomialLR', 'totalIters', options.totalIters ?? 5);
    this.power = checkFactor('PolynomialLR', 'power', options.power ?? 1);
    this.initialize();
  }

  protected override rates(initial: boolean): number[] {
    const lrs = this.currentLrs();
    if (initial || this.lastEpoch > this.totalIters) return lrs;
    const left = (epoch: number): number => 1 - epoch / this.totalIters;
    const factor = (left(this.lastEpoch) / left(this.lastEpoch - 1)) ** this.power;
    return lrs.map((lr) => lr * factor);
  }

  protected override closedForm(): number[] {
    const factor = (1 - Math.min(this.totalIters, this.lastEpoch) / this.totalIters) ** this.power;
    return this.baseLrs.map((lr) => lr * factor);
  }
}

type Rule = (epoch: number) => number;

function rulesOf(schedule: string, optimizer: Scheduled, rule: Rule | readonly Rule[]): Rule[] {
  const count = optimizer.paramGroups.length;
  const list: readonly Rule[] = Array.isArray(rule) ? rule : new Array(count).fill(rule);
  if (list.length === count && list.every((r) => typeof r === 'function')) return [...list];
  const given = Array.isArray(rule) ? rule.length : typeof rule;
  throw new ArgumentError(`${schedule}: expected a function of the epoch, or ${count} of them, got ${given}`);
}

/** The first learning rate times a function of the epoch; one for all groups or one for each. */
export class LambdaLR extends LRScheduler {
  readonly #rules: readonly Rule[];

  constructor(optimizer: Scheduled, rule: Rule | readonly Rule[]) {
    super(optimizer);
    this.#rules = rulesOf('LambdaLR', optimizer, rule);
    this.initialize();
  }

  protected override rates(): number[] {
    return this.baseLrs.map((lr, i) => lr * this.#rules[i](this.lastEpoch));
  }
}

/** The learning rate times a function of the epoch, every epoch but the first. */
export class MultiplicativeLR extends LRScheduler {
  readonly #rules: readonly Rule[];

  constructor(optimizer: Scheduled, rule: Rule | readonly Rule[]) {
    super(optimizer);
    this.#rules = rulesOf('MultiplicativeLR', optimizer, rule);
    this.initialize();
  }

  protected override rates(initial: boolean): number[] {
    const lrs = this.currentLrs();
    return initial ? lrs : lrs.map((lr, i) => lr * this.#rules[i](this.lastEpoch));
  }
}
