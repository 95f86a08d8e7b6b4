/** What a kernel is made of: every op between the memory that it reads and what it writes. */
import type { ExplainedPlan, PlannedBlock } from './plan.js';

/**
 * Positions in the plan's template, in topological order: the ops that were fused, those that are read through on the way (movement,
 * lookups), and those of other kernels that are computed again; no constants and no arguments.
 */
export function fusedNodes(plan: ExplainedPlan, block: PlannedBlock): readonly number[] {
  const { nodes } = plan.template;
  const writes = new Set(block.writes);
  const found = new Set<number>();
  const stack = [...block.writes];
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    const n = nodes[id];
    const isInMemory = n.leaf >= 0 || (plan.where.has(id) && !writes.has(id));
    if (found.has(id) || isInMemory || n.argument >= 0 || n.op.kind === 'source') continue;
    found.add(id);
    stack.push(...n.inputs);
  }
  return [...found].sort((a, b) => a - b);
}
