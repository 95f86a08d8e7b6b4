/**
 * Walking the lines of a scan or a sort: its loops but the one along the line. The outermost of them is what units are steps of; where
 * lines lie side by side in memory a step of the innermost is several of them.
 */
import type { ScanKernel, SortKernel } from '../l2.js';
import type { AbstractKernel } from '../l2-sizes.js';
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import { unitRange } from '../unit-range.js';
import type { ExprEmitter } from './lower-exprs.js';

/** Lines of a scan that are walked together: a cache line of float64, and sums that still fit registers. */
export const TOGETHER = 8;

type LineKernel = ScanKernel | SortKernel;

/** The variables of all loops but the line's. */
function lineVariables(kernel: LineKernel): number[] {
  return kernel.dims.flatMap((_, v) => (v === kernel.line ? [] : [v]));
}

/** The variable along which a scan walks several lines together, or -1. */
export function sideBySide(kernel: LineKernel): number {
  const last = kernel.dims.length - 1;
  return kernel.kind === 'scan' && last > kernel.line ? last : -1;
}

/** Units of a kernel: steps of its outermost loop, or all of it where the line is its only loop. */
export function lineUnits(kernel: LineKernel): number {
  const [first] = lineVariables(kernel);
  if (first === undefined) return 1;
  return Math.ceil(kernel.dims[first] / (first === sideBySide(kernel) ? TOGETHER : 1));
}

interface Walk {
  /** Emits what the loops to come need and can have before them. */
  hoist(): void;
  /** The lines at the bound point; given their places in the dimension that is walked several at a time, if there is one. */
  lines(places: readonly Value[]): void;
}

/** Emits the loops over the lines of a kernel's units. */
export function forEachLine(
  b: L3Builder,
  emitter: ExprEmitter,
  kernel: LineKernel,
  sizes: AbstractKernel,
  walk: Walk,
): void {
  const variables = lineVariables(kernel);
  const inner = sideBySide(kernel);
  const units = variables.length > 0 ? unitRange(b, sizes) : null;
  const zero = b.index(0);
  const sizeOf = (variable: number): Value => b.sizeAt(sizes.variableSlots[variable]);

  /** Several lines at once, then those that are left over one at a time. */
  function together(isOutermost: boolean): void {
    const count = sizeOf(inner);
    const whole = b.mul(b.div(count, b.index(TOGETHER)), b.index(TOGETHER));
    const range = isOutermost ? units : null;
    const first = range ? b.mul(range.from, b.index(TOGETHER)) : zero;
    const stop = range ? b.min(b.mul(range.to, b.index(TOGETHER)), count) : count;
    b.forEach(first, b.min(stop, whole), TOGETHER, (from) =>
      emitter.scoped(() => walk.lines(Array.from({ length: TOGETHER }, (_, i) => b.add(from, b.index(i))))),
    );
    b.forEach(b.max(first, whole), stop, 1, (at) => emitter.scoped(() => walk.lines([at])));
  }

  function nest(depth: number): void {
    const variable = variables[depth];
    if (variable === undefined) {
      walk.lines([]);
      return;
    }
    walk.hoist();
    if (variable === inner) {
      together(depth === 0);
      return;
    }
    const range = depth === 0 ? units : null;
    b.forEach(range?.from ?? zero, range?.to ?? sizeOf(variable), 1, (at) =>
      emitter.bind(variable, at, null, () => nest(depth + 1)),
    );
  }
  nest(0);
}
