/**
 * Products in which one operand is a vector (a batch of one sample, a head with one output, an outer product) or a few rows (a small batch).
 * A register tile would multiply mostly zeros and the other operand would be packed to be read once; as products and sums in the other
 * operand's own order they run at the speed of its memory.
 */
import { dotLayout } from '../../base/attributes.js';
import type { Shape } from '../../base/shape.js';
import { numel } from '../../base/shape.js';
import type { Attributes } from '../op.js';
import type { Position, TemplateEmitter } from '../template-emitter.js';
import { dotAsSum } from './sum-products.js';

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

/** Where a product runs. */
export interface ProductPlace {
  /** Whether loads and stores take masks, and vectors are long. */
  readonly masks: boolean;
  /** Whether it is done in every step of a loop, which packs its matrices once and can be cut along rows. */
  readonly isStep: boolean;
}

/**
 * Rows that are multiplied in one pass over a matrix: each has four sums in registers, which are joined at the end of every row of the
 * matrix, so short rows take fewer. Vectors without masks are short: with them a matrix that is packed once is faster for two rows.
 */
function mostRows({ masks, isStep }: ProductPlace, depth: number): number {
  if (!masks) return 1;
  return isStep || depth < 256 ? 2 : 4;
}

/** Columns and depth from which packing takes most of the time of a product of few rows. */
const LEAST = 64;

/** A few rows times a matrix that is summed along its rows, in one pass over the matrix; else null. */
function fewRows(
  e: TemplateEmitter,
  where: ProductPlace,
  left: Side,
  right: Side,
  shape: Shape,
): Position | null {
  if (left.batch.length > 0 || right.free.length !== 1 || right.contract.length !== 1) return null;
  // Both run along their rows.
  if (right.contract[0] !== 1 || left.contract[0] !== left.x.shape.length - 1) return null;
  const [columns, depth] = right.x.shape;
  const rows = left.free.reduce((n, d) => n * left.x.shape[d], 1);
  if (rows < 2 || rows > mostRows(where, depth) || columns < LEAST || depth < LEAST) return null;
  keepInMemory(e, left.x);
  const matrix = e.reshape(left.x, [rows, depth]);
  const sums = Array.from({ length: rows }, (_, i) => {
    const row = e.expand(e.slice(matrix, [i, 0], [1, 1], [1, depth]), [columns, depth]);
    return e.reshape(e.reduce('sum', e.arithmetic('mul', row, right.x), [1]), [1, columns]);
  });
  return e.reshape(e.interleave(sums, [rows, 1]), shape);
}

/** The product if one operand is a vector or a few rows and the other one runs along its rows, else null. */
export function thinProduct(
  e: TemplateEmitter,
  where: ProductPlace,
  a: Position,
  b: Position,
  attributes: Attributes,
  shape: Shape,
): Position | null {
  const l = dotLayout(attributes, a.shape.length, b.shape.length);
  const left: Side = { x: a, batch: l.lhsBatch, free: l.lhsFree, contract: l.lhsContract };
  const right: Side = { x: b, batch: l.rhsBatch, free: l.rhsFree, contract: l.rhsContract };
  const isVector = ({ x, free }: Side): boolean => free.every((d) => x.shape[d] === 1);
  if (numel(shape) === 0) return null;
  if (!isVector(left) && !isVector(right))
    return a.dtype === 'float32' ? fewRows(e, where, left, right, shape) : null;
  const [vector, other] = isVector(left) ? [left, right] : [right, left];
  // Along rows; down columns a tile reads memory in better order. The choice is the op's: whether its operand is a view must not show.
  const isInOrder = [...other.batch, ...other.free, ...other.contract].every((d, i) => d === i);
  if (!isInOrder && other.contract.some((d) => other.x.shape[d] !== 1)) return null;
  keepInMemory(e, vector.x);
  return dotAsSum(e, a, b, attributes);
}
