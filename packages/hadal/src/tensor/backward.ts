/** Backward passes that start from tensors and end in their leaves' `grad`. */
import type { BackwardOptions, Root } from '../autograd/backward.js';
import { runBackward } from '../autograd/backward.js';
import type { Edge } from '../autograd/tape.js';
import type { Value } from '../autograd/value.js';
import { ArgumentError, AutogradError, ShapeError } from '../base/errors.js';
import { numel, sameShape, showShape } from '../base/shape.js';
import { nanInspector } from './anomaly.js';
import type { Tensor } from './tensor.js';

export interface TensorBackwardOptions extends BackwardOptions {
  /** Accumulate into the `grad` of these tensors and of no others; they may be results of ops. All leaves if left out. */
  readonly inputs?: Tensor | readonly Tensor[];
}

/** One tensor as a list of one. */
export function listOf(x: Tensor | readonly Tensor[]): readonly Tensor[] {
  return Array.isArray(x) ? (x as readonly Tensor[]) : [x as Tensor];
}

/** What a pass starts from: `t` with the given gradient, or 1 for a single element. */
export function rootOf(name: string, t: Tensor, gradient: Tensor | null | undefined): Root {
  const { ops } = t.workspace;
  if (gradient) {
    if (!sameShape(gradient.shape, t.shape)) {
      throw new ShapeError(
        `${name}: a gradient of shape ${showShape(gradient.shape)} for a tensor of shape ${showShape(t.shape)}`,
      );
    }
    return { value: t.value, grad: ops.cast(gradient.value, t.dtype) };
  }
  if (numel(t.shape) !== 1) {
    throw new AutogradError(
      `${name}: a gradient can be left out only for a single element, this tensor has shape ${showShape(t.shape)}. ` +
        'Reduce it with sum() or mean(), or pass a gradient.',
    );
  }
  return { value: t.value, grad: ops.constant(1, t.dtype, t.shape) };
}

/** The edge of a tensor that a gradient is wanted for. */
export function wantedEdge(name: string, what: string, { value }: { readonly value: Value }): Edge {
  if (value.edge !== null) return value.edge;
  throw new AutogradError(
    `${name}: ${what} does not require a gradient; call requiresGrad_() on it before using it`,
  );
}

/**
 * Gradients of several tensors together for the leaves they depend on, added to their `grad`: as the `backward()` of their sum, each
 * weighted by its gradient.
 *
 * @param gradTensors gradients of the tensors, of their shapes; null or nothing for single elements, where it is 1.
 * @throws AutogradError if nothing requires a gradient, or the graph was gone over before.
 * @example
 * ```ts
 * import { autograd, tensor } from 'hadal';
 * const x = tensor([1, 2], { requiresGrad: true });
 * autograd.backward([x.mul(3), x.mul(x).sum()], [tensor([1, 10]), null]);
 * console.log(x.grad?.tolistSync()); // [ 5, 34 ]
 * ```
 */
export function backward(
  tensors: Tensor | readonly Tensor[],
  gradTensors?: Tensor | readonly (Tensor | null)[] | null,
  options: TensorBackwardOptions = {},
): void {
  const outputs = listOf(tensors);
  const given = gradTensors ? (Array.isArray(gradTensors) ? gradTensors : [gradTensors]) : [];
  if (outputs.length === 0) throw new ArgumentError('backward: there are no tensors');
  if (given.length > 0 && given.length !== outputs.length) {
    throw new ArgumentError(`backward: ${given.length} gradients for ${outputs.length} tensors`);
  }
  const roots = outputs.map((t, i) => rootOf('backward', t, given[i]));
  const { ops, engine } = outputs[0].workspace;
  runBackward(ops, {
    roots,
    options,
    wanted: options.inputs === undefined ? null : edgesOf(listOf(options.inputs)),
    captured: null,
    inspect: nanInspector(engine),
  });
}

function edgesOf(inputs: readonly Tensor[]): Set<Edge> {
  if (inputs.length === 0)
    throw new ArgumentError('backward: inputs must not be empty; leave it out for all leaves');
  const edges = inputs.map((t, i) => wantedEdge('backward', `input ${i}`, t));
  for (const t of inputs) if (!t.isLeaf) t.retainGrad();
  return new Set(edges);
}
