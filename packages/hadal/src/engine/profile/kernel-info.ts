/** What a report says of a kernel beyond its times: its name and size, what was fused into it, what it costs at the least. */
import { userLine } from '../../graph/node.js';
import type { CapturedGraph } from '../../graph/template.js';
import type { KernelCost } from '../../kernel/costs.js';
import { fusedNodes } from '../../schedule/fused-nodes.js';
import { launchCost } from '../../schedule/launch-cost.js';
import type { ExplainedPlan, PlannedLaunch } from '../../schedule/plan.js';
import type { DescribedLaunch } from '../described-launch.js';
import { describeLaunch } from '../described-launch.js';

/** Lines of a program that a kernel is shown with. */
const MAX_LINES = 4;

export class KernelInfo {
  readonly launch: DescribedLaunch;
  readonly ops: readonly string[];
  readonly nodes: readonly number[];
  readonly cost: KernelCost;
  readonly #traces: Error[] = [];

  constructor(plan: ExplainedPlan, launch: PlannedLaunch) {
    const { nodes } = plan.template;
    this.launch = describeLaunch(launch);
    this.nodes = launch.blocks.flatMap((b) => fusedNodes(plan, b));
    const first = fusedNodes(plan, launch.blocks[0]).map((id) => nodes[id].op);
    const computing = first.filter((op) => op.kind !== 'movement');
    this.ops = (computing.length > 0 ? computing : first).map((op) => op.name);
    this.cost = launchCost(plan, launch);
  }

  /** Notes the user's lines of another place where this kernel runs. */
  alsoIn(plan: ExplainedPlan, launch: PlannedLaunch, captured: CapturedGraph | null): void {
    if (captured === null || this.#traces.length >= MAX_LINES) return;
    const { origin } = plan.template;
    const members = new Set(launch.blocks.flatMap((b) => fusedNodes(plan, b)));
    captured.nodes.forEach((node, i) => {
      if (node.madeAt !== null && this.#traces.length < MAX_LINES && members.has(origin?.[i] ?? i))
        this.#traces.push(node.madeAt);
    });
  }

  /** The lines of the program that made its values, where they were recorded. */
  get lines(): readonly string[] {
    return [...new Set(this.#traces.flatMap((trace) => userLine(trace) ?? []))];
  }
}

export function kernelInfo(
  plan: ExplainedPlan,
  launch: PlannedLaunch,
  captured: CapturedGraph | null,
): KernelInfo {
  const info = new KernelInfo(plan, launch);
  info.alsoIn(plan, launch, captured);
  return info;
}
