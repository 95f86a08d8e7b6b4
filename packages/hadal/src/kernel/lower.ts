/** Lowers an L2 kernel to L3 for a target. */
import type { CompiledKernel } from './l2.js';
import type { AbstractKernel } from './l2-sizes.js';
import type { L3Function } from './l3.js';
import { lowerGemm } from './lower-gemm.js';
import { lowerLoops } from './lower-loops.js';
import type { Target } from './target.js';

export function lower(kernel: CompiledKernel, sizes: AbstractKernel, target: Target): L3Function {
  return kernel.kind === 'loops' ? lowerLoops(kernel, sizes, target) : lowerGemm(kernel, sizes, target);
}
