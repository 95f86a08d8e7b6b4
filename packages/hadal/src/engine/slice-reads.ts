/** Reading a part of a tensor: `x.index(i).itemSync()` in a loop is no plan for each position, and no run, but a look into memory. */
import { numel } from '../base/shape.js';
import type { Node } from '../graph/node.js';
import { bytesIntoInput } from '../graph/slice-bytes.js';

/** Where a value lies in the memory of another, which is there or worth computing as a whole. */
export interface LiesIn {
  readonly base: Node;
  readonly byteOffset: number;
}

/** A pending value of so few bytes is computed as a whole when a part of it is read: other parts will be. */
const MOST_COMPUTED = 2 ** 16;

/** What people hold and read parts of; null if it is not there and would not be worth computing. */
export function liesIn(node: Node): LiesIn | null {
  if (node.buffer !== null || node.boundary || numel(node.shape) === 0) return null;
  let base = node;
  let byteOffset = 0;
  while (base.buffer === null && (base === node || base.storages === 0)) {
    const bytes = bytesIntoInput(base);
    if (bytes === null) return null;
    byteOffset += bytes;
    [base] = base.inputs;
  }
  const isThere = base.buffer !== null ? !base.isStale : base.bytes <= MOST_COMPUTED;
  return isThere && base.bytes > node.bytes ? { base, byteOffset } : null;
}
