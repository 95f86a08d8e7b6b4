/**
 * Learning rate schedules. As in PyTorch, most are written as what a step multiplies the current learning rate by, so that several can
 * act on one optimizer; `closedForm` is the same as a function of the epoch, for schedules that begin anew within another.
 */
import { ArgumentError } from '../../base/errors.js';
import { liveEffect } from '../../graph/live.js';
import type { Json } from '../../io/json.js';
import { isObject } from '../../io/json.js';
import type { Optimizer } from '../optimizer.js';

/** What a schedule needs of an optimizer. */
export type Scheduled = Pick<Optimizer, 'paramGroups'>;

/**
 * Base class of schedules. `step()` is called after an epoch, or after an optimizer step, as the schedule is meant.
 *
 * @example
 * ```ts
 * import { nn, optim } from 'hadal';
 * const opt = new optim.SGD(new nn.Linear(2, 1).parameters(), { lr: 1 });
 * const schedule = new optim.lrScheduler.StepLR(opt, 2, { gamma: 0.5 });
 * for (let epoch = 0; epoch < 4; epoch++) {
 *   console.log(opt.lr); // 1 1 0.5 0.5
 *   schedule.step();
 * }
 * ```
 */
export abstract class LRScheduler {
  readonly optimizer: Scheduled;
  /** The learning rates of the groups at the begin. */
  protected baseLrs: number[];
  lastEpoch = -1;
  #lastLr: number[];

  constructor(optimizer: Scheduled) {
    checkScheduled(new.target.name, optimizer);
    this.optimizer = optimizer;
    for (const group of optimizer.paramGroups) group.initialLr ??= group.lr;
    this.baseLrs = optimizer.paramGroups.map((group) => group.initialLr ?? group.lr);
    this.#lastLr = this.currentLrs();
  }

  /** The learning rates for `lastEpoch`; `initial` while the schedule is being set up. */
  protected abstract rates(initial: boolean): number[];

  /** The learning rates for `lastEpoch`, whatever they are now; null for schedules that do not say. */
  protected closedForm(): number[] | null {
    return null;
  }

  protected currentLrs(): number[] {
    return this.optimizer.paramGroups.map((group) => group.lr);
  }

  protected set(lrs: readonly number[]): void {
    this.optimizer.paramGroups.forEach((group, i) => {
      group.lr = lrs[i];
    });
    this.#lastLr = this.currentLrs();
  }

  /** Goes to epoch 0. Constructors end with it, when all fields are there; so does a schedule that this one begins. */
  initialize(): void {
    this.lastEpoch++;
    this.set(this.rates(true));
  }

  /** Forgets the step that the constructor took: a schedule around this one takes it again when its time comes. */
  undo(): void {
    this.lastEpoch--;
  }

  /** Begins at epoch 0 in the middle of another schedule. */
  restart(): void {
    this.lastEpoch = 0;
    this.set(this.closedForm() ?? this.rates(false));
  }

  /** Goes on by one epoch; in a compiled function, at each of its calls. */
  step(): void {
    liveEffect(() => this.advance());
  }

  /** What `step` does. */
  protected advance(): void {
    this.lastEpoch++;
    this.set(this.rates(false));
  }

  /** The learning rates that this schedule has set last, one a group. */
  getLastLr(): number[] {
    return [...this.#lastLr];
  }

  /** Further fields of the state. */
  protected ownState(): { readonly [name: string]: Json } {
    return {};
  }

  /** @throws ArgumentError if they are not what `ownState` gives. */
  protected loadOwnState(_state: StateReader): void {}

  /** Where the schedule is. Its settings are not part of it, nor is the learning rate itself, which the optimizer's state has. */
  stateDict(): Json {
    return {
      type: this.constructor.name,
      lastEpoch: this.lastEpoch,
      baseLrs: [...this.baseLrs],
      lastLr: this.getLastLr(),
      ...this.ownState(),
    };
  }

  /** @throws ArgumentError if it is not the state of such a schedule; nothing is changed then. */
  loadStateDict(saved: Json): void {
    const reader = new StateReader(this.constructor.name, saved);
    const lastEpoch = reader.number('lastEpoch');
    const baseLrs = reader.numbers('baseLrs', this.baseLrs.length);
    const lastLr = reader.numbers('lastLr', this.#lastLr.length);
    this.loadOwnState(reader);
    this.lastEpoch = lastEpoch;
    this.baseLrs = baseLrs;
    this.#lastLr = lastLr;
  }
}

/** @throws ArgumentError unless it is an optimizer. */
export function checkScheduled(schedule: string, optimizer: Scheduled): void {
  if (!Array.isArray(optimizer?.paramGroups))
    throw new ArgumentError(`${schedule}: the first argument is the optimizer whose learning rate it sets`);
}

/** Fields of a saved state, checked. */
export class StateReader {
  readonly #type: string;
  readonly #fields: { readonly [name: string]: unknown };

  constructor(type: string, saved: Json) {
    this.#type = type;
    if (!isObject(saved)) throw this.#error('it is no object');
    this.#fields = saved;
    if (saved.type !== type) throw this.#error(`it is the state of ${JSON.stringify(saved.type)}`);
  }

  #error(what: string): ArgumentError {
    return new ArgumentError(`${this.#type}: the state cannot be loaded: ${what}`);
  }

  number(name: string): number {
    const value = this.#fields[name];
    if (typeof value !== 'number') throw this.#error(`${name} is no number`);
    return value;
  }

  numbers(name: string, ...lengths: readonly number[]): number[] {
    const value = this.#fields[name];
    const fits = Array.isArray(value) && lengths.includes(value.length);
    if (!fits || !value.every((v) => typeof v === 'number'))
      throw this.#error(`${name} is no list of ${lengths.join(' or ')} numbers`);
    return [...value];
  }

  list(name: string, length: number): Json[] {
    const value = this.#fields[name];
    if (!Array.isArray(value) || value.length !== length)
      throw this.#error(`${name} is no list of ${length}`);
    return [...value];
  }
}

export function checkCount(schedule: string, name: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new ArgumentError(`${schedule}: ${name} is a positive integer, got ${value}`);
}

export function checkFactor(
  schedule: string,
  name: string,
  value: number,
  least = 0,
  most = Number.POSITIVE_INFINITY,
): number {
  if (Number.isFinite(value) && value >= least && value <= most) return value;
  throw new ArgumentError(`${schedule}: ${name} is a number from ${least} to ${most}, got ${value}`);
}

/** One number for all groups, or one for each. */
export function perGroup(
  schedule: string,
  name: string,
  optimizer: Scheduled,
  value: number | readonly number[],
): number[] {
  const count = optimizer.paramGroups.length;
  const list: readonly number[] = Array.isArray(value) ? value : new Array(count).fill(value);
  if (list.length !== count || !list.every(Number.isFinite))
    throw new ArgumentError(`${schedule}: ${name} is a number or ${count} of them, got [${list.join(', ')}]`);
  return [...list];
}
