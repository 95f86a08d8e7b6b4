/**
 * maxPool: the largest element of each window over the last dimensions. Attributes: sizes, strides and dilations of the windows (see
 * `WindowDims`). The gradient goes to the first largest element of a window, as in PyTorch; NaN counts as largest.
 */
import type { WindowDims } from '../../base/attributes.js';
import { windowDims, windowShape } from '../../base/attributes.js';
import type { Shape } from '../../base/shape.js';
import { contiguousStrides } from '../../base/shape.js';
import type { ArrayOp, Operand, VjpContext } from '../op.js';
import { savesInputs, savesNothing } from '../op.js';
import { flatIndex, forEachIndex, newArray } from './arrays.js';
import { spreadBack, windowElements, windowPositions } from './windows.js';

/** Whether windows lie side by side, so that every element is in at most one. */
function isTiling(d: WindowDims): boolean {
  return d.sizes.every((s, i) => d.strides[i] === s && (d.dilations[i] === 1 || s === 1));
}

/** Which position of each window holds the largest element, int32. */
function winners<V extends Operand>(c: VjpContext<V>, x: V, d: WindowDims): V {
  const { ops } = c;
  let best: V | null = null;
  let at: V | null = null;
  windowPositions(d.sizes).forEach((k, j) => {
    const next = windowElements(ops, x, d, k);
    const here = ops.constant(j, 'int32', next.shape);
    if (best === null || at === null) {
      best = next;
      at = here;
      return;
    }
    const isBetter = ops.logical('logicalOr', ops.compare('gt', next, best), ops.compare('ne', next, next));
    best = ops.where(isBetter, next, best);
    at = ops.where(isBetter, here, at);
  });
  return at ?? ops.constant(0, 'int32', windowShape(x.shape, d).slice(0, x.shape.length));
}

/** Windows side by side: every element has the gradient of its own window, or none. */
function tilingGradient<V extends Operand>(c: VjpContext<V>, g: V, at: V, d: WindowDims): V {
  const { ops } = c;
  const shape = c.inputShapes[0];
  const parts = windowPositions(d.sizes).map((_, j) => {
    const won = ops.compare('eq', at, ops.constant(j, 'int32', at.shape));
    return ops.where(won, g, ops.constant(0, g.dtype, g.shape));
  });
  const none = shape.map(() => 0);
  return ops.pad(ops.interleave(parts, d.sizes), none, none, shape);
}

/** Windows that overlap: for each position in a window, the gradients of those that it won. */
function overlappingGradient<V extends Operand>(c: VjpContext<V>, g: V, at: V, d: WindowDims): V {
  const { ops } = c;
  const shape = c.inputShapes[0];
  let sum: V | null = null;
  windowPositions(d.sizes).forEach((k, j) => {
    const won = ops.compare('eq', at, ops.constant(j, 'int32', at.shape));
    const picked = ops.where(won, g, ops.constant(0, g.dtype, g.shape));
    const back = spreadBack(ops, picked, shape, d, k);
    sum = sum === null ? back : ops.arithmetic('add', sum, back);
  });
  return sum ?? ops.constant(0, g.dtype, shape);
}

/** Where each part of an interleaved array lies: part k's element o at o * size + k along the last dimensions. */
export function interleavedDims(sizes: readonly number[]): WindowDims {
  return { sizes, strides: sizes, dilations: sizes.map(() => 1) };
}

/**
 * Parts of one shape side by side: part k has position k of every window. Attributes: the windows' sizes over the last dimensions. The
 * inverse of taking the elements of windows that tile an array.
 */
export const interleave: ArrayOp = {
  kind: 'interleave',
  name: 'interleave',
  saves: savesNothing,
  vjp: (c, g) => {
    const d = interleavedDims(c.attributes);
    return windowPositions(d.sizes).map((k, i) => (c.needs[i] ? windowElements(c.ops, g, d, k) : null));
  },
  reference: (parts, sizes, shape, dtype) => {
    const out = newArray(dtype, shape);
    const strides = contiguousStrides(shape);
    const lead = shape.length - sizes.length;
    windowPositions(sizes).forEach((k, i) => {
      forEachIndex(parts[i].shape, (o, flat) => {
        const to = o.map((v, d) => (d < lead ? v : v * sizes[d - lead] + k[d - lead]));
        out[flatIndex(strides, to)] = parts[i].data[flat];
      });
    });
    return out;
  },
};

export const maxPool: ArrayOp = {
  kind: 'pool',
  name: 'maxPool',
  saves: savesInputs(0),
  vjp: (c, g) => {
    const d = windowDims(c.attributes);
    const at = winners(c, c.input(0), d);
    return [isTiling(d) ? tilingGradient(c, g, at, d) : overlappingGradient(c, g, at, d)];
  },
  reference: ([x], attributes, shape, dtype) => {
    const d = windowDims(attributes);
    const lead = shape.length - d.sizes.length;
    const out = newArray(dtype, shape);
    const strides = contiguousStrides(x.shape);
    const positions: readonly Shape[] = windowPositions(d.sizes);
    forEachIndex(shape, (index, flat) => {
      let best: number | bigint | null = null;
      for (const k of positions) {
        const from = index.map((v, i) =>
          i < lead ? v : v * d.strides[i - lead] + k[i - lead] * d.dilations[i - lead],
        );
        const v = x.data[flatIndex(strides, from)];
        if (best === null || v > best || Number.isNaN(v)) best = v;
      }
      if (best !== null) out[flat] = best;
    });
    return out;
  },
};
