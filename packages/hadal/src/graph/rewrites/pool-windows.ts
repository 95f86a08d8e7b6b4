/** Pools as ops that kernels have: chains over shifted inputs where windows are small, reductions where they are not. */
import type { WindowDims } from '../../base/attributes.js';
import { numel } from '../../base/shape.js';
import { UNROLLED, windowElements, windowPositions } from '../ops/windows.js';
import type { Position, TemplateEmitter } from '../template-emitter.js';

export function maxPool(e: TemplateEmitter, input: Position, d: WindowDims): Position {
  const x = pooled(e, input, d);
  if (numel(d.sizes) > UNROLLED) return reducedWindows(e, 'max', x, d);
  const elements = windowPositions(d.sizes).map((k) => windowElements(e, x, d, k));
  return elements.reduce((a, b) => e.arithmetic('maximum', a, b));
}

export function sumPool(e: TemplateEmitter, input: Position, d: WindowDims): Position {
  return sums(e, pooled(e, input, d), d);
}

/** The sums of windows; of large ones dimension by dimension, which takes fewer additions. */
function sums(e: TemplateEmitter, x: Position, d: WindowDims): Position {
  const rank = d.sizes.length;
  if (numel(d.sizes) <= UNROLLED)
    return windowPositions(d.sizes)
      .map((k) => windowElements(e, x, d, k))
      .reduce((a, b) => e.arithmetic('add', a, b));
  if (rank === 1) return reducedWindows(e, 'sum', x, d);
  const alone = (i: number): WindowDims => {
    const only = (list: readonly number[]): number[] => list.map((v, at) => (at === i ? v : 1));
    return { sizes: only(d.sizes), strides: only(d.strides), dilations: only(d.dilations) };
  };
  return d.sizes.reduce(
    (before, size, i) =>
      size === 1 && d.strides[i] === 1 ? before : e.inMemory(sumAlong(e, before, alone(i), i)),
    x,
  );
}

/** The sums of windows that reach along one dimension only. */
function sumAlong(e: TemplateEmitter, x: Position, d: WindowDims, dim: number): Position {
  return d.sizes[dim] <= UNROLLED ? sums(e, x, d) : reducedWindows(e, 'sum', x, d);
}

/** What windows that overlap read, which is once for each window: worth writing down where it is computed. */
function pooled(e: TemplateEmitter, x: Position, d: WindowDims): Position {
  const overlaps = d.sizes.some((size, i) => (size - 1) * d.dilations[i] >= d.strides[i]);
  if (!overlaps) return x;
  const n = e.nodes[x.at];
  if (n.leaf < 0 && n.op.kind === 'elementwise') e.nodes[x.at] = { ...n, boundary: true };
  return e.inMemory(x);
}

/** The reduction of each window: [..., windows]. */
function reducedWindows(e: TemplateEmitter, op: 'max' | 'sum', x: Position, d: WindowDims): Position {
  const windows = e.windows(x, d);
  const counts = windows.shape.slice(0, x.shape.length);
  const inWindow = d.sizes.map((_, i) => counts.length + i);
  return e.reshape(e.reduce(op, windows, inWindow), counts);
}
