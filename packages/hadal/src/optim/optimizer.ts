/**
 * Optimizers: the update of every parameter as graph ops, assigned in place. All parameters have the same update, so the compiler
 * makes one kernel and one launch of it; learning rate and step are arguments, so a schedule compiles nothing new.
 */
import { withGradMode } from '../autograd/mode.js';
import { Value } from '../autograd/value.js';
import { config } from '../base/config.js';
import { isFloat, wideDType } from '../base/dtype.js';
import { ArgumentError, DTypeError, known } from '../base/errors.js';
import { recording } from '../base/recording.js';
import { checkState, writeState } from '../nn/state-dict.js';
import { Tensor, type Workspace } from '../tensor/index.js';
import { tracing } from '../tensor/tracing.js';
import type {
  GroupOptions,
  OptimizedParameters,
  OptimizerState,
  ParamGroup,
  Settings,
} from './param-group.js';
import { readSettings, writeSettings } from './state.js';
import type { Scalars } from './update-rule.js';
import { StepNumbers, UpdateRule } from './update-rule.js';

/** Running values of an optimizer for one parameter, by name, with the number that they start from. */
export interface InitialState {
  readonly [name: string]: number;
}

/** New values of a parameter and its state. */
export type Updates = readonly (readonly [Tensor, Value])[];

interface ParameterState {
  /** Steps in which the parameter had a gradient. */
  steps: number;
  readonly values: Map<string, Tensor>;
}

/**
 * Base class of all optimizers. `S` is what their settings are; all of them can be given to the optimizer, and to a group of parameters
 * for itself.
 *
 * @example
 * ```ts
 * import { nn, optim } from 'hadal';
 * const [body, head] = [new nn.Linear(4, 8), new nn.Linear(8, 2)];
 * const opt = new optim.AdamW([{ params: body.parameters(), lr: 1e-4 }, { params: head.parameters() }], { lr: 1e-2 });
 * console.log(opt.paramGroups.map((group) => group.lr)); // [ 0.0001, 0.01 ]
 * ```
 */
export abstract class Optimizer<S extends Settings = Settings> {
  readonly paramGroups: ParamGroup<S>[] = [];
  readonly defaults: Readonly<S>;
  protected readonly workspace: Workspace;
  readonly #state = new Map<Tensor, ParameterState>();
  /** Running values that start from zero and are not in memory yet. */
  readonly #zeros = new Set<Tensor>();

  /** @param options what takes the place of `defaults` */
  constructor(parameters: OptimizedParameters<S>, defaults: S, options: Partial<S> = {}) {
    this.#checkNames(options, defaults);
    this.defaults = { ...defaults, ...options };
    const list = this.#listed<Tensor | GroupOptions<S>>(parameters);
    const [first] = list;
    if (first === undefined) throw new ArgumentError('an optimizer needs at least one parameter, got none');
    const groups = (first instanceof Tensor ? [{ params: list }] : list) as unknown as GroupOptions<S>[];
    const made = groups.map((group) => this.#check(group));
    this.workspace = known(made[0].params[0], 'a parameter').workspace;
    for (const group of made) this.#add(group);
    this.#settle();
  }

  // --- what an optimizer is ------------------------------------------------------------------------------------------------
  // The base class calls these while it is constructed: they read their arguments only.

  /** The name of the algorithm, as states have it. */
  abstract get type(): string;

  /** @throws ArgumentError for a setting out of its range. */
  protected abstract check(settings: S): void;

  /** The running values of a parameter under these settings. */
  protected abstract initialState(settings: S): InitialState;

  /** The numbers of a parameter's step, counted from 1; a parameter without a gradient does not count it. */
  protected abstract scalars(settings: S, step: number): Scalars;

  /** New values for a parameter and its state. */
  protected abstract update(rule: UpdateRule, p: Tensor, value: Value, grad: Value, settings: S): Updates;

  // --- groups --------------------------------------------------------------------------------------------------------------

  /** All parameters, group by group; their positions are their numbers in `stateDict`. */
  get parameters(): readonly Tensor[] {
    return this.paramGroups.flatMap((group) => group.params);
  }

  /** The learning rate of the first group. Setting it sets that of all. */
  get lr(): number {
    return this.paramGroups[0].lr;
  }

  set lr(value: number) {
    checkNumber('lr', value, 0);
    for (const group of this.paramGroups) group.lr = value;
  }

  /**
   * Adds parameters, for fine-tuning of layers that were frozen before.
   *
   * @throws ArgumentError if one is in a group already, or is no leaf.
   */
  addParamGroup(group: GroupOptions<S>): void {
    this.#add(this.#check(group));
    this.#settle();
  }

  #check({ params, ...given }: GroupOptions<S>): ParamGroup<S> {
    const list: readonly Tensor[] = params instanceof Tensor ? [params] : this.#listed(params);
    if (list.length === 0) throw new ArgumentError('an optimizer needs at least one parameter, got none');
    for (const p of list) {
      if (!(p instanceof Tensor))
        throw new ArgumentError('an optimizer takes tensors; pass model.parameters()');
      if (!p.isLeaf)
        throw new ArgumentError('an optimizer updates leaf tensors; this one was computed from others');
      if (!isFloat(p.dtype))
        throw new DTypeError(`an optimizer updates float tensors, got one of ${p.dtype}`);
    }
    this.#checkNames(given, this.defaults);
    const settings = { ...this.defaults, ...given } as S;
    checkNumber('lr', settings.lr, 0);
    this.check(settings);
    return { ...settings, params: list };
  }

