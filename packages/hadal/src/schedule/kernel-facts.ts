/** What a plan asks about each of its kernels, for one target: found out once, since plans share kernels (`known-kernels.ts`). */

import { attentionWorkspace } from '../kernel/attention/lower-attention.js';
import { attentionGradWorkspace } from '../kernel/attention/lower-attention-grad.js';
import { gemmTarget, gemmWorkspace } from '../kernel/gemm/lower-gemm.js';
import type { Kernel } from '../kernel/l2.js';
import type { AbstractKernel } from '../kernel/l2-sizes.js';
import { abstractSizes } from '../kernel/l2-sizes.js';
import { loopsWorkspace } from '../kernel/loops/lower-loops.js';
import { regionWorkspace } from '../kernel/loops/lower-region.js';
import { scatterWorkspace } from '../kernel/loops/lower-scatter.js';
import type { Parts } from '../kernel/parts.js';
import { partsOf } from '../kernel/parts.js';
import { sortWorkspace } from '../kernel/sort/lower-sort.js';
import { needsStatus } from '../kernel/status.js';
import { stencilWorkspace } from '../kernel/stencil/lower-stencil.js';
import type { Target } from '../kernel/target.js';
import { winogradWorkspace } from '../kernel/winograd/lower-winograd.js';
import { winogradGradWorkspace } from '../kernel/winograd/lower-winograd-grad.js';

export interface KernelFacts {
  readonly abstract: AbstractKernel;
  readonly parts: Parts;
  /** Bytes of each buffer that lowering adds. */
  readonly workspace: readonly number[];
  readonly usesStatus: boolean;
}

function workspaceOf(kernel: Kernel, target: Target): readonly number[] {
  switch (kernel.kind) {
    case 'gemm':
      return gemmWorkspace(kernel, gemmTarget(kernel, target));
    case 'stencil':
      return stencilWorkspace(kernel, target);
    case 'loops':
      return loopsWorkspace(kernel, target);
    case 'winogradGrad':
      return winogradGradWorkspace(kernel, target);
    case 'winograd':
      return winogradWorkspace(kernel, target);
    case 'attention':
      return attentionWorkspace(kernel, target);
    case 'attentionGrad':
      return attentionGradWorkspace(kernel, target);
    case 'sort':
      return sortWorkspace(kernel, target);
    case 'scatter':
      return scatterWorkspace(kernel);
    case 'region':
      return regionWorkspace(kernel, target);
    case 'scan':
    case 'host':
      return [];
  }
}

const known = new WeakMap<Target, WeakMap<Kernel, KernelFacts>>();

/** The facts about kernels on a target, as they are asked for. */
export function factsOn(target: Target): (kernel: Kernel) => KernelFacts {
  const have = known.get(target) ?? new WeakMap<Kernel, KernelFacts>();
  known.set(target, have);
  return (kernel) => {
    const before = have.get(kernel);
    if (before !== undefined) return before;
    const facts: KernelFacts = {
      abstract: abstractSizes(kernel, target),
      parts: partsOf(kernel, target),
      workspace: workspaceOf(kernel, target),
      usesStatus: needsStatus(kernel),
    };
    have.set(kernel, facts);
    return facts;
  };
}
