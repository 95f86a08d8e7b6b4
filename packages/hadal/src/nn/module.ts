/**
 * Module: a piece of a network with parameters. Parameters, buffers and submodules are found among the fields of an instance, so a class
 * with fields is a module and nothing has to be registered.
 */
import type { DType } from '../base/dtype.js';
import { ArgumentError } from '../base/errors.js';
import type { Tensor } from '../tensor/index.js';
import { tracing } from '../tensor/tracing.js';
import type { BackwardHook, BackwardPreHook } from './backward-hooks.js';
import type { Config } from './config/json.js';
import { convertInPlace } from './convert.js';
import type { ForwardHook, ForwardPreHook, HookHandle } from './hooks.js';
import { ModuleHooks } from './hooks.js';
import { Buffer, Parameter } from './parameter.js';
import type { LoadOptions, LoadResult } from './state-dict.js';
import { copyState } from './state-dict.js';
import { summarize } from './summary.js';

/** A module of whatever inputs and output: what code takes that walks over modules and does not call them. */
export type AnyModule = Module<never[], unknown>;

/**
 * Base class of all layers and networks. `Inputs` and `Output` are what `forward` takes and gives: tensors and a tensor unless a class
 * says otherwise, as in `class Pair extends nn.Module<[a: Tensor, b: Tensor], { sum: Tensor }>`.
 *
 * Own fields are searched for parameters, buffers and modules, and for arrays of them, arrays of arrays among them. Fields with a `#` are
 * not, nor are plain objects and maps: `nn.ModuleDict` is a map of modules.
 *
 * @example
 * ```ts
 * import { nn, ones, type Tensor } from 'hadal';
 * class Net extends nn.Module {
 *   hidden = new nn.Linear(4, 8);
 *   out = new nn.Linear(8, 2);
 *   override forward(x: Tensor): Tensor {
 *     return this.out.forward(this.hidden.forward(x).relu());
 *   }
 * }
 * console.log(new Net().forward(ones([3, 4])).shape); // [ 3, 2 ]
 * ```
 */
export abstract class Module<Inputs extends readonly unknown[] = Tensor[], Output = Tensor> {
  #training = true;
  #hooks: ModuleHooks | null = null;

  /** Whether dropout and the like behave as in training. */
  get training(): boolean {
    tracing.current?.guard(this, () => this.#training);
    return this.#training;
  }

  set training(mode: boolean) {
    this.#training = mode;
  }

  abstract forward(...inputs: Inputs): Output;

  static {
    // The compiler asks for a `forward`; JavaScript does not.
    Object.defineProperty(Module.prototype, 'forward', {
      value(this: object): never {
        throw new ArgumentError(
          `${this.constructor.name}: a module computes by a method forward(...inputs), and this class has none; write one`,
        );
      },
      writable: true,
      configurable: true,
    });
  }

  /** This module as one of whatever inputs and output. */
  get #self(): AnyModule {
    return this as unknown as AnyModule;
  }

  // --- what it consists of -------------------------------------------------------------------------------------------------

  /** Names and values among which parameters, buffers and modules are looked for: fields, and the elements of those that are arrays, whatever their depth. */
  protected *members(): Generator<readonly [string, unknown]> {
    for (const [name, field] of Object.entries(this)) yield* elements(name, field);
  }

  /** Direct submodules with their names; elements of arrays have their position as name. */
  *namedChildren(): Generator<readonly [string, AnyModule]> {
    for (const [name, member] of this.members()) if (member instanceof Module) yield [name, member];
  }

  *children(): Generator<AnyModule> {
    for (const [, child] of this.namedChildren()) yield child;
  }

