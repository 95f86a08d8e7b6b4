/**
 * Parts that are put together and then seen in another order are put together in that order. The gradients of queries, keys and values
 * are such parts: they are stacked as heads, and what reads them, several times over, are products with a token a row.
 */
import { halves } from '../../base/attributes.js';
import type { Position, TemplateEmitter } from '../template-emitter.js';

/** Neighbours that stay neighbours: fewer would be read and written one by one. */
const LEAST_RUN = 8;

/**
 * `permute` of a sum of padded parts, with the parts permuted; null where `x` is something else.
 *
 * @param isOwn whether a node of the emitter is there for its one reader only
 */
export function joinedInOrder(
  e: TemplateEmitter,
  x: Position,
  order: readonly number[],
  isOwn: (at: number) => boolean,
): Position | null {
  const last = x.shape.length - 1;
  if (last < 0 || order[last] !== last || x.shape[last] < LEAST_RUN) return null;
  const { op, leaf } = e.nodes[x.at];
  if (leaf >= 0 || op.name !== 'add' || !isSumOfParts(e, x.at, isOwn)) return null;
  const inOrder = (list: readonly number[]): number[] => order.map((d) => list[d]);
  const permuted = (at: number): Position => {
    const { op: of, inputs, attributes, shape } = e.nodes[at];
    if (of.name === 'add') return e.arithmetic('add', permuted(inputs[0]), permuted(inputs[1]));
    const [low, interior] = halves(attributes);
    return e.pad(e.permute(e.position(inputs[0]), order), inOrder(low), inOrder(interior), inOrder(shape));
  };
  return permuted(x.at);
}

function isSumOfParts(e: TemplateEmitter, at: number, isOwn: (at: number) => boolean): boolean {
  const { op, inputs, leaf } = e.nodes[at];
  if (leaf >= 0 || !isOwn(at)) return false;
  return op.name === 'pad' || (op.name === 'add' && inputs.every((i) => isSumOfParts(e, i, isOwn)));
}
