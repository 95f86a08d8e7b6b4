/** Gradients as a function, for second derivatives and for values that should not accumulate into leaves. */
import type { BackwardOptions } from '../autograd/backward.js';
import { runBackward } from '../autograd/backward.js';
import type { Edge } from '../autograd/tape.js';
import { Value } from '../autograd/value.js';
import { ArgumentError, AutogradError } from '../base/errors.js';
import { nanInspector } from './anomaly.js';
import { listOf, rootOf, wantedEdge } from './backward.js';
import { Tensor } from './tensor.js';

export interface GradOptions extends BackwardOptions {
  /** Gradients of the outputs, of their shapes; null or nothing for single elements, where it is 1. */
  readonly gradOutputs?: Tensor | readonly (Tensor | null)[];
  /** Give null for inputs that the outputs do not depend on, instead of throwing. */
  readonly allowUnused?: boolean;
  /** Give zeros for inputs that the outputs do not depend on. */
  readonly materializeGrads?: boolean;
}

/**
 * Gradients of `outputs` for `inputs`, without touching anyone's `grad`. With `createGraph` the results can be differentiated again.
 * Only what lies between the two is gone over. Inputs may be results of ops, and must be the tensors that the outputs were computed
 * from, not copies or new views of them.
 *
 * @returns one gradient an input, of its shape; null for unused ones if allowed.
 * @throws AutogradError if an input is not on the way to the outputs.
 * @example
 * ```ts
 * import { autograd, tensor } from 'hadal';
 * const x = tensor(3, { requiresGrad: true });
 * const [dy] = autograd.grad(x.mul(x).mul(x), x, { createGraph: true });
 * const [d2y] = autograd.grad(dy, x);
 * console.log(d2y.itemSync()); // 18
 * ```
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options?: GradOptions & ({ readonly allowUnused?: false } | { readonly materializeGrads: true }),
): Tensor[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions,
): (Tensor | null)[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  const from = listOf(outputs);
  const to = listOf(inputs);
  const { allowUnused, materializeGrads, gradOutputs } = options;
  if (from.length === 0 || to.length === 0)
    throw new ArgumentError(`grad: there are no ${from.length === 0 ? 'outputs' : 'inputs'}`);
  if (materializeGrads && allowUnused === false)
    throw new ArgumentError('grad: materializeGrads gives zeros for unused inputs, but allowUnused is false');
  const given = gradOutputs === undefined ? [] : gradOutputs instanceof Tensor ? [gradOutputs] : gradOutputs;
  if (given.length > 0 && given.length !== from.length)
    throw new ArgumentError(`grad: ${given.length} gradOutputs for ${from.length} outputs`);
  const space = from[0].workspace;
  const edges = to.map((t, i) => wantedEdge('grad', `input ${i}`, t));
  const captured = new Map<Edge, Value>();
  runBackward(space.ops, {
    roots: from.map((t, i) => rootOf(`grad: output ${i}`, t, given[i])),
    options,
    wanted: new Set(edges),
    captured,
    inspect: nanInspector(space.engine),
  });
  return edges.map((edge, i) => {
    const value = captured.get(edge);
    if (value !== undefined)
      return Tensor.of(space, options.createGraph ? value : new Value(value.node, null));
    const { dtype, shape } = to[i];
    if (materializeGrads) return Tensor.of(space, space.ops.constant(0, dtype, shape));
    if (allowUnused) return null;
    throw new AutogradError(
      `grad: the outputs do not depend on input ${i}; pass { allowUnused: true } to get null for it, ` +
        'or { materializeGrads: true } for zeros',
    );
  });
}
