/**
 * The memory plan of an arena: every value that lives only inside of a plan gets an offset such that values that live at the same
 * time do not overlap. Greedy by size, lowest offset that fits, as in Pisarchyk and Lee 2020.
 */
export interface Lifetime {
  readonly bytes: number;
  /** First and last launch in which the memory is used. */
  readonly from: number;
  readonly to: number;
}

export interface ArenaPlan {
  readonly offsets: readonly number[];
  readonly bytes: number;
  /** What the values would take without sharing. */
  readonly unshared: number;
}

const ALIGNMENT = 64;

function aligned(bytes: number): number {
  return Math.ceil(Math.max(bytes, 1) / ALIGNMENT) * ALIGNMENT;
}

/** The first place of at least `least` in the first `count` of sorted numbers. */
function firstFrom(sorted: Float64Array, count: number, least: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function planArena(values: readonly Lifetime[]): ArenaPlan {
  const offsets = new Array<number>(values.length).fill(0);
  const bySize = values.map((_, i) => i).sort((a, b) => values[b].bytes - values[a].bytes || a - b);
  // Values placed so far, by their offsets: where they begin and end, and when they live.
  const count = values.length;
  const begins = new Float64Array(count);
  const ends = new Float64Array(count);
  const froms = new Int32Array(count);
  const tos = new Int32Array(count);
  const columns = [begins, ends, froms, tos] as const;
  let placed = 0;
  let total = 0;
  for (const i of bySize) {
    const { from, to, bytes } = values[i];
    const own = aligned(bytes);
    let at = 0;
    for (let j = 0; j < placed; j++) {
      if (froms[j] > to || tos[j] < from) continue;
      if (at + own <= begins[j]) break;
      if (ends[j] > at) at = ends[j];
    }
    offsets[i] = at;
    const where = firstFrom(begins, placed, at);
    for (const column of columns) column.copyWithin(where + 1, where, placed);
    begins[where] = at;
    ends[where] = at + own;
    froms[where] = from;
    tos[where] = to;
    placed++;
    total = Math.max(total, at + own);
  }
  return { offsets, bytes: total, unshared: values.reduce((sum, v) => sum + aligned(v.bytes), 0) };
}

/** Throws a message naming two values that overlap while both live; for tests. */
export function findOverlap(values: readonly Lifetime[], plan: ArenaPlan): readonly [number, number] | null {
  for (let i = 0; i < values.length; i++) {
    for (let j = 0; j < i; j++) {
      const together = values[i].from <= values[j].to && values[j].from <= values[i].to;
      const apart =
        plan.offsets[i] + values[i].bytes <= plan.offsets[j] ||
        plan.offsets[j] + values[j].bytes <= plan.offsets[i];
      if (together && !apart) return [i, j];
    }
  }
  return null;
}
