/**
 * Updates in place through a view: the new value of a storage is the old one with a part replaced. Where it takes over the old one's
 * memory only that part has to be computed and written, whatever the size of the rest: a token's keys and values in a cache.
 */
import { bitsNumber } from '../base/attributes.js';
import type { TemplateNode } from '../graph/template.js';
import { reshaped } from './groups.js';

/** A part of a domain: `shape` points, the first at `starts`, `steps` apart. */
export interface Slice {
  readonly starts: readonly number[];
  readonly steps: readonly number[];
  readonly shape: readonly number[];
}

/** Whether a node is the same number everywhere, and that number is 1. */
function isOnes(nodes: readonly TemplateNode[], id: number): boolean {
  const n = nodes[id];
  if (n.leaf >= 0 || n.argument >= 0) return false;
  if (n.op.name === 'reshape' || n.op.name === 'expand') return isOnes(nodes, n.inputs[0]);
  return n.op.name === 'constant' && bitsNumber(n.attributes[0], n.attributes[1]) === 1;
}

function isLeaf(nodes: readonly TemplateNode[], id: number, leaf: number): boolean {
  const n = nodes[id];
  return n.leaf === leaf || (n.leaf < 0 && n.op.name === 'reshape' && isLeaf(nodes, n.inputs[0], leaf));
}

/** The part of a leaf that a node replaces, in the shape in which it is computed; null if it is no such node. */
export function replacedPart(nodes: readonly TemplateNode[], id: number): Slice | null {
  const { into } = nodes[id];
  if (into < 0) return null;
  const base = reshaped(nodes, id);
  const n = nodes[base < 0 ? id : base];
  if (n.leaf >= 0 || n.op.name !== 'where' || !isLeaf(nodes, n.inputs[2], into)) return null;
  const inside = nodes[n.inputs[0]];
  if (inside.leaf >= 0 || inside.op.name !== 'pad' || !isOnes(nodes, inside.inputs[0])) return null;
  const rank = n.shape.length;
  const { shape } = nodes[inside.inputs[0]];
  const [starts, steps] = [
    inside.attributes.slice(0, rank),
    inside.attributes.slice(rank).map((between) => between + 1),
  ];
  const isWithin = shape.every(
    (size, d) => size > 0 && starts[d] >= 0 && starts[d] + (size - 1) * steps[d] < n.shape[d],
  );
  return isWithin ? { starts, steps, shape } : null;
}
