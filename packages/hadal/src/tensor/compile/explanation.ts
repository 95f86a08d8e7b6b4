/** What a compiled function runs, as text and data. */
import type { ExplainedKernel, Explanation } from '../../engine/explanation.js';

export class CompiledExplanation {
  /** Each run of the engine in a call: an optimizer's step ends one. */
  readonly runs: readonly Explanation[];

  /** @internal */
  constructor(runs: readonly Explanation[]) {
    this.runs = runs;
  }

  /** One entry a launch, in their order. */
  get kernels(): readonly ExplainedKernel[] {
    return this.runs.flatMap((run) => run.kernels);
  }

  toString(): string {
    if (this.runs.length === 1) return this.runs[0].toString();
    return this.runs.map((run, i) => `run ${i}\n${run}`).join('\n\n');
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}
