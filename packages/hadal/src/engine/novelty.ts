/**
 * Which graphs get a plan. Making one takes many times as long as running it, so it pays where graphs come again, as they do in
 * most programs. Where they keep changing (loops of any length, trees), one that was never seen runs in pieces instead; should it
 * come again and again, it gets its plan after all.
 */

/** Decides whether graphs get plans; an engine asks it where it has none. */
export interface PlanPolicy {
  /** Whether a graph that has no plan is to run in pieces. */
  wantsSteps(hash: number, nodes: number): boolean;
  /** A plan was made. */
  planned(nodes: number): void;
  /** A plan has run as often as it takes to pay. */
  paid(nodes: number): void;
}

/** Smaller graphs are planned in no time, and pieces of them would not be smaller. */
const LEAST_NODES = 48;

/** How many plans may be made that have not paid yet. A training loop makes two or three before its graphs come again. */
const CREDIT = 4;

/** After so many runs a plan has paid: a run in pieces takes longer by about an eighth of what making the plan takes. */
export const RUNS_THAT_PAY = 8;

/** Graphs that are remembered. */
const MOST_SEEN = 4096;

export class Novelty implements PlanPolicy {
  #credit = CREDIT;
  readonly #seen = new Map<number, number>();

  wantsSteps(hash: number, nodes: number): boolean {
    if (nodes < LEAST_NODES || this.#credit > 0) return false;
    const runs = this.#seen.get(hash) ?? 0;
    if (runs >= RUNS_THAT_PAY) return false;
    if (this.#seen.size >= MOST_SEEN) this.#seen.clear();
    this.#seen.set(hash, runs + 1);
    return true;
  }

  planned(nodes: number): void {
    if (nodes >= LEAST_NODES && this.#credit > 0) this.#credit--;
  }

  paid(nodes: number): void {
    if (nodes >= LEAST_NODES && this.#credit < CREDIT) this.#credit++;
  }
}
