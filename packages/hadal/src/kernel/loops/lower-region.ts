/**
 * Lowers a region kernel to L3: one function with a loop over steps around its parts, each emitted as if it were a function of its own.
 * What moves from step to step is where the parts' buffers lie. A product whose B is the same in all steps packs it once, ahead of the
 * loop: a recurrent weight, which is larger than what it is multiplied with. Where it can be cut along rows (`region-rows.ts`), it runs
 * those that it is told to.
 *
 * Workspace buffers follow the kernel's own: its locals, then the workspaces of its parts.
 */
import { dtypeInfo } from '../../base/dtype.js';
import { InternalError } from '../../base/errors.js';
import { kinds, memTypeOf } from '../elements.js';
import { gemmArithmetic } from '../gemm/arithmetic.js';
import { blockedWorkspace, emitGemm, wholeBBytes } from '../gemm/lower-gemm.js';
import { withStepTiles } from '../gemm/tile-shapes.js';
import type { ExprId, GemmKernel, PartBuffer, RegionKernel, RegionPart } from '../l2.js';
import { exprArguments, exprIndices, indexValues, regionParts } from '../l2.js';
import type { AbstractKernel, AbstractPart } from '../l2-sizes.js';
import type { L3Function, MemType, ScalarKind, Value } from '../l3.js';
import { L3Builder } from '../l3-builder.js';
import { needsStatus, statusBuffer } from '../status.js';
import type { Target } from '../target.js';
import { type UnitRange, unitRange } from '../unit-range.js';
import { emitLoops, loopsWorkspace } from './lower-loops.js';
import { splitLoop, withoutWideLanes } from './vectors.js';

/** More than this is not kept packed. */
const MAX_PACKED_BYTES = 64 << 20;

/** Position of packed B among a gemm's workspaces. */
const PACKED_B = 1;

/** Whether a part of every step multiplies with the same B, so that it is packed once. */
function packsOnce(region: RegionKernel, { kernel, buffers }: RegionPart, target: Target): boolean {
  if (kernel.kind !== 'gemm' || kernel.batch.length > 0) return false;
  return wholeBBytes(kernel, target) <= MAX_PACKED_BYTES && isInvariant(region, kernel, buffers);
}

function isInvariant(region: RegionKernel, kernel: GemmKernel, buffers: readonly PartBuffer[]): boolean {
  const visit = (id: ExprId): boolean => {
    const e = kernel.exprs[id];
    if (exprIndices(e).some((index) => indexValues(index).length > 0)) return false;
    if (e.op === 'load') {
      const { kind, slot } = buffers[e.buffer];
      return kind === 'fixed' && region.buffers[slot]?.access === 'read';
    }
    return exprArguments(e).every(visit);
  };
  return visit(kernel.b);
}

interface Workspace {
  readonly mem: MemType;
  readonly bytes: number;
}

/** The workspaces of a part, and whether it packs its B once. */
function workspacesOf(region: RegionKernel, part: RegionPart, target: Target): readonly Workspace[] {
  const { kernel } = part;
  if (kernel.kind === 'loops') return loopsWorkspace(kernel, target).map((bytes) => ({ mem: 'f32', bytes }));
  const isWhole = region.steps.includes(part) && packsOnce(region, part, target);
  const { packed, sums } = gemmArithmetic(kernel, target);
  const mems = [packed, packed, sums, 'i64'] as const;
  return blockedWorkspace(kernel, target).map((bytes, i) => ({
    mem: mems[i],
    bytes: isWhole && i === PACKED_B ? wholeBBytes(kernel, target) : bytes,
  }));
}

const stepTargets = new WeakMap<Target, Target>();

/** The target as parts of a region see it; one object for each, since choices are kept by target. */
function stepTarget(target: Target): Target {
  let made = stepTargets.get(target);
  if (made === undefined) {
    made = withStepTiles(withoutWideLanes(target));
    stepTargets.set(target, made);
  }
  return made;
}

/** Bytes of each workspace buffer. */
export function regionWorkspace(kernel: RegionKernel, given: Target): readonly number[] {
  const target = stepTarget(given);
  return [
    ...kernel.locals.map(({ dtype, elements }) => elements * dtypeInfo[dtype].bytes),
    ...regionParts(kernel).flatMap((p) => workspacesOf(kernel, p, target).map((w) => w.bytes)),
  ];
}

