/** Functions whose gradient the user writes. */
import type { FunctionInput } from '../autograd/function-grad-fn.js';
import { FunctionGradFn } from '../autograd/function-grad-fn.js';
import { isGradEnabled, withGradMode } from '../autograd/mode.js';
import { checkVersion, releasedError } from '../autograd/saved.js';
import { Value } from '../autograd/value.js';
import { isFloat } from '../base/dtype.js';
import { ArgumentError, AutogradError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import type { Node } from '../graph/node.js';
import { Tensor } from './tensor.js';
import type { Workspace } from './workspace.js';

/** A tensor that a function keeps for its gradient, at the version it had. */
interface SavedTensor {
  readonly tensor: Tensor;
  readonly node: Node;
  readonly shape: Shape;
  readonly version: number;
}

/** What a call asks of its context, and users do not see. */
interface Internals {
  isDifferentiable(c: FunctionContext, t: Tensor): boolean;
  dirty(c: FunctionContext): ReadonlySet<Tensor>;
  materializes(c: FunctionContext): boolean;
  /** Takes up what forward saved; results stand under their new tensors, which are on the tape. */
  keep(c: FunctionContext, results: ReadonlyMap<Tensor, Tensor>): void;
  release(c: FunctionContext): void;
}

let internal: Internals;

/** What `forward` and `backward` of one call of a custom function have in common. */
export class FunctionContext {
  readonly #name: string;
  /** Which arguments of forward are tensors that require a gradient. */
  readonly needsInputGrad: readonly boolean[];
  #toSave: readonly (Tensor | null)[] = [];
  #saved: readonly (SavedTensor | null)[] = [];
  readonly #nonDifferentiable = new Set<Tensor>();
  readonly #dirty = new Set<Tensor>();
  #materialize = true;
  #released = false;

  /** Not for users. */
  constructor(name: string, needsInputGrad: readonly boolean[]) {
    this.#name = name;
    this.needsInputGrad = needsInputGrad;
  }

  /** In forward: keeps tensors for backward: arguments, results, or what was computed on the way. Again replaces what was kept. */
  saveForBackward(...tensors: readonly (Tensor | null)[]): void {
    this.#toSave = tensors;
  }

  /**
   * In backward: what was saved.
   *
   * @throws AutogradError if one has been changed in place since, or the graph was gone over before.
   */
  get savedTensors(): readonly Tensor[] {
    return this.savedTensorsOrNull.map((t, i) => {
      if (t !== null) return t;
      throw new AutogradError(
        `${this.#name}: null was saved at position ${i}; read savedTensorsOrNull, which gives it back`,
      );
    });
  }

  /** `savedTensors` with null where null was saved. */
  get savedTensorsOrNull(): readonly (Tensor | null)[] {
    if (this.#released) throw releasedError(`${this.#name}Backward`);
    return this.#saved.map((s, i) => {
      if (s === null) return null;
      checkVersion(`${this.#name}Backward`, `saved tensor ${i}`, s.shape, s.tensor.storage, s.version);
      return s.tensor;
    });
  }

  /** In forward: results that no gradient flows through, though they are float tensors. */
  markNonDifferentiable(...outputs: readonly Tensor[]): void {
    for (const t of outputs) this.#nonDifferentiable.add(t);
  }

  /** In forward: arguments that it changes in place; they must be among the results as well. */
  markDirty(...inputs: readonly Tensor[]): void {
    for (const t of inputs) this.#dirty.add(t);
  }

  /** In forward: whether backward gets zeros (as by default) or null for results that no gradient reached. */
  setMaterializeGrads(on: boolean): void {
    this.#materialize = on;
  }

  static {
    internal = {
      isDifferentiable: (c, t) => isFloat(t.dtype) && !c.#nonDifferentiable.has(t),
      dirty: (c) => c.#dirty,
      materializes: (c) => c.#materialize,
      keep(c, results) {
        c.#saved = c.#toSave.map((given) => {
          if (given === null) return null;
          const tensor = results.get(given) ?? given;
          const { node, shape } = tensor.value;
          node.saved++;
          return { tensor, node, shape, version: tensor.storage.version };
        });
        c.#toSave = [];
      },
      release(c) {
        if (c.#saved.length === 0) return;
        for (const s of c.#saved) if (s !== null) s.node.saved--;
        c.#saved = [];
        c.#released = true;
      },
    };
  }
}

