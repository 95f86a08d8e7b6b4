/**
 * Products in which one operand is a vector (a batch of one sample, a head with one output, an outer product). A register tile would
 * multiply mostly zeros and the other operand would be packed to be read once; as products and a sum in the other operand's own order
 * they run at the speed of its memory.
 */
import { dotLayout } from '../base/attributes.js';
import type { Shape } from '../base/shape.js';
import { numel } from '../base/shape.js';
import type { Attributes } from './op.js';
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

/** The domain's dimensions are the result's, with the contraction's behind them, so that what follows can be computed with the sums. */
function multiply(e: TemplateEmitter, vector: Side, other: Side, shape: Shape): Position | null {
  const { x, batch, free, contract } = other;
  const kept = [...batch, ...free, ...contract];
  // Along rows; down columns a tile reads memory in better order. The choice is the op's: whether its operand is a view must not show.
  const isInOrder = kept.every((d, i) => d === i);
  if (!isInOrder && contract.some((d) => x.shape[d] !== 1)) return null;
  keepInMemory(e, vector.x);
  const depth = contract.map((d) => x.shape[d]);
  const domain = [...shape, ...depth];
  const whole = e.reshape(isInOrder ? x : e.permute(x, kept), domain);
  const thin = [...batch.map((d) => x.shape[d]), ...shape.slice(batch.length).map(() => 1), ...depth];
  const turned = e.permute(vector.x, [...vector.batch, ...vector.free, ...vector.contract]);
  const product = e.arithmetic('mul', e.expand(e.reshape(turned, thin), domain), whole);
  const long = depth.flatMap((s, i) => (s === 1 ? [] : [shape.length + i]));
  return e.reshape(long.length === 0 ? product : e.reduce('sum', product, long), shape);
}

/** The product if one operand is a vector, else null. */
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
  const width = ({ x, free }: Side): number => numel(free.map((d) => x.shape[d]));
  if (numel(shape) === 0) return null;
  if (width(left) === 1) return multiply(e, left, right, shape);
  return width(right) === 1 ? multiply(e, right, left, shape) : null;
}
