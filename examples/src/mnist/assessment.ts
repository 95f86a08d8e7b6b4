/** What a trained network makes of the test images, as plain numbers. */

/** One test image and what the network says of it. */
export interface Verdict {
  /** Number of the image. */
  readonly index: number;
  readonly truth: number;
  readonly predicted: number;
  /** Probability of the predicted class. */
  readonly confidence: number;
}

export interface Assessment {
  readonly verdicts: readonly Verdict[];
  /** [true class][predicted class] */
  readonly confusion: readonly (readonly number[])[];
  /** Share of right verdicts. */
  readonly accuracy: number;
}

/** @param probabilities [N, classes]; of equal ones the class with the lower number is predicted, as in `argmax`. */
export function assess(
  probabilities: ArrayLike<number>,
  truths: readonly number[],
  classes: number,
): Assessment {
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const verdicts = truths.map((truth, index): Verdict => {
    let predicted = 0;
    for (let k = 1; k < classes; k++) {
      if (probabilities[index * classes + k] > probabilities[index * classes + predicted]) predicted = k;
    }
    confusion[truth][predicted]++;
    return { index, truth, predicted, confidence: probabilities[index * classes + predicted] };
  });
  const right = confusion.reduce((sum, row, k) => sum + row[k], 0);
  return { verdicts, confusion, accuracy: right / truths.length };
}

export interface ClassFigures {
  readonly name: number;
  readonly images: number;
  readonly right: number;
  /** What it was taken for most often when it was not recognised, and how often; null if it always was. */
  readonly confusedWith: { readonly name: number; readonly times: number } | null;
}

export function classFigures({ confusion }: Assessment): ClassFigures[] {
  return confusion.map((row, name) => {
    const others = row.map((times, other) => ({ name: other, times })).filter((other) => other.name !== name);
    const most = others.reduce((a, b) => (b.times > a.times ? b : a));
    return {
      name,
      images: row.reduce((sum, count) => sum + count, 0),
      right: row[name],
      confusedWith: most.times === 0 ? null : most,
    };
  });
}

/** Wrong verdicts, the most confident first. */
export function mistakes({ verdicts }: Assessment): Verdict[] {
  return verdicts
    .filter((verdict) => verdict.predicted !== verdict.truth)
    .sort((a, b) => b.confidence - a.confidence || a.index - b.index);
}

/** Some verdicts to look at: mistakes for up to half of them, then recognised images of as many classes as possible. */
export function selection(assessment: Assessment, count: number): Verdict[] {
  const chosen = mistakes(assessment).slice(0, Math.floor(count / 2));
  const seen = new Set<number>();
  const later: Verdict[] = [];
  for (const verdict of assessment.verdicts) {
    if (chosen.length === count) return chosen;
    if (verdict.predicted !== verdict.truth) continue;
    if (seen.has(verdict.truth)) later.push(verdict);
    else chosen.push(verdict);
    seen.add(verdict.truth);
  }
  return [...chosen, ...later].slice(0, count);
}