/**
 * The context of a function that keeps more than tensors: `forward(ctx: autograd.Context<{ scale: number }>, ...)` may set
 * `ctx.scale` and backward read it.
 */
export type Context<State extends object = object> = FunctionContext & State;

/** The result of a forward function: one tensor, or a list with tensors in it. */
export type FunctionResult = Tensor | readonly unknown[];

export type FunctionGradients = Tensor | null | readonly (Tensor | null)[];

/** What a class must have to be applied. */
export interface FunctionClass<
  C extends FunctionContext,
  Arguments extends readonly unknown[],
  Result extends FunctionResult,
> {
  readonly name: string;
  forward(context: C, ...args: Arguments): Result;
  backward(context: C, ...grads: never[]): FunctionGradients;
}

/**
 * A function with a gradient of your own: a subclass has static `forward(ctx, ...args)`, which is not recorded, and static
 * `backward(ctx, ...grads)`, which gets the gradient of each result and gives that of each argument, null for those without one.
 * `apply(...args)` calls it. Arguments may be anything; gradients flow to those that are tensors. Backward is made of tensor ops, so
 * with `createGraph` it is recorded and can be differentiated again.
 *
 * Ref: torch.autograd.Function.
 *
 * @example
 * ```ts
 * import { autograd, tensor, type Tensor } from 'hadal';
 * class Cube extends autograd.Function {
 *   static forward(ctx: autograd.Context, x: Tensor): Tensor {
 *     ctx.saveForBackward(x);
 *     return x.mul(x).mul(x);
 *   }
 *   static backward(ctx: autograd.Context, grad: Tensor): Tensor {
 *     const [x] = ctx.savedTensors;
 *     return grad.mul(x).mul(x).mul(3);
 *   }
 * }
 * const x = tensor([1, 2], { requiresGrad: true });
 * Cube.apply(x).sum().backward();
 * console.log(x.grad?.tolistSync()); // [ 3, 12 ]
 * ```
 */
// biome-ignore lint/complexity/noStaticOnlyClass: what users write is a subclass of it
export abstract class CustomFunction {
  /**
   * Calls the function.
   *
   * @throws AutogradError here if forward gives something else than tensors; during backward if it gives the wrong number or shape of
   * gradients.
   */
  static apply<
    C extends FunctionContext,
    Arguments extends readonly unknown[],
    Result extends FunctionResult,
  >(this: FunctionClass<C, Arguments, Result>, ...args: Arguments): Result {
    // biome-ignore lint/complexity/noThisInStatic: it is the user's subclass
    return applyFunction(this, args);
  }
}

/** A place on the tape, as it was before forward might change it. */
function inputOf(x: unknown): FunctionInput | null {
  if (!(x instanceof Tensor)) return null;
  const { edge, shape, dtype } = x.value;
  return { edge, shape, dtype };
}

