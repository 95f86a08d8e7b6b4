/** Metrics of whole arrays, written down from their definitions, for comparison. */

export function argmax(row: readonly number[]): number {
  return row.reduce((best, value, i) => (value > row[best] ? i : best), 0);
}

export function accuracy(scores: readonly number[][], classes: readonly number[]): number {
  return mean(scores.map((row, i) => (argmax(row) === classes[i] ? 1 : 0)));
}

export function topK(scores: readonly number[][], classes: readonly number[], k: number): number {
  return mean(
    scores.map((row, i) => {
      const order = row.map((_, c) => c).sort((a, b) => row[b] - row[a] || a - b);
      return order.slice(0, k).includes(classes[i]) ? 1 : 0;
    }),
  );
}

export function confusion(
  predicted: readonly number[],
  actual: readonly number[],
  classes: number,
): number[][] {
  const out = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  predicted.forEach((p, i) => {
    out[actual[i]][p]++;
  });
  return out;
}

export interface PerClass {
  readonly precision: number[];
  readonly recall: number[];
  readonly f1: number[];
  readonly support: number[];
  /** Whether the class occurs among decisions or truths. */
  readonly met: boolean[];
}

export function perClass(predicted: readonly number[], actual: readonly number[], classes: number): PerClass {
  const out: PerClass = { precision: [], recall: [], f1: [], support: [], met: [] };
  for (let c = 0; c < classes; c++) {
    const tp = predicted.filter((p, i) => p === c && actual[i] === c).length;
    const fp = predicted.filter((p, i) => p === c && actual[i] !== c).length;
    const fn = predicted.filter((p, i) => p !== c && actual[i] === c).length;
    const precision = tp + fp === 0 ? 0 : tp / (tp + fp);
    const recall = tp + fn === 0 ? 0 : tp / (tp + fn);
    out.precision.push(precision);
    out.recall.push(recall);
    out.f1.push(precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall));
    out.support.push(tp + fn);
    out.met.push(tp + fp + fn > 0);
  }
  return out;
}

/** Every pair of a positive and a negative sample, ties counting half. */
export function auc(scores: readonly number[], truths: readonly number[]): number {
  let [won, pairs] = [0, 0];
  scores.forEach((a, i) => {
    scores.forEach((b, j) => {
      if (truths[i] !== 1 || truths[j] !== 0) return;
      pairs++;
      if (a > b) won++;
      else if (a === b) won += 0.5;
    });
  });
  return won / pairs;
}

export function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

export function r2(output: readonly number[], target: readonly number[]): number {
  const middle = mean(target);
  const residual = target.reduce((sum, t, i) => sum + (t - output[i]) ** 2, 0);
  const spread = target.reduce((sum, t) => sum + (t - middle) ** 2, 0);
  return 1 - residual / spread;
}

export function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = a.reduce((sum, x, i) => sum + x * b[i], 0);
  return dot / Math.max(Math.hypot(...a), 1e-8) / Math.max(Math.hypot(...b), 1e-8);
}

export function perplexity(logits: readonly number[][], classes: readonly number[]): number {
  const nll = logits.map((row, i) => {
    const top = Math.max(...row);
    return Math.log(row.reduce((sum, x) => sum + Math.exp(x - top), 0)) + top - row[classes[i]];
  });
  return Math.exp(mean(nll));
}