  /** This module and all below it with their paths, each once; its own path is ''. */
  *namedModules(prefix = '', seen = new Set<AnyModule>()): Generator<readonly [string, AnyModule]> {
    if (seen.has(this.#self)) return;
    seen.add(this.#self);
    yield [prefix, this.#self];
    for (const [name, child] of this.namedChildren())
      yield* child.namedModules(prefix === '' ? name : `${prefix}.${name}`, seen);
  }

  /** This module and all below it, each once. */
  *modules(): Generator<AnyModule> {
    for (const [, module] of this.namedModules()) yield module;
  }

  *#named<T extends Tensor>(
    kind: new (...args: never[]) => T,
    prefix: string,
    path: Set<AnyModule>,
  ): Generator<readonly [string, T]> {
    if (path.has(this.#self)) return;
    path.add(this.#self);
    for (const [name, member] of this.members()) if (member instanceof kind) yield [prefix + name, member];
    for (const [name, child] of this.namedChildren()) yield* child.#named(kind, `${prefix}${name}.`, path);
    path.delete(this.#self);
  }

  *#namedOnce<T extends Tensor>(
    kind: new (...args: never[]) => T,
    prefix: string,
  ): Generator<readonly [string, T]> {
    const seen = new Set<T>();
    for (const entry of this.#named(kind, prefix, new Set())) {
      if (seen.has(entry[1])) continue;
      seen.add(entry[1]);
      yield entry;
    }
  }

  /** All parameters with their paths, each once: a shared (tied) parameter is named where it is met first. */
  namedParameters(prefix = ''): Generator<readonly [string, Parameter]> {
    return this.#namedOnce(Parameter, prefix);
  }

  *parameters(): Generator<Parameter> {
    for (const [, parameter] of this.namedParameters()) yield parameter;
  }

  /** All buffers with their paths, each once. */
  namedBuffers(prefix = ''): Generator<readonly [string, Buffer]> {
    return this.#namedOnce(Buffer, prefix);
  }

  *buffers(): Generator<Buffer> {
    for (const [, buffer] of this.namedBuffers()) yield buffer;
  }

  /** Calls a function with every module below this one, and at last with this one. */
  apply(fn: (module: AnyModule) => void): this {
    if (typeof fn !== 'function')
      throw new ArgumentError(
        `${this.constructor.name}: apply takes a function of a module, got ${String(fn)}`,
      );
    for (const child of this.children()) child.apply(fn);
    fn(this.#self);
    return this;
  }

  // --- modes ---------------------------------------------------------------------------------------------------------------

  /** Sets training or evaluation mode here and below. */
  train(mode = true): this {
    for (const m of this.modules()) m.training = mode;
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  /** Whether all parameters here and below are learned. */
  requiresGrad_(on = true): this {
    for (const p of this.parameters()) p.requiresGrad_(on);
    return this;
  }

  /** Drops the gradients of all parameters. */
  zeroGrad(): void {
    for (const p of this.parameters()) p.clearGrad();
  }

  /**
   * Converts all float parameters and buffers to a dtype, in place: who holds one sees it changed. Gradients are dropped. An optimizer
   * made before keeps its state in the old dtype, so make it after.
   *
   * @throws DTypeError if it is no float dtype.
   */
  to(dtype: DType): this {
    convertInPlace([...this.parameters(), ...this.buffers()], dtype);
    return this;
  }

  float(): this {
    return this.to('float32');
  }

  double(): this {
    return this.to('float64');
  }

  half(): this {
    return this.to('float16');
  }

  bfloat16(): this {
    return this.to('bfloat16');
  }

  // --- state ---------------------------------------------------------------------------------------------------------------

  /**
   * All parameters and persistent buffers by their paths ('0.weight', 'encoder.layers.1.bias'). The tensors are aliases off the tape:
   * they follow the module's updates. A tied parameter is there under each of its names.
   *
   * @example
   * ```ts
   * import { nn } from 'hadal';
   * const net = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 2));
   * console.log([...net.stateDict().keys()].join(' ')); // 0.weight 0.bias 2.weight 2.bias
   * const copy = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 2));
   * copy.loadStateDict(net.stateDict());
   * ```
   */
  stateDict(): Map<string, Tensor> {
    const out = new Map<string, Tensor>();
    this.#collectState(out, '', new Set());
    return out;
  }

  #collectState(out: Map<string, Tensor>, prefix: string, path: Set<AnyModule>): void {
    if (path.has(this.#self)) return;
    path.add(this.#self);
    for (const [name, m] of this.members()) {
      if (m instanceof Parameter || (m instanceof Buffer && m.persistent)) out.set(prefix + name, m.detach());
    }
    for (const [name, child] of this.namedChildren()) child.#collectState(out, `${prefix}${name}.`, path);
    path.delete(this.#self);
  }

  /**
   * Copies a state into parameters and buffers, converting dtypes. Everything is checked first.
   *
   * @throws ArgumentError that lists every missing and unexpected name and every wrong shape; the module is unchanged then.
   */
  loadStateDict(state: ReadonlyMap<string, Tensor>, options: LoadOptions = {}): LoadResult {
    return copyState(this.constructor.name, this.stateDict(), state, options);
  }

  // --- hooks ---------------------------------------------------------------------------------------------------------------

  get #allHooks(): ModuleHooks {
    this.#hooks ??= new ModuleHooks(this as unknown as { forward(...inputs: unknown[]): unknown });
    return this.#hooks;
  }

  /**
   * Calls `hook(module, inputs, output)` after every `forward`. What it returns, if anything, takes the output's place.
   *
   * @example
   * ```ts
   * import { nn, ones } from 'hadal';
   * const layer = new nn.Linear(4, 2);
   * const handle = layer.registerForwardHook((_, [x], y) => console.log(x.shape, y.shape)); // [ 3, 4 ] [ 3, 2 ]
   * layer.forward(ones([3, 4]));
   * handle.remove();
   * ```
   */
  registerForwardHook<I extends readonly unknown[] = Inputs, O = Output>(
    // Parameters of its own, which are Inputs and Output: with those themselves no module would be one of other inputs.
    hook: ForwardHook<this, NoInfer<I>, NoInfer<O>>,
  ): HookHandle {
    return this.#allHooks.addAfter(hook as unknown as Parameters<ModuleHooks['addAfter']>[0]);
  }

  /** Calls `hook(module, inputs)` before every `forward`. What it returns, if anything, takes the inputs' place. */
  registerForwardPreHook<I extends readonly unknown[] = Inputs>(
    hook: ForwardPreHook<this, NoInfer<I>>,
  ): HookHandle {
    return this.#allHooks.addBefore(hook as unknown as Parameters<ModuleHooks['addBefore']>[0]);
  }

  /**
   * Calls `hook(module, gradInput, gradOutput)` when a backward pass has the gradients of this module's inputs: lists by position, with
   * null for inputs and results that need none (for all inputs, where none does). What it returns, if anything, takes the place of
   * `gradInput`: a list as long, or the only gradient by itself. It is about every call of `forward` after it was registered.
   *
   * Ref: torch.nn.Module.register_full_backward_hook.
   *
   * @throws AutogradError during backward if it returns another number of gradients.
   * @example
   * ```ts
   * import { nn, ones } from 'hadal';
   * const layer = new nn.ReLU();
   * layer.registerFullBackwardHook((_, [gradInput]) => gradInput?.mul(10));
   * const x = ones([2]).requiresGrad_();
   * layer.forward(x).sum().backward();
   * console.log(x.grad?.tolistSync()); // [ 10, 10 ]
   * ```
   */
  registerFullBackwardHook(hook: BackwardHook<this>): HookHandle {
    return this.#allHooks.addAfterBackward(hook as BackwardHook<object>);
  }

  /**
   * Calls `hook(module, gradOutput)` when a backward pass has the gradients of this module's results, before it goes through the module.
   * What it returns, if anything, takes their place.
   */
  registerFullBackwardPreHook(hook: BackwardPreHook<this>): HookHandle {
    return this.#allHooks.addBeforeBackward(hook as BackwardPreHook<object>);
  }

  // --- for people ----------------------------------------------------------------------------------------------------------

  /**
   * The constructor's arguments as plain data, for `nn.toConfig`; null for classes that cannot be made from data. A class that has
   * one must be registered with `nn.registerLayer`.
   */
  config(): Config | null {
    return null;
  }

  /** What is shown of this layer's settings in `toString`: those of `config`, if not said otherwise. */
  protected describe(): string {
    return Object.entries(this.config() ?? {})
      .filter(([, value]) => value === null || typeof value !== 'object' || isPlainList(value))
      .map(([name, value]) => `${name}=${typeof value === 'string' ? `'${value}'` : showPlain(value)}`)
      .join(', ');
  }

  /** The lines that stand for the submodules in `toString`. */
  protected describeChildren(): string[] {
    return Array.from(this.namedChildren(), ([name, child]) => `(${name}): ${child}`);
  }

  /**
   * A table of all layers with their output shapes and parameter counts, from one forward pass in evaluation mode without gradients.
   *
   * @param inputs the shape of a float32 input, batch first, or example inputs.
   * @example
   * ```ts
   * import { nn } from 'hadal';
   * const net = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 2));
   * console.log(net.summary([32, 4]).includes('58 parameters')); // true
   * ```
   */
  summary(...inputs: readonly unknown[]): string {
    return summarize(this as unknown as Module<unknown[], unknown>, inputs);
  }

  toString(): string {
    const { name } = this.constructor;
    if (shown.has(this.#self)) return `${name}(...)`;
    shown.add(this.#self);
    let children: string[];
    try {
      children = this.describeChildren();
    } finally {
      shown.delete(this.#self);
    }
    if (children.length === 0) return `${name}(${this.describe()})`;
    const settings = this.describe();
    const lines = [...(settings === '' ? [] : [settings]), ...children];
    return `${name}(\n${lines.map((line) => `  ${line.replaceAll('\n', '\n  ')}`).join('\n')}\n)`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** A value by its path, or all that is in it if it is an array. */
function* elements(path: string, value: unknown): Generator<readonly [string, unknown]> {
  if (!Array.isArray(value)) yield [path, value];
  else for (const [i, item] of value.entries()) yield* elements(`${path}.${i}`, item);
}

/** Modules whose text is being made: one that holds itself is shown once. */
const shown = new Set<AnyModule>();

function isPlainList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((v) => typeof v !== 'object');
}

function showPlain(value: unknown): string {
  return Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
}

/** A size that a layer is made with. */
export function checkSize(layer: string, name: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new ArgumentError(`${layer}: ${name} is a positive integer, got ${value}`);
}
