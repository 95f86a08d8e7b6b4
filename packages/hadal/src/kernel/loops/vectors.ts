/**
 * Which loop of a loops kernel becomes lanes, and which is cut up for threads: decided from the kernel and the target, before it is lowered.
 */

import { canVectorize, cutsAlong, type Dependence, dependences } from '../dependence.js';
import { isScalarOnly } from '../elements.js';
import type { Guard } from '../index-expr.js';
import type { LoopKernel } from '../l2.js';
import type { Target } from '../target.js';
import { BLOCK } from './accumulators.js';
import { type Pairs, pairsAlongLanes } from './pairs.js';

/**
 * The loop that is cut up for threads: the outermost one, in whole vectors where it runs over lanes, in whole blocks where
 * these are added up down columns; -1 if all loops are reduced.
 */
export interface SplitLoop {
  readonly variable: number;
  /** Points of the loop in a unit. */
  readonly step: number;
  /** Whether the kernel computes on vectors. */
  readonly isVector: boolean;
}

export function splitLoop(kernel: LoopKernel, target: Target): SplitLoop {
  const variable = kernel.dims.findIndex((d) => !d.reduced);
  const vector = chooseVector(kernel, target);
  return {
    variable,
    step:
      variable >= 0 && variable === vector.variable
        ? vector.lanes
        : variable === blockedRows(kernel)
          ? BLOCK
          : 1,
    isVector: vector.variable >= 0,
  };
}

/** The loop over rows of which blocks are added up down columns: the last that is not reduced; -1 if none are. */
export function blockedRows(kernel: LoopKernel): number {
  if (!kernel.stores.some((s) => s.level === 'columns')) return -1;
  return kernel.dims.findLastIndex((d) => !d.reduced);
}

/** What becomes lanes: a variable, or -1 for none; how many; and whether f64 and i64 are vectors as well. */
export interface Lanes {
  readonly variable: number;
  readonly lanes: number;
  readonly wide: boolean;
}

const NO_LANES: Lanes = { variable: -1, lanes: 1, wide: false };

const knownVectors = new WeakMap<LoopKernel, { readonly target: Target; readonly lanes: Lanes }>();

/** The vector variable if all of the kernel fits lanes along it. Kept by kernel, which is planned and lowered for one target. */
export function chooseVector(kernel: LoopKernel, target: Target): Lanes {
  const have = knownVectors.get(kernel);
  if (have?.target === target) return have.lanes;
  const lanes = findVector(kernel, dependences(kernel), target);
  knownVectors.set(kernel, { target, lanes });
  return lanes;
}

function findVector(kernel: LoopKernel, deps: readonly Dependence[], target: Target): Lanes {
  const v = kernel.vectorVariable;
  if (v < 0 || target.lanes === 1) return NO_LANES;
  if (kernel.stages.some((s) => s.op === 'argmax' || s.op === 'prod')) return NO_LANES;
  const roots = [...kernel.stages.map((s) => s.value), ...kernel.stores.map((s) => s.value)];
  const fits = (pairs: Pairs | null, wide: boolean): boolean => {
    const indices = kernel.stores.filter((_, i) => pairs?.stores.has(i) !== true).map((s) => s.index);
    return canVectorize(kernel, deps, roots, indices, v, target.masks, pairs, cutsOf(kernel, target), wide);
  };
  if (!kernel.stages.some((s) => isScalarOnly(s.dtype)) && fits(pairsAlongLanes(kernel), false))
    return { variable: v, lanes: target.lanes, wide: false };
  // Sums along lanes have the order of `target.lanes`, whatever else is in the kernel.
  if (target.wideLanes === 1 || kernel.dims[v].reduced || !fits(null, true)) return NO_LANES;
  return { variable: v, lanes: target.wideLanes, wide: true };
}

const plainTargets = new WeakMap<Target, Target>();

/** The target without vectors of f64 and i64: for kernels that are parts of a function with vectors of 32-bit elements. */
export function withoutWideLanes(target: Target): Target {
  let plain = plainTargets.get(target);
  if (plain === undefined) {
    plain = target.wideLanes === 1 ? target : { ...target, wideLanes: 1 };
    plainTargets.set(target, plain);
  }
  return plain;
}

/** Where the loop of lanes is cut. Sums along a row do not depend on what is padding, so only maps are cut. */
export function cutsOf(kernel: LoopKernel, target: Target): ReadonlySet<Guard> {
  const isCut = !target.masks && kernel.stages.length === 0 && kernel.vectorVariable >= 0;
  return isCut ? cutsAlong(kernel, kernel.vectorVariable) : new Set();
}
