/** The two size slots behind a kernel's own that say which of its units to run; `parts.ts` says what a unit is. */
import type { AbstractKernel } from './l2-sizes.js';
import type { Value } from './l3.js';
import type { L3Builder } from './l3-builder.js';

/** The slot of `from`; `to` is in the next. */
function rangeSlot(sizes: AbstractKernel): number {
  return sizes.sizes.length;
}

export interface UnitRange {
  readonly from: Value;
  readonly to: Value;
}

/** The range of units that a lowered kernel is asked to run. */
export function unitRange(b: L3Builder, sizes: AbstractKernel): UnitRange {
  const slot = rangeSlot(sizes);
  return { from: b.sizeAt(slot), to: b.sizeAt(slot + 1) };
}
