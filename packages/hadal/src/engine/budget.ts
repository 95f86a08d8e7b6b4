/** What cannot fit is refused before anything is allocated for it. */

import { showBytes } from '../base/bytes.js';
import { dtypeInfo } from '../base/dtype.js';
import { OutOfMemoryError } from '../base/errors.js';
import { numel, showShape } from '../base/shape.js';
import type { Node } from '../graph/node.js';
import type { ExplainedPlan, Plan } from '../schedule/plan.js';

/** Plans that need less are not worth asking the host about. */
const UNCHECKED_BYTES = 64 * 2 ** 20;

type Sized = Pick<Node, 'op' | 'shape' | 'dtype' | 'bytes'>;

/** The largest, as far as they matter: until what is left beside them would fit. */
function largest(values: readonly Sized[], needed: number, free: number): string {
  const sorted = [...values].sort((a, b) => b.bytes - a.bytes);
  let rest = needed;
  return sorted
    .slice(0, 3)
    .filter((v) => {
      const matters = rest > free;
      rest -= v.bytes;
      return matters;
    })
    .map((v) => `${v.op.name} of ${v.dtype}${showShape(v.shape)}: ${showBytes(v.bytes)}`)
    .join('; ');
}

function written(plan: ExplainedPlan): Sized[] {
  return [...plan.where.entries()]
    .filter(([, place]) => place.in === 'output' || place.in === 'arena')
    .map(([id]) => {
      const { op, shape, dtype } = plan.template.nodes[id];
      return { op, shape, dtype, bytes: numel(shape) * dtypeInfo[dtype].bytes };
    });
}

/** Bytes that a run of a plan allocates. */
export function bytesOf(plan: Plan): number {
  return plan.outputs.reduce((sum, o) => sum + o.bytes, plan.arena.bytes);
}

/**
 * @param needed what `bytesOf` says of the plan.
 * @param plan asked for if it does not fit.
 * @param available bytes the engine can still take.
 * @throws OutOfMemoryError naming the largest tensors.
 */
export function checkMemory(
  needed: number,
  plan: () => ExplainedPlan,
  available: (wanted: number) => number,
): void {
  check(needed, available, () => written(plan()));
}

/**
 * The same for values that are put into memory without a plan.
 *
 * @throws OutOfMemoryError naming the largest of them.
 */
export function checkTotal(values: readonly Node[], available: (wanted: number) => number): void {
  const needed = values.reduce((sum, { bytes }) => sum + bytes, 0);
  check(needed, available, () => values);
}

function check(needed: number, available: (wanted: number) => number, values: () => readonly Sized[]): void {
  if (needed <= UNCHECKED_BYTES) return;
  const free = available(needed);
  if (needed <= free) return;
  throw new OutOfMemoryError(
    `this needs ${showBytes(needed)} of memory, ${showBytes(free)} are left. The largest tensors are ${largest(values(), needed, free)}. ` +
      'Use a smaller batch or smaller shapes, or read results on the way so that less has to be kept at once.',
  );
}
