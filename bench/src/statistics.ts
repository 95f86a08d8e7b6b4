/** Statistics of repeated timings. Medians, since a busy machine only ever adds time. */

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('the median of no values');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function spread(values: readonly number[]): Spread {
  return { min: Math.min(...values), median: median(values), max: Math.max(...values) };
}

/** Spread of peer time over own time, pair by pair: above 1 means that the peer took longer. */
export function pairwiseRatios(own: readonly number[], peer: readonly number[]): Spread {
  if (own.length !== peer.length) throw new RangeError(`${own.length} timings against ${peer.length}`);
  return spread(own.map((ms, i) => peer[i] / ms));
}
