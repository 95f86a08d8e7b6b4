/**
 * Values along a row that one pass of a row kernel computes and a later one needs again, such as the exponentials that softmax first
 * adds up and then divides. Where computing them takes longer than reading them back they are kept in a workspace of one row, which
 * is one of float32, as all workspaces are.
 */
import type { Dependence } from '../dependence.js';
import { dependences } from '../dependence.js';
import type { ExprId, LoopKernel } from '../l2.js';
import { pairsAlongLanes } from './pairs.js';

export interface KeptRow {
  readonly value: ExprId;
  /** The pass that computes it. */
  readonly pass: number;
}

/** The pass in which each stage runs: after all stages it depends on. */
export function passes(kernel: LoopKernel, deps: readonly Dependence[]): number[][] {
  const level: number[] = [];
  kernel.stages.forEach((s, i) => {
    let at = 0;
    for (const before of deps[s.value].stages) at = Math.max(at, level[before] + 1);
    level[i] = at;
  });
  const out: number[][] = [];
  level.forEach((l, i) => {
    out[l] ??= [];
    out[l].push(i);
  });
  return out;
}

/** The reduced variable that rows lie along, or -1 where nothing can be kept; `vector` is the variable of the lanes, or -1. */
export function rowVariable(kernel: LoopKernel, vector: number): number {
  const reduced = kernel.dims.flatMap((d, v) => (d.reduced ? [v] : []));
  // With lanes along another variable, there would be a row for each lane.
  return reduced.length === 1 && (vector < 0 || vector === reduced[0]) ? reduced[0] : -1;
}

/** @param vector the variable of the lanes, or -1. */
export function keptRows(kernel: LoopKernel, vector: number): readonly KeptRow[] {
  const variable = rowVariable(kernel, vector);
  if (variable < 0 || kernel.stages.length === 0 || pairsAlongLanes(kernel).loads.size > 0) return [];
  const deps = dependences(kernel);
  /** Whether an op of the formula from here down, along the row, takes long. */
  const hasLong = kernel.exprs.map(() => false);
  kernel.exprs.forEach((e, id) => {
    if (e.op !== 'call' || !deps[id].variables.has(variable)) return;
    hasLong[id] = e.isLong || e.args.some((a) => hasLong[a]);
  });
  const computed = new Map<ExprId, number>();
  const kept = new Map<ExprId, KeptRow>();

  /** Looks from a root down through calls: what a guard makes of lanes that are off is its own. */
  function visit(id: ExprId, visitor: (id: ExprId) => boolean): void {
    const e = kernel.exprs[id];
    if (e.op === 'call' && hasLong[id] && visitor(id)) for (const a of e.args) visit(a, visitor);
  }
  function keepFrom(root: ExprId, isBefore: (pass: number) => boolean): void {
    visit(root, (id) => {
      const pass = computed.get(id);
      const { dtype } = kernel.exprs[id];
      if (pass === undefined || !isBefore(pass) || dtype !== 'float32') return true;
      kept.set(id, { value: id, pass });
      return false;
    });
  }

  passes(kernel, deps).forEach((stages, pass) => {
    const roots = stages.map((s) => kernel.stages[s].value);
    for (const root of roots) keepFrom(root, (before) => before < pass);
    for (const root of roots) {
      visit(root, (id) => {
        if (computed.has(id)) return false;
        computed.set(id, pass);
        return true;
      });
    }
  });
  for (const s of kernel.stores) if (s.level !== 'outer') keepFrom(s.value, () => true);
  return [...kept.values()];
}
