/** A plan that cannot fit is refused before anything is allocated for it. */

import { showBytes } from '../base/bytes.js';
import { dtypeInfo } from '../base/dtype.js';
import { OutOfMemoryError } from '../base/errors.js';
import { numel, showShape } from '../base/shape.js';
import type { Plan } from '../schedule/plan.js';

/** Plans that need less are not worth asking the host about. */
const UNCHECKED_BYTES = 64 * 2 ** 20;

function largest(plan: Plan): string {
  const values = [...plan.where.entries()]
    .filter(([, place]) => place.in === 'output' || place.in === 'arena')
    .map(([id]) => {
      const { op, shape, dtype } = plan.template.nodes[id];
      return { op, shape, dtype, bytes: numel(shape) * dtypeInfo[dtype].bytes };
    });
  return values
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, 3)
    .map((v) => `${v.op.name} of ${v.dtype}${showShape(v.shape)}: ${showBytes(v.bytes)}`)
    .join('; ');
}

/** Bytes that a run of a plan allocates. */
export function bytesOf(plan: Plan): number {
  return plan.outputs.reduce((sum, o) => sum + o.bytes, plan.arena.bytes);
}

/**
 * @param needed what `bytesOf` says of the plan.
 * @param available bytes the engine can still take.
 * @throws OutOfMemoryError naming the largest tensors.
 */
export function checkMemory(plan: Plan, needed: number, available: () => number): void {
  if (needed <= UNCHECKED_BYTES) return;
  const free = available();
  if (needed <= free) return;
  throw new OutOfMemoryError(
    `this needs ${showBytes(needed)} of memory, ${showBytes(free)} are left. The largest tensors are ${largest(plan)}. ` +
      'Use a smaller batch or smaller shapes, or read results on the way so that less has to be kept at once.',
  );
}
