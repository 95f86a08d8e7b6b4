/**
 * Hooks of modules. People call `forward` themselves, and every layer overrides it, so there is no place in a base class that all calls
 * pass. The first hook of a module therefore puts a `forward` of the instance's own before that of its class, and the last one to go
 * takes it away again: a module without hooks pays nothing.
 */
import { isGradEnabled } from '../autograd/mode.js';
import { ArgumentError } from '../base/errors.js';
import { type BackwardHook, BackwardPassage, type BackwardPreHook } from './backward-hooks.js';

export interface HookHandle {
  /** Takes the hook away; doing it twice is harmless. */
  remove(): void;
}

/** Sees the inputs before `forward`; what it returns, if anything, takes their place. */
export type ForwardPreHook<M, Inputs extends readonly unknown[]> = (
  module: M,
  inputs: Inputs,
  // biome-ignore lint/suspicious/noConfusingVoidType: a hook may be an arrow function whose body is a call without a result.
) => Inputs | undefined | void;

/** Sees inputs and result of `forward`; what it returns, if anything, takes the result's place. */
export type ForwardHook<M, Inputs extends readonly unknown[], Output> = (
  module: M,
  inputs: Inputs,
  output: Output,
  // biome-ignore lint/suspicious/noConfusingVoidType: a hook may be an arrow function whose body is a call without a result.
) => Output | undefined | void;

type Forward = (...inputs: unknown[]) => unknown;
type Before = ForwardPreHook<object, unknown[]>;
type After = ForwardHook<object, unknown[], unknown>;

/** The hooks of one module. What they take and give is the module's business; `Module` has the types. */
export class ModuleHooks {
  readonly #module: { forward: Forward };
  readonly #before = new Set<{ readonly hook: Before }>();
  readonly #after = new Set<{ readonly hook: After }>();
  readonly #backward = {
    before: new Set<{ readonly hook: BackwardPreHook<object> }>(),
    after: new Set<{ readonly hook: BackwardHook<object> }>(),
  };
  #uninstall: (() => void) | null = null;

  constructor(module: { forward: Forward }) {
    this.#module = module;
  }

  addBefore(hook: Before): HookHandle {
    return this.#add(this.#before, { hook });
  }

  addAfter(hook: After): HookHandle {
    return this.#add(this.#after, { hook });
  }

  addBeforeBackward(hook: BackwardPreHook<object>): HookHandle {
    return this.#add(this.#backward.before, { hook });
  }

  addAfterBackward(hook: BackwardHook<object>): HookHandle {
    return this.#add(this.#backward.after, { hook });
  }

  get #count(): number {
    return this.#before.size + this.#after.size + this.#backwardCount;
  }

  get #backwardCount(): number {
    return this.#backward.before.size + this.#backward.after.size;
  }

  #add<Entry extends { readonly hook: unknown }>(set: Set<Entry>, entry: Entry): HookHandle {
    if (typeof entry.hook !== 'function')
      throw new ArgumentError(`a hook is a function, got ${typeof entry.hook}`);
    this.#install();
    set.add(entry);
    return {
      remove: () => {
        set.delete(entry);
        if (this.#count === 0) this.#uninstall?.();
      },
    };
  }

  #install(): void {
    if (this.#uninstall !== null) return;
    const module = this.#module;
    const own = Object.getOwnPropertyDescriptor(module, 'forward');
    const original = module.forward;
    const hooked: Forward = (...inputs) => this.#run(original, inputs);
    // Not enumerable: the fields of a module are searched for parameters and shown to people.
    Object.defineProperty(module, 'forward', {
      value: hooked,
      configurable: true,
      writable: true,
      enumerable: false,
    });
    this.#uninstall = () => {
      // Somebody may have put another forward over this one, which still calls it.
      if (module.forward !== hooked) return;
      Reflect.deleteProperty(module, 'forward');
      if (own !== undefined) Object.defineProperty(module, 'forward', own);
      this.#uninstall = null;
    };
  }

  #run(original: Forward, given: unknown[]): unknown {
    let inputs = given;
    for (const { hook } of [...this.#before]) inputs = hook(this.#module, inputs) ?? inputs;
    const passage =
      this.#backwardCount > 0 && isGradEnabled() ? new BackwardPassage(this.#module, this.#backward) : null;
    const entered = passage === null ? inputs : passage.enter(inputs);
    let output = original.apply(this.#module, entered);
    for (const { hook } of [...this.#after]) output = hook(this.#module, entered, output) ?? output;
    return passage === null ? output : passage.leave(output);
  }
}
