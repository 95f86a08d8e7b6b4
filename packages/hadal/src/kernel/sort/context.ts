/** What the ways of sorting a line share: the kernel that is lowered, its line, its workspace. */
import type { SortKernel } from '../l2.js';
import type { AbstractKernel } from '../l2-sizes.js';
import type { MemType, Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import type { ExprEmitter } from '../loops/lower-exprs.js';
import type { Target } from '../target.js';
import { signedKey } from './keys.js';

/** A workspace buffer. */
export interface Slot {
  readonly mem: MemType;
  readonly count: number;
}

export interface SortContext {
  readonly b: L3Builder;
  readonly emitter: ExprEmitter;
  readonly kernel: SortKernel;
  readonly sizes: AbstractKernel;
  readonly target: Target;
  /** Buffers of the workspace, in the order of its slots. */
  readonly slots: readonly number[];
}

/** Emits the sort of the line at the bound point; gives the position of the element that comes at a place, as i64. */
export type LineSort = () => (place: Value) => Value;

/** The size of the line that is sorted. */
export function lengthOf({ b, sizes, kernel }: SortContext): Value {
  return b.sizeAt(sizes.variableSlots[kernel.dims.length]);
}

/** The signed key of the element at a position of the line, or of several side by side. */
export function keyAt({ b, emitter, kernel }: SortContext, at: Value, lanes: number): Value {
  const { dtype } = kernel.exprs[kernel.key];
  const vector = lanes > 1 ? { mask: null } : null;
  return emitter.bind(kernel.dims.length, at, vector, () =>
    signedKey(b, b.spread(emitter.emit(kernel.key), lanes), dtype, kernel.descending),
  );
}

/** The signed key of each element of the line. */
export function forEachKey(c: SortContext, body: (at: Value, key: Value) => void): void {
  const { b } = c;
  c.emitter.hoist([c.kernel.key], []);
  b.forEach(b.index(0), lengthOf(c), 1, (at) => c.emitter.scoped(() => body(at, keyAt(c, at, 1))));
}
