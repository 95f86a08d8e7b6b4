/** Lowers an L2 kernel to L3 for a target. */

import { lowerAttention } from './attention/lower-attention.js';
import { lowerAttentionGrad } from './attention/lower-attention-grad.js';
import type { SplitPhase } from './gemm/lower-gemm.js';
import { lowerGemm } from './gemm/lower-gemm.js';
import type { LoweredKernel } from './l2.js';
import type { AbstractKernel } from './l2-sizes.js';
import type { L3Function } from './l3.js';
import { lowerLoops } from './loops/lower-loops.js';
import { lowerRegion } from './loops/lower-region.js';
import { lowerScan } from './loops/lower-scan.js';
import { lowerScatter } from './loops/lower-scatter.js';
import { lowerSort } from './sort/lower-sort.js';
import { lowerStencil } from './stencil/lower-stencil.js';
import type { Target } from './target.js';
import { lowerWinograd } from './winograd/lower-winograd.js';
import { lowerWinogradGrad } from './winograd/lower-winograd-grad.js';

/** @param split what is done of a product whose right operand is packed by itself. */
export function lower(
  kernel: LoweredKernel,
  sizes: AbstractKernel,
  target: Target,
  split?: SplitPhase,
): L3Function {
  switch (kernel.kind) {
    case 'loops':
      return lowerLoops(kernel, sizes, target);
    case 'gemm':
      return lowerGemm(kernel, sizes, target, split);
    case 'stencil':
      return lowerStencil(kernel, sizes, target);
    case 'winograd':
      return lowerWinograd(kernel, sizes, target);
    case 'winogradGrad':
      return lowerWinogradGrad(kernel, sizes, target);
    case 'scan':
      return lowerScan(kernel, sizes, target);
    case 'sort':
      return lowerSort(kernel, sizes, target);
    case 'scatter':
      return lowerScatter(kernel, sizes, target);
    case 'region':
      return lowerRegion(kernel, sizes, target);
    case 'attention':
      return lowerAttention(kernel, sizes, target);
    case 'attentionGrad':
      return lowerAttentionGrad(kernel, sizes, target);
  }
}
