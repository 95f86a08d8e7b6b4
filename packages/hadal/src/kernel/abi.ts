/**
 * How a kernel is called, the same on every engine. A compiled kernel is a function `(blocks: pointer, count)`: `count` blocks
 * of arguments lie one behind the other, and the body runs once for each. A block is a row of 8-byte slots:
 *
 *     buffer pointers | sizes | scalars
 *
 * A pointer and a size fill their slot on 64-bit engines and its low 4 bytes on wasm (the high 4 are zero); a scalar fills the
 * low 4 bytes (f32, i32) or all 8 (f64, i64). Little endian.
 */
import type { L3Function } from './l3.js';

export const SLOT_BYTES = 8;

export interface BlockLayout {
  readonly buffers: number;
  readonly sizes: number;
  readonly scalars: number;
}

export function layoutOf(fn: L3Function): BlockLayout {
  return { buffers: fn.buffers.length, sizes: fn.sizes, scalars: fn.scalars.length };
}

export function blockSlots(layout: BlockLayout): number {
  return layout.buffers + layout.sizes + layout.scalars;
}

export function blockBytes(layout: BlockLayout): number {
  return blockSlots(layout) * SLOT_BYTES;
}
