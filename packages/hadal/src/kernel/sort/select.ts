/**
 * The first few of a long line in order. Elements that may be among them are collected: those whose key is not above a limit. Whenever
 * enough have come together they are sorted, the first `count` stay, and the last of these is the new limit. The limit falls fast, so
 * that nearly all elements are only compared with it, in vectors; where it does not (a line in reverse order) the work is that of
 * sorting twice the line.
 */

import { canVectorize, dependences } from '../dependence.js';
import type { SortKernel } from '../l2.js';
import type { Value } from '../l3.js';
import type { Target } from '../target.js';
import type { LineSort, Slot, SortContext } from './context.js';
import { keyAt, lengthOf } from './context.js';
import { keyOf } from './keys.js';
import { Entries, entrySlots } from './radix.js';

/** Elements of a line that are looked at between sorts, at the least. */
const CHUNK = 512;

/** Entries, then the number of entries held, the limit, and a vector of keys. */
export function selectSlots(kernel: SortKernel, target: Target): readonly Slot[] {
  const { kind } = keyOf(kernel.exprs[kernel.key].dtype);
  const count = kernel.dims[kernel.line];
  return [
    ...entrySlots(kernel, count + 2 * Math.max(count, CHUNK)),
    { mem: 'i32', count: 1 },
    { mem: kind, count: 1 },
    { mem: kind, count: target.lanes },
  ];
}

/** Whether keys are compared with the limit in vectors. */
export function selectsInVectors(kernel: SortKernel, target: Target): boolean {
  if (target.lanes === 1 || keyOf(kernel.exprs[kernel.key].dtype).kind === 'i64') return false;
  return canVectorize(kernel, dependences(kernel), [kernel.key], [], kernel.dims.length, target.masks);
}

export function selectSort(c: SortContext): LineSort {
  const { b, kernel } = c;
  const entries = new Entries(c);
  const [held, limit, keys] = c.slots.slice(-3);
  const zero = b.index(0);
  const one = b.index(1);
  const lanes = selectsInVectors(kernel, c.target) ? c.target.lanes : 1;
  const { kind } = keyOf(kernel.exprs[kernel.key].dtype);
  const [unit, largest] =
    kind === 'i64'
      ? [b.constant('i64', 1n), b.constant('i64', 2n ** 63n - 1n)]
      : [b.constant('i32', 1), b.constant('i32', 2 ** 31 - 1)];
  const heldNow = (): Value => b.convert('index', b.load(held, zero));

  /** Takes an element in, if it is not beyond the limit. */
  function offer(at: Value, key: Value): void {
    b.when(b.compare('le', key, b.load(limit, zero)), () => {
      const place = heldNow();
      entries.store(place, entries.entry(at, key));
      b.store(held, zero, b.convert('i32', b.add(place, one)));
    });
  }

  function offerAll(from: Value, to: Value): void {
    const vectors = b.add(from, b.mul(b.div(b.sub(to, from), b.index(lanes)), b.index(lanes)));
    if (lanes > 1) {
      b.forEach(from, vectors, lanes, (at) => {
        const some = keyAt(c, at, lanes);
        const isNear = b.compare('le', some, b.spread(b.load(limit, zero), lanes));
        b.when(b.horizontal('or', isNear), () => {
          b.store(keys, zero, some);
          b.forEach(zero, b.index(lanes), 1, (lane) => offer(b.add(at, lane), b.load(keys, lane)));
        });
      });
    }
    b.forEach(lanes > 1 ? vectors : from, to, 1, (at) => c.emitter.scoped(() => offer(at, keyAt(c, at, 1))));
  }

  /** Sorts what is held, keeps the first `count`, and makes the last of them the limit for what comes later. */
  function settle(count: Value, half: Value): void {
    const all = heldNow();
    entries.clearCounts();
    b.forEach(zero, all, 1, (i) => entries.count(entries.load(i)));
    const from = entries.sort(all, half);
    const kept = b.min(all, count);
    b.forEach(zero, kept, 1, (i) => entries.store(i, entries.load(b.add(from, i))));
    b.store(held, zero, b.convert('i32', kept));
    // An equal key comes later in the line, so it loses. Where the least of all keys is the limit, one less is the greatest: all are taken.
    b.when(b.compare('le', count, all), () =>
      b.store(limit, zero, b.sub(entries.signedKey(entries.load(b.sub(count, one))), unit)),
    );
  }

  return () => {
    const length = lengthOf(c);
    const count = b.sizeAt(c.sizes.variableSlots[kernel.line]);
    const chunk = b.max(count, b.index(CHUNK));
    const half = b.add(count, b.add(chunk, chunk));
    const chunks = b.div(b.add(length, b.sub(chunk, one)), chunk);
    b.store(held, zero, b.constant('i32', 0));
    b.store(limit, zero, largest);
    c.emitter.hoist([kernel.key], []);
    b.forEach(zero, chunks, 1, (round) => {
      const from = b.mul(round, chunk);
      offerAll(from, b.min(b.add(from, chunk), length));
      const isEnd = b.compare('eq', b.add(round, one), chunks);
      const isFull = b.compare('lt', b.add(count, chunk), heldNow());
      const isFirst = b.compare('eq', round, zero);
      b.when(b.binary('or', b.binary('or', isEnd, isFull), isFirst), () => settle(count, half));
    });
    return (place) => entries.position(entries.load(place));
  };
}
