/**
 * What a product asks of memory ahead of time, while a register tile multiplies: the panel of B that is packed next, where its columns lie
 * together. It is a piece of two lines for each k, a row of the matrix apart, which no prefetcher of a processor follows; columns that
 * lie together along k they do follow.
 */

import type { Value } from '../l3.js';
import type { PackContext } from './lower-pack.js';
import { positionAt } from './lower-pack.js';
import { stepsOf } from './sources.js';

/** Elements of float32 in a cache line. */
export const LINE = 16;

/** A panel of B: columns from `fromN` on, from `fromK` on. */
interface NextPanel {
  readonly fromN: Value;
  readonly fromK: Value;
  readonly depth: Value;
}

/** Whether panels of B are worth asking for. */
export function isAskedFor({ kernel }: PackContext, vn: number, vk: number): boolean {
  const steps = stepsOf(kernel, kernel.b, vn, vk);
  return steps !== null && steps.across === 1 && steps.along !== 1;
}

/** Asks for the part of a panel's memory that falls to the tile at row `at` of `rows`, which goes on to row `next`. */
export function askForPanel(
  c: PackContext,
  { vn, vk, width }: { readonly vn: number; readonly vk: number; readonly width: number },
  { fromN, fromK, depth }: NextPanel,
  { at, next, rows }: { readonly at: Value; readonly next: Value; readonly rows: Value },
): void {
  const { b, kernel } = c;
  const e = kernel.exprs[kernel.b];
  if (e.op !== 'load') return;
  const place = (k: Value): Value =>
    positionAt(c, { operand: kernel.b, across: vn, along: vk }, fromN, b.add(fromK, k));
  const share = (row: Value): Value => b.div(b.mul(row, depth), rows);
  const from = share(at);
  const start = place(from);
  const along = b.sub(place(b.add(from, b.index(1))), start);
  b.loop(from, share(next), 1, [start], (_, [position]) => {
    for (let j = 0; j < width; j += LINE) b.prefetch('load', e.buffer, position, j);
    return [b.add(position, along)];
  });
}
