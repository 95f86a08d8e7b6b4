/** Schedules made of schedules. */
import { ArgumentError } from '../../base/errors.js';
import type { Json } from '../../io/json.js';
import type { Scheduled, StateReader } from './scheduler.js';
import { LRScheduler } from './scheduler.js';

function checkSchedules(
  name: string,
  optimizer: Scheduled,
  schedules: readonly LRScheduler[],
): readonly LRScheduler[] {
  if (!Array.isArray(schedules) || schedules.length === 0)
    throw new ArgumentError(`${name}: there are no schedules`);
  schedules.forEach((s, i) => {
    if (!(s instanceof LRScheduler))
      throw new ArgumentError(`${name}: schedule ${i} is none that steps without a figure`);
    if (s.optimizer !== optimizer)
      throw new ArgumentError(`${name}: schedule ${i} belongs to another optimizer`);
  });
  return [...schedules];
}

/**
 * Schedules one after the other: each begins, from its epoch 0, at its milestone.
 *
 * @example
 * ```ts
 * import { nn, optim } from 'hadal';
 * const { LinearLR, CosineAnnealingLR, SequentialLR } = optim.lrScheduler;
 * const opt = new optim.AdamW(new nn.Linear(2, 1).parameters(), { lr: 1 });
 * const warmUp = new LinearLR(opt, { startFactor: 0.5, totalIters: 2 });
 * const schedule = new SequentialLR(opt, [warmUp, new CosineAnnealingLR(opt, 10)], [2]);
 * for (let epoch = 0; epoch < 4; epoch++) {
 *   console.log(opt.lr.toFixed(3)); // 0.500 0.750 1.000 0.976
 *   schedule.step();
 * }
 * ```
 */
export class SequentialLR extends LRScheduler {
  readonly schedules: readonly LRScheduler[];
  readonly milestones: readonly number[];

  constructor(optimizer: Scheduled, schedules: readonly LRScheduler[], milestones: readonly number[]) {
    super(optimizer);
    this.schedules = checkSchedules('SequentialLR', optimizer, schedules);
    const ascend = (m: number, i: number): boolean =>
      Number.isInteger(m) && (i === 0 || m > milestones[i - 1]);
    if (!Array.isArray(milestones) || !milestones.every(ascend))
      throw new ArgumentError(
        `SequentialLR: milestones are a list of epochs, each after the one before, got ${JSON.stringify(milestones)}`,
      );
    this.milestones = [...milestones];
    if (milestones.length !== schedules.length - 1)
      throw new ArgumentError(
        `SequentialLR: ${schedules.length} schedules want ${schedules.length - 1} milestones, got ${milestones.length}`,
      );
    this.initialize();
  }

  /** The schedule whose time it is. */
  get #current(): number {
    const next = this.milestones.findIndex((m) => m > this.lastEpoch);
    return next < 0 ? this.schedules.length - 1 : next;
  }

  override initialize(): void {
    // The constructors of the schedules have each changed the learning rate.
    for (const group of this.optimizer.paramGroups) group.lr = group.initialLr ?? group.lr;
    for (const s of this.schedules) s.undo();
    this.lastEpoch = 0;
    this.schedules[this.#current].initialize();
    this.set(this.currentLrs());
  }

  override undo(): void {
    for (const s of this.schedules) s.undo();
  }

  protected override rates(): number[] {
    const at = this.#current;
    const schedule = this.schedules[at];
    if (at > 0 && this.milestones[at - 1] === this.lastEpoch) schedule.restart();
    else schedule.step();
    return this.currentLrs();
  }

  protected override ownState(): { readonly [name: string]: Json } {
    return { schedules: this.schedules.map((s) => s.stateDict()) };
  }

  protected override loadOwnState(state: StateReader): void {
    loadAll(this.schedules, state);
  }
}

function loadAll(schedules: readonly LRScheduler[], state: StateReader): void {
  const saved = state.list('schedules', schedules.length);
  const before = schedules.map((s) => s.stateDict());
  try {
    schedules.forEach((s, i) => {
      s.loadStateDict(saved[i]);
    });
  } catch (error) {
    schedules.forEach((s, i) => {
      s.loadStateDict(before[i]);
    });
    throw error;
  }
}

/** Schedules that all step together: their factors multiply. */
export class ChainedScheduler extends LRScheduler {
  readonly schedules: readonly LRScheduler[];

  constructor(schedules: readonly LRScheduler[]) {
    const [first] = schedules;
    if (first === undefined) throw new ArgumentError('ChainedScheduler: there are no schedules');
    super(first.optimizer);
    this.schedules = checkSchedules('ChainedScheduler', first.optimizer, schedules);
    this.lastEpoch = 0;
  }

  override initialize(): void {
    for (const s of this.schedules) s.initialize();
  }

  override undo(): void {
    for (const s of this.schedules) s.undo();
  }

  override restart(): void {
    for (const s of this.schedules) s.restart();
    this.set(this.currentLrs());
  }

  protected override rates(): number[] {
    for (const s of this.schedules) s.step();
    return this.currentLrs();
  }

  protected override ownState(): { readonly [name: string]: Json } {
    return { schedules: this.schedules.map((s) => s.stateDict()) };
  }

  protected override loadOwnState(state: StateReader): void {
    loadAll(this.schedules, state);
  }
}
