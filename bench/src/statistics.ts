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

/** Least-squares slope of y over x. */
export function slope(x: readonly number[], y: readonly number[]): number {
  if (x.length !== y.length || x.length < 2)
    throw new RangeError(`a slope through ${x.length} and ${y.length} values`);
  const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
  const [centreX, centreY] = [mean(x), mean(y)];
  const both = x.reduce((sum, v, i) => sum + (v - centreX) * (y[i] - centreY), 0);
  return both / x.reduce((sum, v) => sum + (v - centreX) ** 2, 0);
}
