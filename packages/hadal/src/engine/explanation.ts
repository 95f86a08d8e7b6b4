/** What `hadal.explain` gives: the stages of a plan, as data and as text. */
import { showShape } from '../base/shape.js';
import { printTemplate } from '../graph/template.js';
import type { KernelCost } from '../kernel/costs.js';
import type { Boundary } from '../schedule/boundaries.js';
import { boundariesOf } from '../schedule/boundaries.js';
import { fusedNodes } from '../schedule/fused-nodes.js';
import { launchCost } from '../schedule/launch-cost.js';
import { MemoryReport } from '../schedule/memory-report.js';
import type { ExplainedPlan } from '../schedule/plan.js';
import { printPlan } from '../schedule/plan.js';
import type { Backend } from './backend.js';
import type { DescribedLaunch } from './described-launch.js';
import { describeLaunch } from './described-launch.js';

/** A launch of a plan. Numbers of nodes are positions in the graph, as `Explanation.graph` prints it. */
export interface ExplainedKernel extends DescribedLaunch {
  /** Names of the ops that were fused into it, those that only move among them. */
  readonly ops: readonly string[];
  readonly nodes: readonly number[];
  /** Those of `nodes` that another kernel computes as well: that is cheaper than the way through memory. */
  readonly again: readonly number[];
  /** What it reads from memory and what it writes. */
  readonly reads: readonly number[];
  readonly writes: readonly number[];
  /** What it has to do at the least. */
  readonly cost: KernelCost;
}

export class Explanation {
  readonly #plan: ExplainedPlan | null;
  readonly #backend: Backend;

  /** @internal */
  constructor(plan: ExplainedPlan | null, backend: Backend) {
    this.#plan = plan;
    this.#backend = backend;
  }

  /** One entry a launch, in their order. */
  get kernels(): readonly ExplainedKernel[] {
    const plan = this.#plan;
    if (plan === null) return [];
    const { nodes } = plan.template;
    const makers = new Map<number, number>();
    const made = plan.launches.map((launch, at) => {
      const fused = launch.blocks.flatMap((b) => fusedNodes(plan, b));
      for (const id of fused) if (!makers.has(id)) makers.set(id, at);
      return fused;
    });
    return plan.launches.map((launch, at) => {
      const writes = launch.blocks.flatMap((b) => b.writes);
      return {
        ...describeLaunch(launch),
        ops: made[at].map((id) => nodes[id].op.name),
        nodes: made[at],
        again: made[at].filter((id) => makers.get(id) !== at && nodes[id].op.kind !== 'movement'),
        reads: launch.blocks.flatMap((b) => b.values.filter((id) => !b.writes.includes(id))),
        writes,
        cost: launchCost(plan, launch),
      };
    });
  }

  /** For each value that one kernel writes and another reads, what kept the two from being one. */
  get boundaries(): readonly Boundary[] {
    return this.#plan ? boundariesOf(this.#plan) : [];
  }

  /** Which value lies where and for how long, and what sharing saved; `picture()` and `svg()` draw it. */
  get memory(): MemoryReport {
    return new MemoryReport(this.#plan);
  }

  /** The graph, one op a line. */
  get graph(): string {
    return this.#plan ? printTemplate(this.#plan.template) : 'nothing is pending: the value is in memory';
  }

  /** Kernels with what was fused into each, and why each ends where it ends. */
  get fusion(): string {
    const plan = this.#plan;
    if (plan === null) return 'nothing to run';
    const { nodes } = plan.template;
    const boundaries = this.boundaries;
    const value = (id: number): string => `n${id} ${nodes[id].dtype}${showShape(nodes[id].shape)}`;
    const lines = this.kernels.map((k, at) => {
      const again = new Set(k.again);
      const computing = k.nodes.filter((id) => nodes[id].op.kind !== 'movement');
      const shown = computing.length > 0 ? computing : k.nodes;
      const ops = shown.map((id) => `${nodes[id].op.name} n${id}${again.has(id) ? ' (again)' : ''}`);
      const blocks = k.blocks > 1 ? ` on ${k.blocks} tensors` : '';
      const out = [
        `  launch ${at}: ${k.name}  ${k.size}${blocks}`,
        `    fuses   ${some(ops)}`,
        `    reads   ${some(k.reads.map(value)) || 'nothing'}`,
        `    writes  ${some(k.writes.map(value))}`,
      ];
      // An optimizer's launch reads as many gradients as there are parameters: each pair of kernels and reason is told once.
      const told = new Set<string>();
      for (const b of boundaries) {
        const pair = `${b.to} ${b.reason}`;
        if (b.from !== at || told.has(pair)) continue;
        told.add(pair);
        out.push(`    apart from launch ${b.to}: ${b.text}`);
      }
      return out.join('\n');
    });
    return [`kernels (${plan.launches.length})`, ...lines].join('\n');
  }

  /** The kernels as loops, launch by launch with the memory they run on. */
  get plan(): string {
    return this.#plan ? printPlan(this.#plan) : 'nothing to run';
  }

  /** L3 and machine code of each kernel. */
  get code(): string {
    return this.#plan ? this.#backend.code(this.#plan) : '';
  }

  /** The explanation as plain data, without generated code. */
  toJSON(): object {
    const { graph, plan, kernels, boundaries } = this;
    const { values, outputBytes, arenaBytes, unsharedBytes, leastBytes } = this.memory;
    return {
      ...{ graph, plan, kernels, boundaries },
      memory: { values, outputBytes, arenaBytes, unsharedBytes, leastBytes },
    };
  }

  toString(): string {
    return `graph\n${this.graph}\n\n${this.fusion}\n\n${this.plan}\n\n${this.memory}`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** The first of many. */
function some(parts: readonly string[]): string {
  const most = 12;
  if (parts.length <= most) return parts.join(', ');
  return `${parts.slice(0, most).join(', ')} and ${parts.length - most} more`;
}
