/**
 * Products in which one operand is a vector (a batch of one sample, a head with one output, an outer product). A register tile would
 * multiply mostly zeros and the other operand would be packed to be read once; as products and a sum in the other operand's own order
 * they run at the speed of its memory.
 */
import { dotLayout } from '../base/attributes.js';
import type { Shape } from '../base/shape.js';
import { numel } from '../base/shape.js';
import type { Attributes } from './op.js';
import { dotAsSum } from './sum-products.js';
import type { Position, TemplateEmitter } from './template-emitter.js';

/** One operand's dimensions: of the batch, of its own, and of the contraction, in the order of the other operand's. */
interface Side {
  readonly x: Position;
  readonly batch: readonly number[];
  readonly free: readonly number[];
  readonly contract: readonly number[];
}

/** Has a computed vector written, which would be computed again for every element that it is multiplied with. */
function keepInMemory(e: TemplateEmitter, x: Position): void {
  let { at } = x;
  while (e.nodes[at].leaf < 0 && e.nodes[at].op.kind === 'movement') [at] = e.nodes[at].inputs;
  const n = e.nodes[at];
  if (n.leaf < 0 && n.op.kind !== 'source') e.nodes[at] = { ...n, boundary: true };
}

/** The product if one operand is a vector and the other one runs along its rows, else null. */
export function thinProduct(
  e: TemplateEmitter,
  a: Position,
  b: Position,
  attributes: Attributes,
  shape: Shape,
): Position | null {
  const l = dotLayout(attributes, a.shape.length, b.shape.length);
  const left: Side = { x: a, batch: l.lhsBatch, free: l.lhsFree, contract: l.lhsContract };
  const right: Side = { x: b, batch: l.rhsBatch, free: l.rhsFree, contract: l.rhsContract };
  const isVector = ({ x, free }: Side): boolean => free.every((d) => x.shape[d] === 1);
  if (numel(shape) === 0 || !(isVector(left) || isVector(right))) return null;
  const [vector, other] = isVector(left) ? [left, right] : [right, left];
  // Along rows; down columns a tile reads memory in better order. The choice is the op's: whether its operand is a view must not show.
  const isInOrder = [...other.batch, ...other.free, ...other.contract].every((d, i) => d === i);
  if (!isInOrder && other.contract.some((d) => other.x.shape[d] !== 1)) return null;
  keepInMemory(e, vector.x);
  return dotAsSum(e, a, b, attributes);
}
