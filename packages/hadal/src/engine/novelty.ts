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
  /** A graph ran in pieces, and of so many of its nodes the pieces had to be planned. */
  stepped(hash: number, size: GraphSize, planned: number): void;
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

/** What a node costs: in a plan that is made, and in pieces that run more than in a plan that runs. Measured in new processes. */
const PLAN_NODE_US = 80;
const STEP_NODE_US = 8;
/** What pieces write and read again, a plan keeps in registers. */
const STEP_BYTE_US = 1e-4;

/** Graphs that are remembered. */
const MOST_SEEN = 4096;

/** What a plan may cost, times what pieces cost, where others came again after plans had been made in vain. */
const TRUST = 2;

/** What is left of what was counted when another graph runs in pieces: some eight are looked back on. */
const REMEMBERED = 7 / 8;
/** And when one is planned: after some, it is tried again whether pieces are known by now. */
const REMEMBERED_PLANNED = 15 / 16;

/** What a graph costs in pieces, but for planning them. */
function stepsUs({ nodes, bytes }: GraphSize): number {
  return nodes * STEP_NODE_US + bytes * STEP_BYTE_US;
}

export class Novelty implements PlanPolicy {
  #credit = CREDIT;
  /** Whether the credit was used up once: then a graph has to come again before it gets a plan. */
  #doubts = false;
  /** What graphs have cost in pieces. */
  readonly #spent = new Map<number, number>();
  /** Nodes of graphs that ran in pieces for the first time lately, and those whose pieces were as new. */
  #nodes = 1;
  #newNodes = 0;

  wantsSteps(hash: number, size: GraphSize): boolean {
    if (size.nodes < LEAST_NODES || !this.#doubts) return false;
    // As long as all runs in pieces together do not cost as much as the plan would have.
    const price = size.nodes * PLAN_NODE_US;
    // Where the pieces of a graph are as new as the graph, they save nothing.
    const before = this.#spent.get(hash) ?? (price * this.#newNodes) / this.#nodes;
    return (before + stepsUs(size)) * (this.#credit > 0 ? TRUST : 1) <= price;
  }

  stepped(hash: number, size: GraphSize, planned: number): void {
    if (this.#spent.size >= MOST_SEEN) this.#spent.clear();
    const before = this.#spent.get(hash);
    this.#spent.set(hash, (before ?? 0) + stepsUs(size));
    if (before !== undefined) return;
    this.#nodes = this.#nodes * REMEMBERED + size.nodes;
    this.#newNodes = this.#newNodes * REMEMBERED + Math.min(planned, size.nodes);
  }

  planned(nodes: number): void {
    if (nodes < LEAST_NODES) return;
    if (this.#credit > 0) this.#credit--;
    this.#newNodes *= REMEMBERED_PLANNED;
    if (this.#credit === 0) this.#doubts = true;
  }

  repeated(nodes: number): void {
    if (nodes >= LEAST_NODES && this.#credit < CREDIT) this.#credit++;
  }
}
