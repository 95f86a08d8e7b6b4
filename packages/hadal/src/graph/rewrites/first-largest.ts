/**
 * argmax as the largest element, and then the least of the positions that hold it: both are reductions that vectors have, where the
 * position that goes with the best element so far is followed one element at a time.
 */
import { isFloat } from '../../base/dtype.js';
import { isScalarOnly } from '../../kernel/elements.js';
import type { Position, TemplateEmitter } from '../template-emitter.js';

/** Null for dtypes that rows have no vectors of. */
export function firstLargest(e: TemplateEmitter, x: Position, dim: number): Position | null {
  const { shape, dtype } = x;
  if (isScalarOnly(dtype) || dtype === 'bool') return null;
  const isLargest = e.compare('eq', x, e.expand(e.reduce('max', x, [dim]), shape));
  // Where there are NaN, the first of them is.
  const holds = isFloat(dtype) ? e.logical('logicalOr', isLargest, e.compare('ne', x, x)) : isLargest;
  // A dimension of 2^31 is beyond every other limit.
  const places = e.where(holds, e.iota(shape, dim, 'int32'), e.constant(shape[dim], 'int32', shape));
  return e.cast(e.reduce('min', places, [dim]), 'int64');
}