  /** What can be gone over and holds no pairs of names and tensors: the model itself is a usual mistake. */
  #listed<T>(given: Iterable<T>): T[] {
    const list = typeof given?.[Symbol.iterator] === 'function' ? [...given] : null;
    if (list?.every((item) => typeof item === 'object' && item !== null && !Array.isArray(item))) return list;
    throw new ArgumentError(
      `${this.type}: expected parameters or groups { params, lr, ... }; pass model.parameters(), or [p] for one parameter`,
    );
  }

  #checkNames(settings: object, known: S): void {
    if (typeof settings !== 'object' || settings === null)
      throw new ArgumentError(`${this.type}: settings are an object such as { lr: 0.01 }, got ${settings}`);
    const unknown = Object.keys(settings).filter((name) => !(name in known) && name !== 'initialLr');
    if (unknown.length === 0) return;
    throw new ArgumentError(
      `${this.type}: no setting is called ${unknown.join(', ')}; there are ${Object.keys(known).join(', ')}`,
    );
  }

  #add(group: ParamGroup<S>): void {
    const have = new Set(this.parameters.map((p) => p.storage));
    for (const p of group.params) {
      if (have.has(p.storage)) throw new ArgumentError('an optimizer was given one parameter twice');
      if (p.workspace !== this.workspace)
        throw new ArgumentError('the parameters of an optimizer are all on one engine');
      have.add(p.storage);
    }
    this.paramGroups.push(group);
    for (const p of group.params) {
      for (const name of Object.keys(this.initialState(group))) this.state(p, name, group);
    }
  }

  /** Puts parameters and state into memory of their own, so that the first step runs the same plan as all others. */
  #settle(): void {
    const { engine } = this.workspace;
    const { parameters } = this;
    const state = parameters.flatMap((p) => [...(this.#state.get(p)?.values.values() ?? [])]);
    const zeros = state.filter(
      (t) => this.#zeros.has(t) && t.storage.version === 0 && t.storage.node.buffer === null,
    );
    this.#zeros.clear();
    const places = engine.zeros(zeros.map((t) => t.storage.node));
    zeros.forEach((t, i) => {
      t.storage.relocate(places[i]);
    });
    engine.realize([...parameters, ...state].map((t) => t.storage.node));
    for (const { storage } of parameters) storage.separate();
  }

  // --- state ---------------------------------------------------------------------------------------------------------------

  #stateOf(p: Tensor): ParameterState {
    let own = this.#state.get(p);
    if (own === undefined) {
      own = { steps: 0, values: new Map() };
      this.#state.set(p, own);
    }
    return own;
  }

  #fresh(p: Tensor, initial: number): Tensor {
    const { ops } = this.workspace;
    const t = Tensor.of(this.workspace, ops.argument(initial, wideDType(p.dtype), p.shape));
    if (initial === 0) this.#zeros.add(t);
    return t;
  }

  /** A running value of a parameter. */
  protected state(p: Tensor, name: string, settings: S): Tensor {
    const { values } = this.#stateOf(p);
    let t = values.get(name);
    if (t === undefined) {
      t = this.#fresh(p, this.initialState(settings)[name] ?? 0);
      values.set(name, t);
    }
    return t;
  }

  /**
   * Everything that the next step depends on but for the parameters themselves. The tensors follow the optimizer's updates.
   *
   * @example
   * ```ts
   * import { nn, ones, optim } from 'hadal';
   * const net = new nn.Linear(2, 1);
   * const opt = new optim.AdamW(net.parameters());
   * net.forward(ones([3, 2])).sum().backward();
   * opt.step();
   * console.log([...opt.stateDict().tensors.keys()].join(' ')); // 0.mean 0.square 1.mean 1.square
   * const other = new optim.AdamW(new nn.Linear(2, 1).parameters());
   * other.loadStateDict(opt.stateDict());
   * ```
   */
  stateDict(): OptimizerState {
    const tensors = new Map<string, Tensor>();
    this.parameters.forEach((p, i) => {
      for (const [name, t] of this.#stateOf(p).values) tensors.set(`${i}.${name}`, t.detach());
    });
    const steps = this.parameters.map((p) => this.#stateOf(p).steps);
    return { tensors, settings: writeSettings(this.type, this.paramGroups, steps) };
  }

  /**
   * Goes on from a saved state: the next steps are, bit by bit, those of the optimizer that it is from.
   *
   * @throws ArgumentError that lists everything that does not fit; nothing is changed then.
   */
  loadStateDict(saved: OptimizerState): void {
    if (!(saved?.tensors instanceof Map))
      throw new ArgumentError(
        `loadStateDict: the state is what stateDict() of a ${this.type} gives, { tensors, settings }`,
      );
    const { groups, steps, problems } = readSettings<S>(
      this.type,
      this.paramGroups,
      saved.settings,
      (settings) => {
        checkNumber('lr', settings.lr, 0);
        this.check(settings);
      },
    );
    const target = new Map<string, Tensor>();
    let index = 0;
    this.paramGroups.forEach((group, g) => {
      const names = Object.keys(this.initialState({ ...group, ...groups[g] }));
      for (const p of group.params) {
        const { values } = this.#stateOf(p);
        for (const name of names) target.set(`${index}.${name}`, values.get(name) ?? this.#fresh(p, 0));
        index++;
      }
    });
    const plan = checkState(target, saved.tensors, {});
    const all = [...problems, ...plan.problems];
    if (all.length > 0) {
      throw new ArgumentError(
        `loadStateDict: the state does not fit this ${this.type}; nothing was changed.\n${all.join('\n')}`,
      );
    }
    writeState(plan.pairs);
    this.paramGroups.forEach((group, g) => {
      Object.assign(group, groups[g]);
    });
    this.parameters.forEach((p, i) => {
      const own = this.#stateOf(p);
      own.steps = steps[i];
      own.values.clear();
    });
    for (const [key, t] of target) {
      const dot = key.indexOf('.');
      this.#stateOf(this.parameters[Number(key.slice(0, dot))]).values.set(key.slice(dot + 1), t);
    }
    this.#settle();
  }

  // --- training ------------------------------------------------------------------------------------------------------------

  /** Drops the gradients of all parameters. */
  zeroGrad(): void {
    for (const p of this.parameters) p.clearGrad();
  }

  /** Updates every parameter that has a gradient and runs all pending work. */
  step(): void {
    const trace = config.tracedTensors > 0 ? new Error('optimizer.step()') : null;
    tracing.current?.guard(this.paramGroups, () => this.paramGroups.length);
    const recorder = recording.current;
    const span = recorder?.begin('optimizer', this.type) ?? 0;
    try {
      withGradMode(false, () => {
        for (const group of this.paramGroups) this.#stepGroup(group, trace);
      });
    } finally {
      recorder?.end(span);
    }
    this.workspace.engine.realize([]);
  }

  #checkSettings(group: ParamGroup<S>): void {
    checkNumber('lr', group.lr, 0);
    this.check(group);
  }

  /** Counts the step of each of these parameters; those at the same step share their numbers. */
  #numbers(group: ParamGroup<S>, due: readonly Tensor[]): Map<ParameterState, StepNumbers> {
    const together = new Map<number, ParameterState[]>();
    for (const own of due.map((p) => this.#stateOf(p))) {
      const equal = together.get(own.steps);
      if (equal) equal.push(own);
      else together.set(own.steps, [own]);
    }
    const numbers = new Map<ParameterState, StepNumbers>();
    for (const states of together.values()) {
      tracing.current?.guard(states, () => states.every((own) => own.steps === states[0].steps));
      const shared = new StepNumbers(() => {
        this.#checkSettings(group);
        for (const own of states) own.steps++;
        return this.scalars(group, states[0].steps);
      });
      for (const own of states) numbers.set(own, shared);
    }
    return numbers;
  }

  #stepGroup(group: ParamGroup<S>, trace: Error | null): void {
    this.#checkSettings(group);
    tracing.current?.guard(group, () => formOf(group));
    const due = group.params.filter((p) => p.gradValue !== null);
    const numbers = this.#numbers(group, due);
    for (const p of due) {
      const grad = known(p.gradValue, 'a gradient');
      const shared = known(numbers.get(this.#stateOf(p)), 'numbers of the step');
      const rule = new UpdateRule(this.workspace.ops, p, shared);
      for (const [target, value] of this.update(rule, p, rule.plain(p), rule.off(grad), group)) {
        const { storage } = target;
        storage.assign(new Value(rule.stored(target, value).node, storage.value.edge), trace);
      }
    }
  }
}

/** What an update may branch on: which settings are on, and which numbers are zero. The learning rate is none of them. */
function formOf({ params, lr, initialLr, ...settings }: ParamGroup): string {
  let form = '';
  for (const value of Object.values(settings as { readonly [name: string]: unknown }))
    form += typeof value === 'boolean' ? value : value === 0;
  return form;
}

/** @throws ArgumentError unless `value` is a number from `least` to below `below`. */
export function checkNumber(
  name: string,
  value: number,
  least: number,
  below = Number.POSITIVE_INFINITY,
): number {
  if (Number.isFinite(value) && value >= least && value < below) return value;
  const range = below === Number.POSITIVE_INFINITY ? `at least ${least}` : `from ${least} to below ${below}`;
  throw new ArgumentError(`optimizer: ${name} is a number ${range}, got ${value}`);
}

/** @throws ArgumentError unless `betas` are two shares. */
export function checkBetas(betas: readonly [number, number]): void {
  checkNumber('betas[0]', betas[0], 0, 1);
  checkNumber('betas[1]', betas[1], 0, 1);
}
