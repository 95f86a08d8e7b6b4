/**
 * What can be read in vectors. Lanes are neighbours along one dimension; memory that is read in steps along it, or at positions that
 * differ from lane to lane, makes a whole kernel take one element after the other.
 */
import type { TemplateNode } from '../graph/template.js';
import type { IndexExpr } from '../kernel/index-expr.js';
import { factorOf, indexHas, indexVariables } from '../kernel/index-expr.js';
import { flatten, lookupIndex, readThrough } from './movement-index.js';

/** The last dimension that is larger than 1: the one whose neighbours become lanes. */
export function lastOf(domain: readonly number[]): number {
  for (let d = domain.length - 1; d >= 0; d--) if (domain[d] !== 1) return d;
  return -1;
}

/**
 * Whether a node read at `index` is read in vectors along the last of the variables that `points` stand for. `isComputed`: whether a
 * node is no more than a value in memory, or in the kernel.
 */
export function readsInLanes(
  nodes: readonly TemplateNode[],
  isComputed: readonly boolean[],
  read: { readonly node: number; readonly index: readonly IndexExpr[] },
  points: IndexExpr,
): boolean {
  const [variable] = indexVariables(points);
  if (variable === undefined) return true;
  const visit = (id: number, index: readonly IndexExpr[]): boolean => {
    const node = nodes[id];
    if (isComputed[id] || node.leaf >= 0) {
      const factor = factorOf(flatten(node.shape, index), variable);
      return factor === 0 || factor === 1;
    }
    if (node.op.kind === 'gather' && lookupIndex(node, index).some((e) => indexHas(e, variable)))
      return false;
    return readThrough(nodes, id, index).every((r) => visit(r.node, r.index));
  };
  return visit(read.node, read.index);
}
