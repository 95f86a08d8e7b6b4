/** Slices that lie together in the memory of what they are slices of. */
import { halves } from '../base/attributes.js';
import { dtypeInfo } from '../base/dtype.js';
import type { Shape } from '../base/shape.js';
import type { Node } from './node.js';

/** How many bytes of `from` lie before a slice of it, or null if the slice does not lie together. */
export function bytesBefore(
  { shape, dtype }: Node,
  starts: readonly number[],
  steps: readonly number[],
  to: Shape,
): number | null {
  let before = 0;
  let stride = 1;
  let isPart = false;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (isPart && to[d] !== 1) return null;
    if (to[d] !== 1 && steps[d] !== 1) return null;
    if (to[d] !== shape[d]) isPart = true;
    before += starts[d] * stride;
    stride *= shape[d];
  }
  return before * dtypeInfo[dtype].bytes;
}

/** Where a reshape or a slice that lies together begins in its input; null for other nodes. */
export function bytesIntoInput({ op, inputs, attributes, shape }: Node): number | null {
  if (op.name === 'reshape') return 0;
  if (op.name !== 'slice') return null;
  const [starts, steps] = halves(attributes);
  return bytesBefore(inputs[0], starts, steps, shape);
}
