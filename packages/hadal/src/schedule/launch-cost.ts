/** What a launch has to do at the least. */
import { numel } from '../base/shape.js';
import type { KernelCost } from '../kernel/costs.js';
import { addCosts, kernelCost, noCost } from '../kernel/costs.js';
import type { ExplainedPlan, PlannedLaunch } from './plan.js';

export function launchCost(plan: ExplainedPlan, launch: PlannedLaunch): KernelCost {
  const { nodes } = plan.template;
  return launch.blocks.reduce((sum, { kernel, values }) => {
    const elements = values.map((id) => numel(nodes[id].shape));
    return addCosts(sum, kernelCost(kernel, elements));
  }, noCost);
}
