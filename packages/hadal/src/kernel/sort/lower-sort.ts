/**
 * Lowers a sort to L3, one line after the other. Every way of sorting keeps equal elements in their order: by rank for short lines, by
 * radix for long ones, by selection where only a few elements of a long line are wanted.
 */

import { dependences } from '../dependence.js';
import { memTypeOf } from '../elements.js';
import type { SortKernel } from '../l2.js';
import type { AbstractKernel } from '../l2-sizes.js';
import type { L3Function } from '../l3.js';
import { memBytes } from '../l3.js';
import { L3Builder } from '../l3-builder.js';
import { forEachLine } from '../loops/lines.js';
import { ExprEmitter } from '../loops/lower-exprs.js';
import { statusBuffer } from '../status.js';
import type { Target } from '../target.js';
import type { LineSort, Slot, SortContext } from './context.js';
import { keyOf } from './keys.js';
import { radixSlots, radixSort } from './radix.js';
import { rankSlots, rankSort } from './rank.js';
import { selectSlots, selectSort, selectsInVectors } from './select.js';

type Method = SortKernel['method'];

const slotsOf: { readonly [M in Method]: (kernel: SortKernel, target: Target) => readonly Slot[] } = {
  rank: rankSlots,
  radix: radixSlots,
  select: selectSlots,
};

const sorts: { readonly [M in Method]: (c: SortContext) => LineSort } = {
  rank: rankSort,
  radix: radixSort,
  select: selectSort,
};

/** Bytes of each workspace buffer. */
export function sortWorkspace(kernel: SortKernel, target: Target): readonly number[] {
  return slotsOf[kernel.method](kernel, target).map((s) => s.count * memBytes[s.mem]);
}

/** Whether keys are compared in vectors. */
function isVector(kernel: SortKernel, target: Target): boolean {
  if (kernel.method === 'rank') return keyOf(kernel.exprs[kernel.key].dtype).kind === 'i32';
  return kernel.method === 'select' && selectsInVectors(kernel, target);
}

export function lowerSort(kernel: SortKernel, sizes: AbstractKernel, target: Target): L3Function {
  const b = new L3Builder(kernel.name, isVector(kernel, target) ? target.lanes : 1, target);
  for (const buffer of kernel.buffers) b.buffer(memTypeOf(b, buffer.dtype), buffer.access);
  const slots = slotsOf[kernel.method](kernel, target).map((s) => b.buffer(s.mem, 'readwrite'));
  const status = statusBuffer(b, kernel);
  const emitter = new ExprEmitter(b, kernel, sizes, dependences(kernel), status);
  const values = kernel.stores.map((s) => s.value);
  const indices = kernel.stores.map((s) => s.index);
  const sort = sorts[kernel.method]({ b, emitter, kernel, sizes, target, slots });

  function line(): void {
    const positionAt = sort();
    emitter.hoist(values, indices);
    b.forEach(b.index(0), b.sizeAt(sizes.variableSlots[kernel.line]), 1, (at) =>
      emitter.bind(kernel.line, at, null, () => {
        emitter.bindStage(0, positionAt(at));
        emitter.storeAll(kernel.stores);
        emitter.clearStages();
      }),
    );
  }

  forEachLine(b, emitter, kernel, sizes, {
    hoist: () => emitter.hoist([...values, kernel.key], indices),
    lines: line,
  });
  return b.finish();
}