function applyFunction<C extends FunctionContext, A extends readonly unknown[], R extends FunctionResult>(
  fn: FunctionClass<C, A, R>,
  args: A,
): R {
  const inputs = args.map(inputOf);
  if (isGradEnabled() && args.some(isTraced))
    throw new AutogradError(
      `${fn.name}: a custom function has no gradient in the step of a scan, which is differentiated op by op; ` +
        'write it with tensor ops there, or call it under noGrad()',
    );
  const context = new FunctionContext(
    fn.name,
    inputs.map((input) => input !== null && input.edge !== null),
  );
  const result = withGradMode(false, () => fn.forward(context as C, ...args));
  const list: readonly unknown[] = Array.isArray(result) ? result : [result];
  const tensors = list.filter((x) => x instanceof Tensor);
  if (tensors.length === 0 || (!Array.isArray(result) && tensors.length !== 1)) {
    throw new AutogradError(
      `${fn.name}: forward returns a tensor or a list with tensors in it, this one returned ${kindOf(result)}`,
    );
  }
  const dirty = internal.dirty(context);
  for (const t of dirty) checkDirty(fn.name, t, args, tensors);
  if (!isGradEnabled() || !context.needsInputGrad.some((needed) => needed)) return result;

  const space = tensors[0].workspace;
  const grads = new Gradients(fn, context, space, tensors);
  const made = new FunctionGradFn(inputs, tensors.length, grads);
  const onTape = new Map<Tensor, Tensor>();
  tensors.forEach((t, i) => {
    const differentiable = internal.isDifferentiable(context, t);
    const edge = differentiable ? made.edgeOf(i) : null;
    if (dirty.has(t)) {
      if (edge !== null) t.storage.rebase(edge);
    } else onTape.set(t, Tensor.of(space, new Value(t.value.node, edge)));
  });
  internal.keep(context, onTape);
  const tape = (x: unknown): unknown => (x instanceof Tensor ? (onTape.get(x) ?? x) : x);
  return (Array.isArray(result) ? result.map(tape) : tape(result)) as R;
}

/** Whether an argument has its value in the steps of a scan only. */
function isTraced(x: unknown): boolean {
  if (!(x instanceof Tensor)) return false;
  const { trace } = x.workspace.engine.pending;
  return trace?.depends(x.value.node) ?? false;
}

function kindOf(x: unknown): string {
  if (x === null) return 'null';
  return Array.isArray(x) ? 'a list without any' : typeof x;
}

function checkDirty(name: string, t: Tensor, args: readonly unknown[], results: readonly Tensor[]): void {
  if (!args.includes(t) || !results.includes(t))
    throw new ArgumentError(
      `${name}: markDirty is for arguments that are changed in place and returned as well`,
    );
  if (!isGradEnabled()) return;
  const { value, storage } = t;
  if (value.edge?.kind === 'leaf') {
    throw new AutogradError(
      `${name}: a leaf tensor that requires a gradient cannot be changed in place while gradients are recorded`,
    );
  }
  if (value !== storage.value)
    throw new AutogradError(
      `${name}: markDirty is not supported for views and detached tensors; pass a clone(), or return a new tensor`,
    );
}

/** The user's backward as the tape calls it. */
class Gradients<C extends FunctionContext, A extends readonly unknown[], R extends FunctionResult> {
  readonly #fn: FunctionClass<C, A, R>;
  readonly #context: FunctionContext;
  readonly #space: Workspace;
  readonly #results: readonly { readonly shape: Shape; readonly dtype: Tensor['dtype'] }[];

  constructor(
    fn: FunctionClass<C, A, R>,
    context: FunctionContext,
    space: Workspace,
    results: readonly Tensor[],
  ) {
    this.#fn = fn;
    this.#context = context;
    this.#space = space;
    this.#results = results.map(({ shape, dtype }) => ({ shape, dtype }));
  }

  get name(): string {
    return this.#fn.name;
  }

  backward(grads: readonly (Value | null)[]): readonly (Value | null)[] {
    const space = this.#space;
    const given = this.#results.map(({ shape, dtype }, i) => {
      const grad = grads[i];
      if (grad !== null) return Tensor.of(space, grad);
      return internal.materializes(this.#context)
        ? Tensor.of(space, space.ops.constant(0, dtype, shape))
        : null;
    });
    // The class says itself what its backward takes: a tensor for each result.
    const result = this.#fn.backward(this.#context as C, ...(given as never[]));
    const list: readonly unknown[] = Array.isArray(result) ? result : [result];
    return list.map((x, i) => {
      if (x instanceof Tensor) return x.value;
      if (x === null || x === undefined) return null;
      throw new AutogradError(
        `${this.name}Backward: backward gives tensors or null, the gradient of argument ${i} is a ${typeof x}`,
      );
    });
  }

  release(): void {
    internal.release(this.#context);
  }
}
