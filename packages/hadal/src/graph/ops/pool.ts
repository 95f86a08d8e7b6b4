/**
 * Pooling.
 *
 * maxPool: the largest element of each window over the last dimensions. Attributes: sizes, strides and dilations of the windows (see
 * `WindowDims`). The gradient goes to the first largest element of a window, as in PyTorch; NaN counts as largest.
 */
import type { WindowDims } from '../../base/attributes.js';
import { windowDims, windowShape } from '../../base/attributes.js';
import type { Shape } from '../../base/shape.js';
import { contiguousStrides, numel } from '../../base/shape.js';
import type { ArrayOp, Operand, VjpContext } from '../op.js';
import { savesInputs, savesNothing } from '../op.js';
import { flatIndex, forEachIndex, newArray } from './arrays.js';
import { UNROLLED, windowElements, windowPositions } from './windows.js';

/** Whether windows lie side by side, so that every element is in at most one. */
function isTiling(d: WindowDims): boolean {
  return d.sizes.every((s, i) => d.strides[i] === s && (d.dilations[i] === 1 || s === 1));
}

/** What the position in each window that holds the largest element is called, int32. */
function winners<V extends Operand>(
  c: VjpContext<V>,
  x: V,
  d: WindowDims,
  nameOf: (k: readonly number[], j: number) => number,
): V {
  const { ops } = c;
  let best: V | null = null;
  let at: V | null = null;
  windowPositions(d.sizes).forEach((k, j) => {
    const next = windowElements(ops, x, d, k);
    const here = ops.constant(nameOf(k, j), 'int32', next.shape);
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

/** Where the largest element of each window lies among the elements of its image, flattened: [..., windows]. */
function winningPlaces<V extends Operand>(c: VjpContext<V>, x: V, d: WindowDims): V {
  const { ops } = c;
  const lead = x.shape.length - d.sizes.length;
  const steps = contiguousStrides(x.shape.slice(lead));
  const counts = windowShape(x.shape, d).slice(0, x.shape.length);
  /** Sum of positions along the dimensions from `from` on, each times its factor. */
  const places = (shape: Shape, from: number, factors: readonly number[]): V =>
    factors
      .map((factor, i) => {
        const along = ops.iota(shape, from + i, 'int32');
        return ops.arithmetic('mul', along, ops.constant(factor, 'int32', shape));
      })
      .reduce((a, b) => ops.arithmetic('add', a, b));
  const first = places(
    counts,
    lead,
    steps.map((s, i) => s * d.strides[i]),
  );
  const inWindow = steps.map((s, i) => s * d.dilations[i]);
  if (numel(d.sizes) <= UNROLLED) {
    const offset = (k: readonly number[]): number => k.reduce((sum, v, i) => sum + v * inWindow[i], 0);
    return ops.arithmetic('add', first, winners(c, x, d, offset));
  }
  const offsets = ops.reshape(places(d.sizes, 0, inWindow), [numel(d.sizes)]);
  const offset = ops.indexSelect(offsets, 0, ops.reshape(largestOfEach(c, x, d), [numel(counts)]));
  return ops.arithmetic('add', first, ops.reshape(offset, counts));
}

/** Which element of each large window is the largest, int64. */
function largestOfEach<V extends Operand>(c: VjpContext<V>, x: V, d: WindowDims): V {
  const windows = c.ops.windows(x, d);
  const lead = windows.shape.slice(0, x.shape.length);
  return c.ops.argmax(c.ops.reshape(windows, [...lead, numel(d.sizes)]), lead.length);
}

/** Windows that overlap or are large: each gives its gradient to the element that won. */
function scatteredGradient<V extends Operand>(c: VjpContext<V>, g: V, x: V, d: WindowDims): V {
  const { ops } = c;
  const shape = c.inputShapes[0];
  const lead = shape.slice(0, shape.length - d.sizes.length);
  const image = numel(shape.slice(lead.length));
  const flat = [...lead, numel(g.shape.slice(lead.length))];
  const places = ops.reshape(winningPlaces(c, x, d), flat);
  const sums = ops.scatterAdd(ops.reshape(g, flat), lead.length, places, [...lead, image]);
  return ops.reshape(sums, shape);
}

/** Where each part of an interleaved array lies: part k's element o at o * size + k along the last dimensions. */
function interleavedDims(sizes: readonly number[]): WindowDims {
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
    const x = c.input(0);
    if (numel(c.inputShapes[0]) === 0) return [c.ops.constant(0, g.dtype, c.inputShapes[0])];
    const isSmall = isTiling(d) && numel(d.sizes) <= UNROLLED;
    return [
      isSmall
        ? tilingGradient(
            c,
            g,
            winners(c, x, d, (_, j) => j),
            d,
          )
        : scatteredGradient(c, g, x, d),
    ];
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

/** Each element `by` times in a row along a dimension, the copies from `kept` on replaced by zeros. */
function repeated<V extends Operand>(c: VjpContext<V>, x: V, dim: number, by: number, kept: number): V {
  const { ops } = c;
  const apart = [...x.shape.slice(0, dim + 1), 1, ...x.shape.slice(dim + 1)];
  const sized = (size: number): Shape => apart.map((s, d) => (d === dim + 1 ? size : s));
  const copies = ops.expand(ops.reshape(x, apart), sized(kept));
  const none = apart.map(() => 0);
  const full = kept < by ? ops.pad(copies, none, none, sized(by)) : copies;
  return ops.reshape(full, resized(x.shape, dim, x.shape[dim] * by));
}

function resized(shape: Shape, dim: number, size: number): Shape {
  return shape.map((s, d) => (d === dim ? size : s));
}

/**
 * The way back from sums of windows along one dimension: element p has the sum of g[p / stride - j] over the windows j = 0, 1, ... before
 * its own that still reach it.
 */
function spreadSums<V extends Operand>(
  c: VjpContext<V>,
  g: V,
  dim: number,
  target: number,
  { size, stride }: { readonly size: number; readonly stride: number },
): V {
  const { ops } = c;
  if (stride === 1) {
    // As many windows before as after: the sums of windows over the gradient.
    const around = g.shape.map((_, d) => (d === dim ? size - 1 : 0));
    const wide = ops.pad(
      g,
      around,
      around.map(() => 0),
      resized(g.shape, dim, target + size - 1),
    );
    const rank = g.shape.length - dim;
    const ones = new Array<number>(rank).fill(1);
    return ops.sumPool(wide, { sizes: [size, ...ones.slice(1)], strides: ones, dilations: ones });
  }
  let sum: V = ops.constant(0, g.dtype, resized(g.shape, dim, target));
  for (let j = 0; j * stride < Math.min(size, target); j++) {
    const copies = repeated(c, g, dim, stride, Math.min(stride, size - j * stride));
    const count = Math.min(copies.shape[dim], target - j * stride);
    const none = copies.shape.map(() => 0);
    const cut = ops.slice(
      copies,
      none,
      copies.shape.map(() => 1),
      resized(copies.shape, dim, count),
    );
    const moved = ops.pad(
      cut,
      none.map((_, d) => (d === dim ? j * stride : 0)),
      none,
      sum.shape,
    );
    sum = j === 0 ? moved : ops.arithmetic('add', sum, moved);
  }
  return sum;
}

/**
 * The way back from sums of small windows: a convolution of each image with a kernel of ones, apart as windows step. One pass, where sums
 * of copies would be several over an array of the size of the input.
 */
function convolvedSums<V extends Operand>(c: VjpContext<V>, g: V, d: WindowDims): V {
  const { ops } = c;
  const shape = c.inputShapes[0];
  const rank = d.sizes.length;
  const lead = shape.slice(0, shape.length - rank);
  const counts = g.shape.slice(lead.length);
  const images = numel(lead);
  const ones = new Array<number>(rank).fill(1);
  const found = ops.conv(
    ops.reshape(g, [1, images, ...counts]),
    ops.constant(1, g.dtype, [images, 1, ...d.sizes]),
    {
      strides: ones,
      low: d.sizes.map((k) => k - 1),
      high: d.sizes.map((_, i) => shape[lead.length + i] - 1 - (counts[i] - 1) * d.strides[i]),
      lhsDilation: d.strides,
      rhsDilation: ones,
      featureGroups: images,
      batchGroups: 1,
    },
  );
  return ops.reshape(found, shape);
}

/** The sum of each window over the last dimensions. Attributes as for maxPool; windows have no dilation. */
export const sumPool: ArrayOp = {
  kind: 'pool',
  name: 'sumPool',
  saves: savesNothing,
  vjp: (c, g) => {
    const d = windowDims(c.attributes);
    const shape = c.inputShapes[0];
    const lead = shape.length - d.sizes.length;
    const steps = d.strides.some((step) => step > 1);
    const overlaps = d.sizes.some((size, i) => size > d.strides[i]);
    if (g.dtype === 'float32' && steps && overlaps && numel(d.sizes) <= UNROLLED && numel(g.shape) > 0)
      return [convolvedSums(c, g, d)];
    let back = g;
    d.sizes.forEach((size, i) => {
      back = spreadSums(c, back, lead + i, shape[lead + i], { size, stride: d.strides[i] });
    });
    return [back];
  },
  reference: ([x], attributes, shape, dtype) => {
    const d = windowDims(attributes);
    const lead = shape.length - d.sizes.length;
    const out = newArray(dtype, shape);
    const strides = contiguousStrides(x.shape);
    const positions = windowPositions(d.sizes);
    forEachIndex(shape, (index, flat) => {
      let sum = 0;
      for (const k of positions) {
        const from = index.map((v, i) => (i < lead ? v : v * d.strides[i - lead] + k[i - lead]));
        sum += Number(x.data[flatIndex(strides, from)]);
      }
      out[flat] = sum;
    });
    return out;
  },
};
