/**
 * Whether a region can be cut along rows: a recurrent layer does the same for each sample of a batch, and no sample needs another one.
 * Then each thread takes some rows through all steps, in memory of its own, and never waits for the others.
 *
 * A buffer that the region writes is cut into as many rows, one behind the other. All that a part does in some consecutive iterations
 * of its outermost loop must lie in one row of each such buffer, reads and writes alike; what is only read may lie anywhere.
 */
import type { IndexExpr } from './index-expr.js';
import type { PartBuffer, PartKernel, RegionKernel, RegionPart } from './l2.js';
import { regionParts, variableSizes } from './l2.js';
import { needsStatus } from './status.js';

export interface RegionRows {
  readonly rows: number;
  /** Of each part, as `regionParts` lists them: how many iterations of its outermost loop are a row. */
  readonly perRow: readonly number[];
}

/** Where a loop runs over lanes, rows are whole vectors on all engines. */
const MAX_LANES = 16;

/** The loop whose iterations are dealt out: of a product the one over its rows. */
function rowVariable(kernel: PartKernel): number {
  if (kernel.kind === 'gemm') return kernel.batch.length === 0 ? 0 : -1;
  return kernel.dims.findIndex((d) => !d.reduced);
}

/** What a part does with its buffers. */
function* accesses(kernel: PartKernel): Generator<{ readonly buffer: number; readonly index: IndexExpr }> {
  for (const e of kernel.exprs) if (e.op === 'load') yield e;
  yield* kernel.stores;
}

/** Elements of a part's buffer in one step; null where nothing says. */
function elementsOf(region: RegionKernel, place: PartBuffer): number | null {
  if (place.kind !== 'fixed') return place.size;
  return region.locals[place.slot - region.buffers.length]?.elements ?? null;
}

/** How many elements of an array are a row by an index into it, or null where iterations that are a row reach out of one. */
function rowOf(index: IndexExpr, variable: number, perRow: number, sizes: readonly number[]): number | null {
  let last = index.base;
  let row = 0;
  for (const { atom, factor } of index.terms) {
    if (atom.kind !== 'var' || factor < 0) return null;
    if (atom.variable === variable) {
      row = factor * perRow;
      last += factor * (perRow - 1);
    } else {
      last += factor * Math.max(0, sizes[atom.variable] - 1);
    }
  }
  return index.base >= 0 && last < row ? row : null;
}

function tryRows(region: RegionKernel, parts: readonly RegionPart[], rows: number): RegionRows | null {
  const written = new Set(
    parts.flatMap((p) =>
      p.buffers.flatMap((b, i) => (p.kernel.buffers[i].access === 'read' ? [] : [b.slot])),
    ),
  );
  /** Elements of a row of each buffer that is written and has the same place in all steps. */
  const rowElements = new Map<number, number>();
  const perRow: number[] = [];
  for (const { kernel, buffers } of parts) {
    const variable = rowVariable(kernel);
    const sizes = variableSizes(kernel);
    if (variable < 0 || sizes[variable] % rows !== 0) return null;
    const count = sizes[variable] / rows;
    const isLanes = kernel.kind === 'loops' && kernel.vectorVariable === variable;
    if (isLanes && count % MAX_LANES !== 0) return null;
    if (kernel.kind === 'gemm' && count !== 1) return null;
    for (const { buffer, index } of accesses(kernel)) {
      const place = buffers[buffer];
      if (!written.has(place.slot)) continue;
      const row = rowOf(index, variable, count, sizes);
      if (row === null || (rowElements.get(place.slot) ?? row) !== row) return null;
      const elements = elementsOf(region, place);
      const isCarried = place.kind === 'carry';
      const isLocal = place.kind === 'fixed' && place.slot >= region.buffers.length;
      if ((isCarried || place.kind === 'slice' || isLocal) && elements !== row * rows) return null;
      rowElements.set(place.slot, row);
    }
    perRow.push(count);
  }
  return { rows, perRow };
}

/** The rows that a region can be cut along, as many as there are; null where one of its parts needs several of them. */
export function regionRows(kernel: RegionKernel): RegionRows | null {
  // Of several errors the one that is told depends on the order of steps.
  if (needsStatus(kernel)) return null;
  const parts = regionParts(kernel);
  const sizes = parts.flatMap(({ kernel: part }) => {
    const variable = rowVariable(part);
    const size = variable < 0 ? 0 : variableSizes(part)[variable];
    return [size, size / MAX_LANES];
  });
  const candidates = [...new Set(sizes)].filter((n) => Number.isInteger(n) && n > 1).sort((a, b) => b - a);
  for (const rows of candidates) {
    const found = tryRows(kernel, parts, rows);
    if (found !== null) return found;
  }
  return null;
}
