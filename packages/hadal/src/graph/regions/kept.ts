/**
 * What the steps of a scan keep for its gradient. Products, reductions and their kin are kept, a stack of each; what is pointwise is
 * computed again. Where all that is needed of a kept value are results of functions like sigmoid and tanh, which take long and whose
 * slope follows from the result, those are kept in its place.
 */
import { numel } from '../../base/shape.js';
import type { Op } from '../op.js';
import { isTuple } from '../op.js';
import type { TemplateNode } from '../template.js';
import type { Region } from './region.js';

/** Whether a value is computed again rather than kept: pointwise ops, and what only moves elements. */
function isCheap({ op }: TemplateNode): boolean {
  const { kind } = op;
  return kind === 'elementwise' || kind === 'movement' || kind === 'source' || kind === 'gather';
}

/** Whether the gradient of an op reads its result and nothing else. */
function savesResultOnly(op: Op): boolean {
  return op.kind === 'elementwise' && op.saves.output && op.saves.inputs.length === 0;
}

/**
 * Nodes that are kept if their value is wanted: those that are not cheap; where the only use of one is pointwise, what that use
 * makes of it (a product with its bias rather than both); and what may stand for one.
 */
export function keptNodes(region: Region): ReadonlySet<number> {
  const { nodes } = region;
  const users: number[][] = nodes.map(() => []);
  nodes.forEach((n, i) => {
    for (const x of n.inputs) users[x].push(i);
  });
  const results = new Set(region.results);
  const kept = new Set<number>();
  nodes.forEach((n, i) => {
    if (n.leaf >= 0 || isCheap(n)) return;
    kept.add(i);
    let at = i;
    for (;;) {
      const [user, ...others] = users[at];
      if (user === undefined || others.length > 0 || results.has(at)) break;
      const { op, inputs, shape, dtype } = nodes[user];
      const isSame = dtype === nodes[at].dtype && shape.join() === nodes[at].shape.join();
      if (op.kind !== 'elementwise' || !isSame || op.saves.inputs.includes(inputs.indexOf(at))) break;
      at = user;
    }
    kept.add(at);
    for (const x of substitutes(nodes, users, at)) kept.add(x);
  });
  return kept;
}

/**
 * The values that gradients need in place of a kept one, if they take no more memory and one of them is the result of a function that need
 * not be computed again then; else none. An LSTM's gates after their sigmoid stand for what comes out of the product.
 */
function substitutes(
  nodes: readonly TemplateNode[],
  users: readonly (readonly number[])[],
  kept: number,
): readonly number[] {
  const found = new Set<number>();
  const seen = new Set<number>();
  let isFunction = false;
  /** Adds what is needed of a node and of what is made of it; false where that is the kept value itself, or cannot be said. */
  const visit = (at: number): boolean => {
    if (seen.has(at)) return true;
    seen.add(at);
    return users[at].every((user) => {
      const { op, inputs, dtype } = nodes[user];
      if (dtype !== nodes[kept].dtype || isTuple(op)) return false;
      if (savesResultOnly(op)) {
        found.add(user);
        isFunction = true;
        return true;
      }
      if (inputs.some((x, i) => x === at && op.saves.inputs.includes(i))) {
        found.add(at);
        return at !== kept;
      }
      return (op.kind === 'movement' || op.kind === 'elementwise') && !op.saves.output && visit(user);
    });
  };
  if (!visit(kept) || !isFunction) return [];
  const elements = [...found].reduce((sum, at) => sum + numel(nodes[at].shape), 0);
  return elements <= numel(nodes[kept].shape) ? [...found] : [];
}
