/** Sums of every `BLOCK` rows, which row groups take while they walk the rows; `graph/rewrites/column-sums.ts` makes them. */
import { sameShape } from '../base/shape.js';
import type { TemplateNode } from '../graph/template.js';
import { divIndex, type IndexExpr, zeroIndex } from '../kernel/index-expr.js';
import { BLOCK } from '../kernel/loops/accumulators.js';

/** Where a sum of every `BLOCK` rows lies that rows at an index of a row group's domain go into. */
export function blockSumIndex(at: readonly IndexExpr[]): IndexExpr[] {
  const rows = at.length - 2;
  return [...at.slice(0, rows), divIndex(at[rows], BLOCK), zeroIndex, at[rows + 1]];
}

/** What a sum of every `BLOCK` rows, as `cutColumnSums` makes it, is a sum of; -1 of others. */
export function blockSumOf(nodes: readonly TemplateNode[], id: number): number {
  const n = nodes[id];
  if (n.leaf >= 0 || n.op.name !== 'sum' || n.dtype !== 'float32') return -1;
  const cut = nodes[n.inputs[0]];
  if (cut.op.name !== 'reshape' || cut.leaf >= 0 || cut.root || cut.boundary) return -1;
  const [of] = cut.inputs;
  const { shape } = nodes[of];
  const rows = shape.length - 2;
  if (rows < 0 || shape[rows] % BLOCK !== 0 || n.attributes.length !== 1 || n.attributes[0] !== rows + 1)
    return -1;
  const blocks = [...shape.slice(0, rows), shape[rows] / BLOCK, BLOCK, shape[rows + 1]];
  return sameShape(cut.shape, blocks) ? of : -1;
}
