/** Hooks on the gradients of tensors. */
import type { HookHandle } from '../autograd/hooks.js';
import type { Edge } from '../autograd/tape.js';
import { gradFnOf, hooksOf } from '../autograd/tape.js';
import { AutogradError } from '../base/errors.js';
import { sameShape, showShape } from '../base/shape.js';
import type { Tensor } from './tensor.js';

/** Sees a gradient; what it returns, if anything, takes its place. */
// biome-ignore lint/suspicious/noConfusingVoidType: a hook may be a function without a result
export type TensorHook = (grad: Tensor) => Tensor | null | undefined | void;

function edgeOf(name: string, t: Tensor): Edge {
  const { edge } = t.value;
  if (edge !== null) return edge;
  throw new AutogradError(
    `${name}: this tensor does not require a gradient, so there is none to see; call requiresGrad_() on it`,
  );
}

/** Calls `hook` with the gradient of what `t` is now. */
export function addHook(t: Tensor, hook: TensorHook, wrap: (grad: Tensor['value']) => Tensor): HookHandle {
  const edge = edgeOf('registerHook', t);
  const maker = gradFnOf(edge)?.name ?? 'a leaf';
  return hooksOf(edge).replacing.add((grad) => {
    const result = hook(wrap(grad));
    if (!result) return null;
    const { value } = result;
    if (!sameShape(value.shape, grad.shape) || value.dtype !== grad.dtype) {
      throw new AutogradError(
        `registerHook: a hook on the gradient of ${maker} returned ${value.dtype}${showShape(value.shape)} ` +
          `in place of ${grad.dtype}${showShape(grad.shape)}; shape and dtype must stay`,
      );
    }
    return value;
  });
}

/** Calls `hook` when a backward pass has added to the `grad` of a leaf. */
export function addPostAccumulateHook(t: Tensor, hook: (leaf: Tensor) => void): HookHandle {
  const edge = edgeOf('registerPostAccumulateGradHook', t);
  if (edge.kind !== 'leaf') {
    throw new AutogradError(
      'registerPostAccumulateGradHook: only leaves accumulate a gradient, this tensor is the result of ' +
        `${gradFnOf(edge)?.name}; use registerHook`,
    );
  }
  return edge.afterAccumulate.add(() => hook(t));
}
