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

export function planArena(values: readonly Lifetime[]): ArenaPlan {
  const offsets = new Array<number>(values.length).fill(0);
  const bySize = values.map((_, i) => i).sort((a, b) => values[b].bytes - values[a].bytes || a - b);
  /** Values placed so far, by each launch in which they live. */
  const placed: number[][] = [];
  let total = 0;
  for (const i of bySize) {
    const v = values[i];
    const together = new Set<number>();
    for (let t = v.from; t <= v.to; t++) for (const j of placed[t] ?? []) together.add(j);
    const rivals = [...together].sort((a, b) => offsets[a] - offsets[b]);
    let at = 0;
    for (const j of rivals) {
      if (at + aligned(v.bytes) <= offsets[j]) break;
      at = Math.max(at, offsets[j] + aligned(values[j].bytes));
    }
    offsets[i] = at;
    for (let t = v.from; t <= v.to; t++) {
      placed[t] ??= [];
      placed[t].push(i);
    }
    total = Math.max(total, at + aligned(v.bytes));
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
