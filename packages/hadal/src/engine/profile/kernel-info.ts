/** What a report says of a kernel beyond its times: its name and size, what was fused into it, what it costs at the least. */
import { numel } from '../../base/shape.js';
import { userLine } from '../../graph/node.js';
import type { CapturedGraph } from '../../graph/template.js';
import type { KernelCost } from '../../kernel/costs.js';
import { addCosts, kernelCost, noCost } from '../../kernel/costs.js';
import type { Kernel } from '../../kernel/l2.js';
import { variableSizes } from '../../kernel/l2.js';
import { fusedNodes } from '../../schedule/fused-nodes.js';
import type { Plan, PlannedLaunch } from '../../schedule/plan.js';

/** Lines of a program that a kernel is shown with. */
const MAX_LINES = 4;

export class KernelInfo {
  readonly name: string;
  readonly kind: Kernel['kind'];
  readonly size: string;
  readonly blocks: number;
  readonly ops: readonly string[];
  readonly nodes: readonly number[];
  readonly cost: KernelCost;
  readonly #traces: Error[] = [];

  constructor(plan: Plan, launch: PlannedLaunch) {
    const { nodes } = plan.template;
    this.name = launch.kernel.name;
    this.kind = launch.kernel.kind;
    this.size = showSizes(launch.blocks.map((b) => b.kernel));
    this.blocks = launch.blocks.length;
    this.nodes = launch.blocks.flatMap((b) => fusedNodes(plan, b));
    const first = fusedNodes(plan, launch.blocks[0]).map((id) => nodes[id].op);
    const computing = first.filter((op) => op.kind !== 'movement');
    this.ops = (computing.length > 0 ? computing : first).map((op) => op.name);
    this.cost = launch.blocks.reduce(
      (sum, b) =>
        addCosts(
          sum,
          kernelCost(
            b.kernel,
            b.values.map((id) => numel(nodes[id].shape)),
          ),
        ),
      noCost,
    );
  }

  /** Notes the user's lines of another place where this kernel runs. */
  alsoIn(plan: Plan, launch: PlannedLaunch, captured: CapturedGraph): void {
    if (this.#traces.length >= MAX_LINES) return;
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

export function kernelInfo(plan: Plan, launch: PlannedLaunch, captured: CapturedGraph): KernelInfo {
  const info = new KernelInfo(plan, launch);
  info.alsoIn(plan, launch, captured);
  return info;
}

/** The largest of some kernels of one structure, and that there are others. */
function showSizes(kernels: readonly Kernel[]): string {
  const sizes = new Map(kernels.map((k) => [showSize(k), numel(variableSizes(k))]));
  const [[largest]] = [...sizes].sort((a, b) => b[1] - a[1]);
  return sizes.size === 1 ? largest : `${largest} and ${sizes.size - 1} more`;
}

/** '128 x 784 over 10' for loops over 128 by 784 by 10 points of which the last are reduced; 'm x n x k' of a product. */
function showSize(kernel: Kernel): string {
  switch (kernel.kind) {
    case 'gemm': {
      const { batch, m, n, k, outer } = kernel;
      const batches = batch.filter((s) => s > 1);
      const depth = outer > 1 ? `${outer}*${k}` : `${k}`;
      return `${batches.map((s) => `${s} of `).join('')}${m} x ${n} x ${depth}`;
    }
    case 'loops': {
      const outer = kernel.dims.filter((d) => !d.reduced).map((d) => d.size);
      const reduced = kernel.dims.filter((d) => d.reduced).map((d) => d.size);
      const parts = [
        ...(outer.length > 0 || reduced.length === 0 ? [outer.join(' x ') || '1'] : []),
        ...(reduced.length > 0 ? [`over ${reduced.join(' x ')}`] : []),
      ];
      return parts.join(' ');
    }
    case 'scan':
    case 'sort': {
      const length = kernel.kind === 'sort' ? kernel.length : kernel.dims[kernel.line];
      const lines = kernel.dims.filter((_, v) => v !== kernel.line);
      return `${lines.map((s) => `${s} x `).join('')}${length}`;
    }
    case 'scatter':
      return `${kernel.dims.join(' x ') || '1'} into ${kernel.elements}`;
    case 'region':
      return `${kernel.length} steps`;
    case 'host':
      return kernel.inputs.map((i) => `[${i.shape.join(', ')}]`).join(' ');
  }
}
