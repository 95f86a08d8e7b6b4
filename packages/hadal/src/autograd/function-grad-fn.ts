/** The grad fn of a custom function: its backward is the user's, so what it gives is checked. */
import type { DType } from '../base/dtype.js';
import { AutogradError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { sameShape, showShape } from '../base/shape.js';
import type { AutogradOps } from './ops.js';
import type { Edge } from './tape.js';
import { GradFn, OutputEdge } from './tape.js';
import type { Value } from './value.js';

/** An argument of the forward function: a tensor, or null for anything else. */
export interface FunctionInput {
  readonly edge: Edge | null;
  readonly shape: Shape;
  readonly dtype: DType;
}

export interface FunctionRule {
  /** The class's name. */
  readonly name: string;
  /** The user's backward: one entry an argument of forward, null for those without a gradient. */
  backward(grads: readonly (Value | null)[]): readonly (Value | null)[];
  release(): void;
}

export class FunctionGradFn extends GradFn {
  override readonly inputs: readonly (Edge | null)[];
  override readonly outputs: readonly OutputEdge[] | null;
  readonly #arguments: readonly (FunctionInput | null)[];
  readonly #rule: FunctionRule;
  #spent = false;

  constructor(args: readonly (FunctionInput | null)[], outputs: number, rule: FunctionRule) {
    super();
    this.#arguments = args;
    this.#rule = rule;
    this.inputs = args.map((a) => a?.edge ?? null);
    this.outputs = outputs === 1 ? null : Array.from({ length: outputs }, (_, i) => new OutputEdge(this, i));
  }

  override get name(): string {
    return `${this.#rule.name}Backward`;
  }

  /** Where the gradient of a result goes. */
  edgeOf(output: number): Edge {
    return this.outputs === null ? this : this.outputs[output];
  }

  override backward(ops: AutogradOps, grads: readonly (Value | null)[]): readonly (Value | null)[] {
    const given = this.#rule.backward(grads);
    const args = this.#arguments;
    if (given.length < args.length || given.slice(args.length).some((g) => g !== null)) {
      throw new AutogradError(
        `${this.name}: backward returned ${given.length} gradient${given.length === 1 ? '' : 's'}, ` +
          `but forward takes ${args.length} argument${args.length === 1 ? '' : 's'} (besides the context). ` +
          'Return one for each, null for those without one.',
      );
    }
    return args.map((arg, i) => {
      const grad = given[i];
      if (grad === null) return null;
      if (arg === null) {
        throw new AutogradError(
          `${this.name}: backward returned a gradient for argument ${i} of forward, which is no tensor; return null for it`,
        );
      }
      return arg.edge === null
        ? null
        : fitGradient(ops, `${this.name}: the gradient of argument ${i}`, arg, grad);
    });
  }

  override get spent(): boolean {
    return this.#spent;
  }

  override release(): void {
    this.#spent = true;
    this.#rule.release();
  }
}

/** A gradient in the dtype and shape of what it is of; one that broadcasting made larger is summed. */
function fitGradient(
  ops: AutogradOps,
  what: string,
  of: { readonly shape: Shape; readonly dtype: DType },
  grad: Value,
): Value {
  const cast = ops.cast(grad, of.dtype);
  if (sameShape(grad.shape, of.shape)) return cast;
  const lead = grad.shape.length - of.shape.length;
  const wide = lead < 0 ? null : [...new Array<number>(lead).fill(1), ...of.shape];
  if (wide === null || wide.some((size, d) => size !== 1 && size !== grad.shape[d])) {
    throw new AutogradError(
      `${what} has shape ${showShape(grad.shape)}, but what it is the gradient of has shape ${showShape(of.shape)}`,
    );
  }
  const dims = wide.flatMap((size, d) => (size === grad.shape[d] ? [] : [d]));
  return ops.reshape(ops.reduce('sum', cast, dims), of.shape);
}
