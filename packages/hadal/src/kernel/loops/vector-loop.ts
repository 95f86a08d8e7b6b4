/** A loop over neighbours in vectors, with what is left over as one masked vector or one by one. */
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import type { Target } from '../target.js';

/** `lanesNow` is null where a single element is meant, else says which lanes of the vector count (all for a null mask). */
export function alongLanes(
  b: L3Builder,
  target: Target,
  count: Value,
  vector: boolean,
  body: (from: Value, lanesNow: { readonly mask: Value | null } | null) => void,
): void {
  const zero = b.index(0);
  if (!vector) {
    b.forEach(zero, count, 1, (i) => body(i, null));
    return;
  }
  const { lanes } = target;
  const main = b.mul(b.div(count, b.index(lanes)), b.index(lanes));
  b.forEach(zero, main, lanes, (i) => body(i, { mask: null }));
  if (target.masks) b.forEach(main, count, lanes, (i) => body(i, { mask: b.tail(b.sub(count, i)) }));
  else b.forEach(main, count, 1, (i) => body(i, null));
}

/** Copies `count` float32 elements that lie together. */
export function copyNeighbours(
  b: L3Builder,
  target: Target,
  { source, from }: { readonly source: number; readonly from: Value },
  { buffer, to }: { readonly buffer: number; readonly to: Value },
  count: Value,
): void {
  alongLanes(b, target, count, true, (i, lanesNow) => {
    const mask = lanesNow?.mask ?? null;
    const options = lanesNow ? { lanes: target.lanes, mask } : {};
    b.store(buffer, b.add(to, i), b.load(source, b.add(from, i), options), { mask });
  });
}
