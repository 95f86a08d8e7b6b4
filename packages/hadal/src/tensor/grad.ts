/** Gradients as a function, for second derivatives and for values that should not accumulate into leaves. */
import type { BackwardOptions } from '../autograd/backward.js';
import { runBackward } from '../autograd/backward.js';
import type { Edge } from '../autograd/tape.js';
import type { Value } from '../autograd/value.js';
import { ArgumentError, AutogradError } from '../base/errors.js';
import { Tensor } from './tensor.js';

export interface GradOptions extends BackwardOptions {
  /** Gradients of the outputs; ones for single elements if left out. */
  readonly gradOutputs?: readonly Tensor[];
  /** Give null for inputs that the outputs do not depend on, instead of throwing. */
  readonly allowUnused?: boolean;
}

/**
 * Gradients of `outputs` for `inputs`, without touching anyone's `grad`. With `createGraph` the results can be differentiated again.
 *
 * @returns one gradient an input, of its shape; null for unused ones if allowed.
 * @throws AutogradError if an input is not on the way to the outputs.
 * @example
 * ```ts
 * import { autograd, tensor } from 'hadal';
 * const x = tensor(3, { requiresGrad: true });
 * const [dy] = autograd.grad([x.mul(x).mul(x)], [x], { createGraph: true });
 * const [d2y] = autograd.grad([dy], [x]);
 * console.log(d2y.itemSync()); // 18
 * ```
 */
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options?: GradOptions & { allowUnused?: false },
): Tensor[];
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions,
): (Tensor | null)[];
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  if (outputs.length === 0) throw new ArgumentError('grad: there are no outputs');
  const space = outputs[0].workspace;
  const { ops } = space;
  const roots = outputs.map((t, i) => {
    const given = options.gradOutputs?.[i];
    if (!given && t.numel() !== 1) {
      throw new AutogradError(
        `grad: output ${i} has shape [${t.shape.join(', ')}]; pass gradOutputs or reduce it with sum()`,
      );
    }
    return { value: t.value, grad: given ? given.value : ops.constant(1, t.dtype, t.shape) };
  });
  const captured = new Map<Edge, Value | null>();
  const edges = inputs.map((t, i) => {
    const { edge } = t.value;
    if (edge === null)
      throw new AutogradError(
        `grad: input ${i} does not require a gradient; call requiresGrad_() on it before using it`,
      );
    captured.set(edge, null);
    return edge;
  });
  runBackward(ops, roots, captured, false, options);
  return edges.map((edge, i) => {
    const value = captured.get(edge) ?? null;
    if (value !== null) return Tensor.of(space, value);
    if (options.allowUnused) return null;
    throw new AutogradError(
      `grad: the outputs do not depend on input ${i}; pass { allowUnused: true } to get null for it`,
    );
  });
}
