/**
 * Which graphs get a plan. Making one takes many times as long as running it, so it pays where graphs come again, as they do in
 * most programs. Where they keep changing (loops of any length, trees), one that was never seen runs in pieces instead; should it
 * come again and again, it gets its plan after all.
 */

/** What there is to know of a graph before there is a plan. */
export interface GraphSize {
  readonly nodes: number;
  /** Of all that is computed, were it all written. */
  readonly bytes: number;
}

/** Decides whether graphs get plans; an engine asks it where it has none. */
export interface PlanPolicy {
  /** Whether a graph that has no plan is to run in pieces. */
  wantsSteps(hash: number, size: GraphSize): boolean;
  /** A plan was made. */
  planned(nodes: number): void;
  /** A plan ran again, and again. */
  repeated(nodes: number): void;
}

/** Smaller graphs are planned in no time, and pieces of them would not be smaller. */
const LEAST_NODES = 48;

/** How many plans may be made that did not come again. A training loop makes two or three before its graphs repeat. */
const CREDIT = 6;

/** So often a plan runs before its graph is taken for one that comes again. */
export const RUNS_OF_REPEATED = 3;

/** What a node costs: in a plan that is made, and in pieces that run more than in a plan that runs. Measured. */
const PLAN_NODE_US = 100;
const STEP_NODE_US = 4;
/** What pieces write and read again, a plan keeps in registers. */
const STEP_BYTE_US = 1e-4;

/** Graphs that are remembered. */
const MOST_SEEN = 4096;

/** What a plan may cost, times what runs in pieces have cost, where others came again after plans had been made in vain. */
const TRUST = 4;

export class Novelty implements PlanPolicy {
  #credit = CREDIT;
  /** Whether the credit was used up once: then a graph has to come again before it gets a plan. */
  #doubts = false;
  readonly #seen = new Map<number, number>();

  wantsSteps(hash: number, { nodes, bytes }: GraphSize): boolean {
    if (nodes < LEAST_NODES || !this.#doubts) return false;
    // As long as all runs in pieces together have not cost as much as the plan would have.
    const runs = this.#seen.get(hash) ?? 0;
    const cost = (runs + 1) * (nodes * STEP_NODE_US + bytes * STEP_BYTE_US);
    if (cost * (this.#credit > 0 ? TRUST : 1) > nodes * PLAN_NODE_US) return false;
    if (this.#seen.size >= MOST_SEEN) this.#seen.clear();
    this.#seen.set(hash, runs + 1);
    return true;
  }

  planned(nodes: number): void {
    if (nodes >= LEAST_NODES && this.#credit > 0) this.#credit--;
    if (this.#credit === 0) this.#doubts = true;
  }

  repeated(nodes: number): void {
    if (nodes >= LEAST_NODES && this.#credit < CREDIT) this.#credit++;
  }
}