function scalarKind(kind: (typeof kinds)[keyof typeof kinds]): ScalarKind {
  if (kind === 'index') throw new InternalError('arguments are numbers');
  return kind === 'mask' ? 'i32' : kind;
}

/** A part with what it has in the function. */
interface PlacedPart {
  readonly part: RegionPart;
  readonly abstract: AbstractPart;
  readonly workspaces: readonly number[];
  readonly packsOnce: boolean;
  /** The units of a loops kernel, or rows of a product, that are this launch's; null for all of them. */
  readonly range: UnitRange | null;
}

/** Where a step's slices and carries lie. */
interface StepPosition {
  readonly slice: Value;
  /** 0 or 1: which place of the carries is what they are now. */
  readonly turn: Value;
}

export function lowerRegion(kernel: RegionKernel, sizes: AbstractKernel, given: Target): L3Function {
  const target = stepTarget(given);
  const b = new L3Builder(kernel.name, target.lanes, target);
  for (const { dtype, access } of kernel.buffers) b.buffer(memTypeOf(b, dtype), access);
  for (const { dtype } of kernel.locals) b.buffer(memTypeOf(b, dtype), 'readwrite');
  const isCut = (sizes.parts ?? []).every((p) => p.rowSlot >= 0);
  const own = isCut ? unitRange(b, sizes) : null;
  const rangeOf = ({ kernel: k }: RegionPart, { rowSlot }: AbstractPart): UnitRange | null => {
    if (own === null) return null;
    const perRow = b.sizeAt(rowSlot);
    const step = b.index(k.kind === 'loops' ? splitLoop(k, target).step : 1);
    return { from: b.div(b.mul(own.from, perRow), step), to: b.div(b.mul(own.to, perRow), step) };
  };
  const parts = regionParts(kernel).map((part, i): PlacedPart => {
    const abstract = sizes.parts?.[i];
    if (abstract === undefined) throw new InternalError(`${kernel.name}: part ${i} has no sizes`);
    return {
      part,
      abstract,
      workspaces: workspacesOf(kernel, part, target).map((w) => b.buffer(w.mem, 'readwrite')),
      packsOnce: kernel.steps.includes(part) && packsOnce(kernel, part, target),
      range: rangeOf(part, abstract),
    };
  });
  const status = statusBuffer(b, kernel);
  const scalars = kernel.arguments.map((dtype) => b.scalar(scalarKind(kinds[dtype])));
  const zero = b.index(0);
  const one = b.index(1);
  const length = b.sizeAt(sizes.variableSlots[0]);

  function emit(placed: PlacedPart, at: StepPosition, phase: 'all' | 'pack B' | 'multiply'): void {
    const { part, abstract, workspaces } = placed;
    const base = (buffer: PartBuffer, i: number): Value | null => {
      if (buffer.kind === 'fixed') return null;
      const size = b.sizeAt(abstract.bufferSlots[i]);
      if (buffer.kind === 'slice') return b.mul(at.slice, size);
      return b.mul(buffer.next ? b.sub(one, at.turn) : at.turn, size);
    };
    const buffers = [
      ...part.buffers.map((buffer, i) => ({ slot: buffer.slot, base: base(buffer, i) })),
      ...workspaces.map((slot) => ({ slot, base: null })),
      ...(needsStatus(part.kernel) ? [{ slot: status, base: null }] : []),
    ];
    const own = { buffers, firstSize: abstract.firstSize, scalars: part.arguments.map((i) => scalars[i]) };
    b.within(own, () => {
      if (part.kernel.kind === 'loops') emitLoops(b, part.kernel, abstract.sizes, target, placed.range);
      else emitGemm(b, part.kernel, abstract.sizes, target, phase, null, placed.range);
    });
  }

  const first = kernel.before.length;
  const last = first + kernel.steps.length;
  const steps = parts.slice(first, last);
  const start = { slice: zero, turn: zero };
  for (const p of parts.slice(0, first)) emit(p, start, 'all');
  for (const p of steps) if (p.packsOnce) emit(p, start, 'pack B');
  const turnOf = (step: Value): Value => b.binary('rem', step, b.index(2));
  b.forEach(zero, length, 1, (step) => {
    const slice = kernel.reverse ? b.sub(b.sub(length, one), step) : step;
    const at = { slice, turn: turnOf(step) };
    for (const p of steps) emit(p, at, p.packsOnce ? 'multiply' : 'all');
  });
  const end = { slice: zero, turn: turnOf(length) };
  for (const p of parts.slice(last)) emit(p, end, 'all');
  return b.finish();
}
