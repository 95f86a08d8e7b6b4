/**
 * Going back over the tape: reverse-mode differentiation. Gradients are values, so with `createGraph` the pass itself is recorded
 * and can be differentiated again.
 */
import { AutogradError } from '../base/errors.js';
import { withGradMode } from './mode.js';
import type { AutogradOps } from './ops.js';
import type { Edge, GradFn } from './tape.js';
import type { Value } from './value.js';

export interface BackwardOptions {
  /** Keep what was saved, so that backward can go over the same graph again. */
  readonly retainGraph?: boolean;
  /** Record the backward pass, so that gradients can be differentiated. Implies `retainGraph`. */
  readonly createGraph?: boolean;
}

/** Every op reachable from the roots, last one first. */
function reachable(roots: readonly Edge[]): GradFn[] {
  const seen = new Set<GradFn>();
  const stack: Edge[] = [...roots];
  for (let e = stack.pop(); e !== undefined; e = stack.pop()) {
    if (e.kind !== 'op' || seen.has(e)) continue;
    seen.add(e);
    for (const input of e.inputs) if (input !== null) stack.push(input);
  }
  return [...seen].sort((a, b) => b.sequence - a.sequence);
}

/**
 * Runs the tape back from `roots` with the given gradients. Gradients that reach an edge in `captured` are put there; all other
 * leaves accumulate theirs if `accumulate` is set.
 */
export function runBackward(
  ops: AutogradOps,
  roots: readonly { readonly value: Value; readonly grad: Value }[],
  captured: Map<Edge, Value | null>,
  accumulate: boolean,
  options: BackwardOptions,
): void {
  const keep = options.retainGraph ?? options.createGraph ?? false;
  withGradMode(options.createGraph ?? false, () => {
    const grads = new Map<Edge, Value>();
    const add = (edge: Edge, grad: Value): void => {
      const have = grads.get(edge);
      grads.set(edge, have ? ops.arithmetic('add', have, grad) : grad);
    };
    const starts: Edge[] = [];
    for (const { value, grad } of roots) {
      if (value.edge === null) {
        throw new AutogradError(
          'backward: this tensor does not depend on any tensor that requires a gradient. ' +
            'Make a parameter with requiresGrad_(), and do not compute under noGrad() or detach() on the way.',
        );
      }
      add(value.edge, grad);
      starts.push(value.edge);
    }
    const order = reachable(starts);
    for (const fn of order) {
      const grad = grads.get(fn);
      if (grad === undefined) continue;
      grads.delete(fn);
      if (captured.has(fn)) captured.set(fn, grad);
      const results = fn.backward(ops, grad);
      fn.inputs.forEach((edge, i) => {
        const g = results[i];
        if (edge !== null && g) add(edge, g);
      });
    }
    if (!keep) for (const fn of order) fn.release();
    for (const [edge, grad] of grads) {
      if (captured.has(edge)) captured.set(edge, grad);
      else if (accumulate && edge.kind === 'leaf') edge.accumulate(grad);
    }
  });
}
