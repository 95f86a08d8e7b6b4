/**
 * Backward hooks of modules. Two functions that change nothing stand around a call of `forward`: the inputs go in through one, the
 * results come out through the other. What the backward pass brings to them are the gradients of the module's results and inputs.
 */
import { isGradEnabled } from '../autograd/mode.js';
import { ArgumentError, AutogradError } from '../base/errors.js';
import { type Context, CustomFunction } from '../tensor/function.js';
import { Tensor } from '../tensor/index.js';
import { describeKind, formOf, putTogether } from '../tensor/structure.js';

/** Gradients by position; null for what has none. */
export type ModuleGradients = readonly (Tensor | null)[];

/** What takes the place of gradients: as many, or the only one by itself; nothing to leave them. */
// biome-ignore lint/suspicious/noConfusingVoidType: a hook may be a function without a result
export type NewGradients = ModuleGradients | Tensor | null | undefined | void;

/** Sees the gradients of the results before those of the inputs are computed; what it returns, if anything, takes their place. */
export type BackwardPreHook<M> = (module: M, gradOutput: ModuleGradients) => NewGradients;

/** Sees the gradients of the inputs, and of the results; what it returns, if anything, takes the place of those of the inputs. */
export type BackwardHook<M> = (
  module: M,
  gradInput: ModuleGradients,
  gradOutput: ModuleGradients,
) => NewGradients;

type Seen = (grads: ModuleGradients) => ModuleGradients;

/** Gives its tensors back as they are, and its gradients as `seen` makes them. */
class ModuleBackwardHook extends CustomFunction {
  static forward(ctx: Context<{ seen: Seen }>, seen: Seen, ...tensors: readonly Tensor[]): readonly Tensor[] {
    ctx.seen = seen;
    ctx.setMaterializeGrads(false);
    return tensors.map((t) => t.detach());
  }

  static backward(ctx: Context<{ seen: Seen }>, ...grads: ModuleGradients): ModuleGradients {
    return [null, ...ctx.seen(grads)];
  }
}

export interface BackwardHookList {
  readonly before: Iterable<{ readonly hook: BackwardPreHook<object> }>;
  readonly after: Iterable<{ readonly hook: BackwardHook<object> }>;
}

/** One call of `forward` that backward hooks will see the gradients of. */
export class BackwardPassage {
  readonly #module: object;
  readonly #hooks: BackwardHookList;
  #inputs = 0;
  /** Whether an input requires a gradient: if none does, the hooks are called when those of the results are there. */
  #hasInput = false;
  #gradOutput: ModuleGradients | null = null;

  constructor(module: object, hooks: BackwardHookList) {
    this.#module = module;
    this.#hooks = hooks;
  }

  /** The inputs that `forward` is to get. */
  enter(inputs: readonly unknown[]): unknown[] {
    const passed = [...inputs];
    this.#inputs = inputs.length;
    const at = inputs.flatMap((x, i) => (needsGradient(x) ? [i] : []));
    if (at.length === 0) return passed;
    this.#hasInput = true;
    const entered = ModuleBackwardHook.apply(
      (grads: ModuleGradients) => this.#inputGradients(at, grads),
      ...at.map((i) => inputs[i] as Tensor),
    );
    at.forEach((i, k) => {
      passed[i] = entered[k];
    });
    return passed;
  }

  /** What the caller of `forward` is to get. */
  leave(output: unknown): unknown {
    if (!isGradEnabled()) return output;
    const tensors: Tensor[] = [];
    const form = formOf(output, {
      number: (t) => tensors.push(t) - 1,
      allows: () => true,
      refuse: (at, x) =>
        new ArgumentError(
          `a backward hook of ${this.#name} needs a result of tensors, lists and plain objects, got ${describeKind(x)}${at === '' ? '' : ` at ${at}`}`,
        ),
      fail: (problem) => new ArgumentError(`a backward hook of ${this.#name}: its result is ${problem}`),
    });
    const at = tensors.flatMap((t, i) => (needsGradient(t) ? [i] : []));
    if (at.length === 0) return output;
    const left = ModuleBackwardHook.apply(
      (grads: ModuleGradients) => this.#outputGradients(at, tensors.length, grads),
      ...at.map((i) => tensors[i]),
    );
    at.forEach((i, k) => {
      tensors[i] = left[k];
    });
    return putTogether(form, (index) => tensors[index]);
  }

  get #name(): string {
    return this.#module.constructor.name;
  }

  #outputGradients(at: readonly number[], count: number, grads: ModuleGradients): ModuleGradients {
    let now = spread(at, count, grads);
    for (const { hook } of [...this.#hooks.before])
      now = this.#replaced('outputs', hook(this.#module, now), now);
    this.#gradOutput = now;
    if (!this.#hasInput) {
      const none = new Array<null>(this.#inputs).fill(null);
      for (const { hook } of [...this.#hooks.after]) {
        const result = this.#replaced('inputs', hook(this.#module, none, now), none);
        if (result.some((grad) => grad !== null))
          throw new AutogradError(
            `a backward hook of ${this.#name} returned a gradient for an input, but none of the inputs requires one; return nothing`,
          );
      }
    }
    return at.map((i) => now[i]);
  }

  #inputGradients(at: readonly number[], grads: ModuleGradients): ModuleGradients {
    const gradOutput = this.#gradOutput;
    // The gradient came to the inputs by another way than through the results.
    if (gradOutput === null) return grads;
    let now = spread(at, this.#inputs, grads);
    for (const { hook } of [...this.#hooks.after])
      now = this.#replaced('inputs', hook(this.#module, now, gradOutput), now);
    return at.map((i) => now[i]);
  }

  #replaced(of: 'inputs' | 'outputs', result: NewGradients, now: ModuleGradients): ModuleGradients {
    if (result === null || result === undefined) return now;
    const list: ModuleGradients = result instanceof Tensor ? [result] : result;
    if (Array.isArray(list) && list.length === now.length) return list;
    throw new AutogradError(
      `a backward hook of ${this.#name} returned ${Array.isArray(list) ? `${list.length} gradients` : `a ${typeof list}`} for ` +
        `${now.length} ${of}; return one for each, null for those without one`,
    );
  }
}

function needsGradient(x: unknown): boolean {
  return x instanceof Tensor && x.requiresGrad;
}

/** Gradients at their positions among others. */
function spread(at: readonly number[], count: number, grads: ModuleGradients): ModuleGradients {
  const all = new Array<Tensor | null>(count).fill(null);
  at.forEach((i, k) => {
    all[i] = grads[k];
  });
  return all;
}
