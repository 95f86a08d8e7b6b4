/**
 * result: a result but the first of an op that has several; its input is that op's node. Attributes: which one. It has no meaning apart
 * from that op, which computes all of its results together.
 */
import { InternalError } from '../../base/errors.js';
import type { ArrayOp } from '../op.js';
import { savesNothing } from '../op.js';

export const result: ArrayOp = {
  kind: 'result',
  name: 'result',
  saves: savesNothing,
  // The op's own VJP is given the gradients of all results.
  vjp: null,
  reference: () => {
    throw new InternalError('a result is computed with the op that it belongs to');
  },
};
