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

/** The first place in a list, sorted by offsets, of an offset of at least `least`. */
function firstFrom(sorted: readonly number[], offsets: readonly number[], least: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[sorted[middle]] < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function planArena(values: readonly Lifetime[]): ArenaPlan {
  const offsets = new Array<number>(values.length).fill(0);
  const bySize = values.map((_, i) => i).sort((a, b) => values[b].bytes - values[a].bytes || a - b);
  /** Values placed so far, by their offsets. */
  const placed: number[] = [];
  let total = 0;
  for (const i of bySize) {
    const { from, to, bytes } = values[i];
    const own = aligned(bytes);
    let at = 0;
    for (const j of placed) {
      const other = values[j];
      if (other.from > to || other.to < from) continue;
      if (at + own <= offsets[j]) break;
      at = Math.max(at, offsets[j] + aligned(other.bytes));
    }
    offsets[i] = at;
    placed.splice(firstFrom(placed, offsets, at), 0, i);
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
