/** What `explain` and `profile` both say of a launch. */
import type { Kernel } from '../kernel/l2.js';
import { showSizes } from '../kernel/l2-print.js';
import type { PlannedLaunch } from '../schedule/plan.js';

export interface DescribedLaunch {
  readonly name: string;
  /** Loops, a product, attention, running values, a sort or a scatter, each with what is fused to it; or an op that runs in JavaScript. */
  readonly kind: Kernel['kind'];
  /** The points it computes: '128 x 784 over 10', where what comes after `over` is reduced; 'm x n x k' of a product. */
  readonly size: string;
  /** Tensors that one launch works on, one after the other: an optimizer updates all parameters in one. */
  readonly blocks: number;
}

export function describeLaunch({ kernel: { name, kind }, blocks }: PlannedLaunch): DescribedLaunch {
  return { name, kind, size: showSizes(blocks.map((b) => b.kernel)), blocks: blocks.length };
}
