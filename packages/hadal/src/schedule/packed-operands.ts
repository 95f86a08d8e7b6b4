/**
 * Matrices that products of few rows multiply with, such as the weights of a model that answers small batches: packing them takes as long as
 * the product. Where such a matrix is memory that did not change it is packed once: one plan packs, another multiplies.
 */

import type { SplitPhase } from '../kernel/gemm/lower-gemm.js';
import { gemmTarget, wholeBBytes } from '../kernel/gemm/lower-gemm.js';
import { isSmallGemm } from '../kernel/gemm/lower-small-gemm.js';
import { indexKey } from '../kernel/index-expr.js';
import { indexValues } from '../kernel/l2.js';
import { cutsColumns } from '../kernel/parts.js';
import type { Target } from '../kernel/target.js';
import type { ExplainedPlan, Place, PlannedLaunch } from './plan.js';

/** More rows make up for packing. */
const MOST_ROWS = 128;
/** Less is packed in no time. */
const LEAST_BYTES = 1 << 15;
/** Of a gemm's workspaces, its packed right operand. */
const PACKED_B = 1;

/** Whether a product has so few rows that its right operand is packed once where it can be. */
export function canPackOnce(rows: number, columns: number): boolean {
  return rows <= MOST_ROWS && cutsColumns(rows, columns);
}

export interface PackableOperand {
  /** Position of the product's launch. */
  readonly launch: number;
  readonly leaf: number;
  /** Of the packed form. */
  readonly bytes: number;
  /** Which matrix of the leaf, and how it is packed: other plans can use a form with the same key. */
  readonly key: string;
}

function packable(launch: PlannedLaunch, at: number, target: Target): PackableOperand | null {
  const [block] = launch.blocks;
  const { kernel } = block;
  if (launch.blocks.length > 1 || kernel.kind !== 'gemm' || kernel.batch.length > 0) return null;
  const { m, n, k, outer } = kernel;
  const right = kernel.exprs[kernel.b];
  if (!canPackOnce(m, n) || isSmallGemm(kernel, target)) return null;
  if (right.op !== 'load' || right.dtype !== 'float32' || indexValues(right.index).length > 0) return null;
  const place = block.places[right.buffer];
  const own = gemmTarget(kernel, target);
  const bytes = wholeBBytes(kernel, own);
  if (place.in !== 'leaf' || bytes < LEAST_BYTES) return null;
  // Panels lie as the shares that pack them are cut.
  const cuts = launch.shares.map((s) => s.parts.map((p) => `${p.from}-${p.to}`).join()).join(';');
  const key = `${target.id} ${own.gemm.nr} ${indexKey(right.index)} ${n} ${k} ${outer} ${cuts}`;
  return { launch: at, leaf: place.leaf, bytes, key };
}

/** @param updates leaves that the plan overwrites: what they hold does not last. */
export function packableOperands(
  launches: readonly PlannedLaunch[],
  updates: readonly { readonly leaf: number }[],
  target: Target,
): readonly PackableOperand[] {
  // An engine without register tiles packs nothing.
  if (target.gemm.mr === 1) return [];
  const found = launches.flatMap((launch, at) => packable(launch, at, target) ?? []);
  // A leaf has one form, so a plan can ask for one only.
  const isSingle = ({ leaf, key }: PackableOperand): boolean =>
    found.every((other) => other.leaf !== leaf || other.key === key);
  return found.filter((p) => isSingle(p) && !updates.some((u) => u.leaf === p.leaf));
}

function withPacked(launch: PlannedLaunch, packed: number, phase: SplitPhase): PlannedLaunch {
  const place: Place = { in: 'packed', packed };
  const shares = launch.shares.map((s) => ({
    ...s,
    workspaces: s.workspaces.map((w, i) => (i === PACKED_B ? place : w)),
  }));
  return { ...launch, shares, phase };
}

/** What packs one operand of a plan. */
export function packingPlan(plan: ExplainedPlan, operand: number): ExplainedPlan {
  const launch = withPacked(plan.launches[plan.packable[operand].launch], operand, 'pack B');
  return { ...plan, launches: [launch] };
}

/** The plan on packed operands. */
export function multiplyingPlan(plan: ExplainedPlan): ExplainedPlan {
  const launches = [...plan.launches];
  plan.packable.forEach(({ launch }, i) => {
    launches[launch] = withPacked(launches[launch], i, 'multiply');
  });
  return { ...plan, launches };
}
