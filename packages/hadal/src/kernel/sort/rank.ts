/** Sorting a short line by rank: each element is compared with all, and its rank is the number of those that come before it. */
import type { SortKernel } from '../l2.js';
import type { Target } from '../target.js';
import type { LineSort, Slot, SortContext } from './context.js';
import { forEachKey, lengthOf } from './context.js';
import { keyOf } from './keys.js';

/** Keys, ranks, and positions in order; whole vectors of them are read and written. */
export function rankSlots(kernel: SortKernel, target: Target): readonly Slot[] {
  const { kind } = keyOf(kernel.exprs[kernel.key].dtype);
  const length = Math.max(kernel.length, 1);
  return [
    { mem: kind, count: length + target.lanes },
    { mem: 'i32', count: length + target.lanes },
    { mem: 'i32', count: length },
  ];
}

export function rankSort(c: SortContext): LineSort {
  const { b } = c;
  const [keys, ranks, order] = c.slots;
  const { lanes } = b;
  const zero = b.index(0);
  return () => {
    const count = lengthOf(c);
    forEachKey(c, (at, key) => b.store(keys, at, key));
    b.forEach(zero, count, lanes, (from) => {
      const own = b.load(keys, from, { lanes });
      const place = lanes > 1 ? b.ramp(from) : b.convert('i32', from);
      const [rank] = b.loop(zero, count, 1, [b.like(place, 0)], (at, [before]) => {
        const other = b.spread(b.load(keys, at), lanes);
        const isEarlier = b.compare('lt', b.spread(b.convert('i32', at), lanes), place);
        const tie = b.binary('and', b.compare('eq', other, own), isEarlier);
        const isBefore = b.binary('or', b.compare('lt', other, own), tie);
        return [b.add(before, b.convert('i32', isBefore))];
      });
      b.store(ranks, from, rank);
    });
    b.forEach(zero, count, 1, (at) =>
      b.store(order, b.convert('index', b.load(ranks, at)), b.convert('i32', at)),
    );
    return (place) => b.convert('i64', b.load(order, place));
  };
}
