/**
 * Operands that are packed once: which plan packs, when it is worth it, and where the forms are. A form lies beside the buffer that it was
 * made of and goes with it; once the buffer is overwritten it is given back.
 */
import { known } from '../base/errors.js';
import type { Buffer } from '../graph/buffer.js';
import type { Memory } from '../runtime/device.js';
import { multiplyingPlan, type PackableOperand, packingPlan } from '../schedule/packed-operands.js';
import { type ExplainedPlan, type Plan, unexplained } from '../schedule/plan.js';
import type { Backend, PlanRunner } from './backend.js';
import type { WatchedPlan } from './profile/plan-run.js';

/** Runs that read the same version before it is packed: weights that are trained never get there. */
const READS = 2;
/** Runs that would like another form than the one that there is. */
const OTHER_READS = 16;
/** Bytes that stay free for everything else. */
const ROOM = 2 ** 30;
/** Runs to wait for where there was none. */
const PATIENCE = 256;

/** A plan that multiplies with packed operands, and those that pack them. */
export interface PackedPlans {
  readonly plan: Plan;
  readonly runner: PlanRunner;
  readonly packing: readonly PlanRunner[];
  readonly explained: () => ExplainedPlan;
  watched: WatchedPlan | null;
}

export function preparePacked(backend: Backend, explained: () => ExplainedPlan): PackedPlans {
  const plan = explained();
  const multiplying = multiplyingPlan(plan);
  return {
    plan: unexplained(multiplying),
    runner: backend.prepare(multiplying),
    packing: plan.packable.map((_, i) => backend.prepare(packingPlan(plan, i))),
    explained: () => multiplyingPlan(explained()),
    watched: null,
  };
}

/** Notes that a plan reads a buffer; whether the form that it wants is there, or should be made now. */
function isWanted(backend: Backend, buffer: Buffer, { key, bytes }: PackableOperand): boolean {
  const { packed, version } = buffer;
  if (packed !== null && packed.version === version && packed.key === key) {
    buffer.wanted = 0;
    return true;
  }
  if (buffer.wantedVersion !== version) {
    buffer.wantedVersion = version;
    buffer.wanted = 0;
  }
  buffer.wanted++;
  const reads = packed !== null && packed.version === version ? OTHER_READS : READS;
  if (buffer.wanted <= reads) return false;
  if (backend.availableBytes(ROOM + bytes) >= ROOM + bytes) return true;
  buffer.wanted = -PATIENCE;
  return false;
}

/** Whether all operands of a plan that could be packed are, or should be made so; told of each run. */
export function wantsPacked(backend: Backend, { packable }: Plan, leaves: readonly Buffer[]): boolean {
  let all = packable.length > 0;
  // Each is told of the run, whatever is said of the others.
  for (const operand of packable) if (!isWanted(backend, leaves[operand.leaf], operand)) all = false;
  return all;
}

/** Gives a form back that is no longer what its buffer holds. */
export function dropForm(backend: Backend, buffer: Buffer): void {
  if (buffer.packed === null) return;
  backend.release(buffer.packed.memory);
  buffer.packed = null;
}

/**
 * The packed operands of a plan, made where they are not there yet.
 *
 * @param buffers what the plan runs on
 */
export function packedForms(
  backend: Backend,
  { packable }: Plan,
  { packing }: PackedPlans,
  leaves: readonly Buffer[],
  buffers: readonly Memory[],
  scalars: readonly (number | bigint)[],
): readonly Memory[] {
  return packable.map(({ leaf, key, bytes }, i) => {
    const buffer = leaves[leaf];
    const { packed, version } = buffer;
    if (packed !== null && packed.version === version && packed.key === key) return packed.memory;
    dropForm(backend, buffer);
    const memory = backend.allocate(bytes);
    // Other operands are not read.
    const bound = packable.map((_, other) => (other === i ? memory : known(buffers[0], 'a buffer')));
    packing[i].run([...buffers, ...bound], scalars);
    buffer.packed = { key, version, memory };
    buffer.wanted = 0;
    return memory;
  });
}
