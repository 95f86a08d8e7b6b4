/**
 * conv: general convolution (cross-correlation, as everywhere in the field). Its gradients are convolutions again: that of the input
 * runs over the result's gradient with the kernel turned around, that of the kernel takes samples as channels and the gradient as kernel.
 */
import type { ConvDims } from '../../base/attributes.js';
import { convDims, dilatedSize } from '../../base/attributes.js';
import type { Shape } from '../../base/shape.js';
import { contiguousStrides, numel } from '../../base/shape.js';
import type { ArrayOp, Operand, PlainArray } from '../op.js';
import { savesOther } from '../op.js';
import type { Ops } from '../ops-interface.js';
import { forEachIndex, newArray } from './arrays.js';

/** [A * groups, B, ...] to [B * groups, A, ...]: in each group the first two dimensions swapped. */
export function swapInGroups<V extends Operand>(ops: Ops<V>, x: V, groups: number): V {
  const [a, b, ...rest] = x.shape;
  if (groups === 1) return ops.permute(x, [1, 0, ...rest.map((_, d) => d + 2)]);
  const split = ops.reshape(x, [groups, a / groups, b, ...rest]);
  const swapped = ops.permute(split, [0, 2, 1, ...rest.map((_, d) => d + 3)]);
  return ops.reshape(swapped, [groups * b, a / groups, ...rest]);
}

/** A kernel with its last dimensions walked backwards. */
export function turned<V extends Operand>(ops: Ops<V>, w: V): V {
  return ops.slice(
    w,
    w.shape.map((s, d) => (d < 2 ? 0 : s - 1)),
    w.shape.map((_, d) => (d < 2 ? 1 : -1)),
    w.shape,
  );
}

/** The gradient of an input of a given shape, from the result's gradient and the kernel: again a convolution. */
export function convInputGradient<V extends Operand>(
  ops: Ops<V>,
  gradient: V,
  kernel: V,
  input: Shape,
  d: ConvDims,
): V {
  const reach = kernel.shape.slice(2).map((k, i) => dilatedSize(k, d.rhsDilation[i]));
  const low = reach.map((r, i) => r - 1 - d.low[i]);
  const high = reach.map((r, i) => {
    const wanted = dilatedSize(input[i + 2], d.lhsDilation[i]) + r - 1;
    return wanted - low[i] - dilatedSize(gradient.shape[i + 2], d.strides[i]);
  });
  const groups = d.featureGroups * d.batchGroups;
  const found = ops.conv(gradient, turned(ops, swapInGroups(ops, kernel, groups)), {
    strides: d.lhsDilation,
    low,
    high,
    lhsDilation: d.strides,
    rhsDilation: d.rhsDilation,
    featureGroups: groups,
    batchGroups: 1,
  });
  if (d.batchGroups === 1) return found;
  // [N', groups * C, ...] back to [groups * N', C, ...].
  const [n, channels, ...rest] = found.shape;
  const perGroup = channels / groups;
  const split = ops.reshape(found, [n, groups, perGroup, ...rest]);
  const moved = ops.permute(split, [1, 0, 2, ...rest.map((_, i) => i + 3)]);
  return ops.reshape(moved, [groups * n, perGroup, ...rest]);
}

/** The gradient of a kernel of a given shape, from the input and the result's gradient: again a convolution. */
export function convKernelGradient<V extends Operand>(
  ops: Ops<V>,
  input: V,
  gradient: V,
  kernel: Shape,
  d: ConvDims,
): V {
  const high = kernel.slice(2).map((k, i) => {
    const wanted = dilatedSize(gradient.shape[i + 2], d.strides[i]) + (k - 1) * d.rhsDilation[i];
    return wanted - d.low[i] - dilatedSize(input.shape[i + 2], d.lhsDilation[i]);
  });
  const isOne = (s: number): boolean => s === 1;
  const isMatrix =
    [...kernel.slice(2), ...d.strides, ...d.lhsDilation, d.featureGroups, d.batchGroups].every(isOne) &&
    [...d.low, ...d.high].every((p) => p === 0);
  if (isMatrix) {
    // A product of matrices, which gives it in the order of the kernel.
    const summed = [0, ...kernel.slice(2).map((_, i) => i + 2)];
    const dims = { lhsBatch: [], rhsBatch: [], lhsContract: summed, rhsContract: summed };
    return ops.reshape(ops.dot(gradient, input, dims), kernel);
  }
  const swap = (x: V): V => swapInGroups(ops, x, 1);
  const found = ops.conv(swap(input), swap(gradient), {
    strides: d.rhsDilation,
    low: d.low,
    high,
    lhsDilation: d.lhsDilation,
    rhsDilation: d.strides,
    featureGroups: d.batchGroups,
    batchGroups: d.featureGroups,
  });
  return swap(found);
}

/** The position in the input of each kernel element for a result position, or null beyond the edge or between dilated elements. */
function sourceOf(at: number, k: number, size: number, d: ConvDims, i: number): number | null {
  const position = at * d.strides[i] + k * d.rhsDilation[i] - d.low[i];
  if (position < 0 || position % d.lhsDilation[i] !== 0) return null;
  const source = position / d.lhsDilation[i];
  return source < size ? source : null;
}

function multiplyOut(x: PlainArray, w: PlainArray, d: ConvDims, shape: Shape, out: PlainArray['data']): void {
  const [xs, ws] = [contiguousStrides(x.shape), contiguousStrides(w.shape)];
  const spatial = w.shape.slice(2);
  const channels = w.shape[1];
  const big = x.data instanceof BigInt64Array && w.data instanceof BigInt64Array;
  forEachIndex(shape, ([n, o, ...position], flat) => {
    const group = Math.floor(o / (shape[1] / (d.featureGroups * d.batchGroups)));
    const sample = d.batchGroups > 1 ? group * shape[0] + n : n;
    const firstChannel = d.featureGroups > 1 ? group * channels : 0;
    let sum = 0;
    let bigSum = 0n;
    forEachIndex(spatial, (k, kernelFlat) => {
      let from = sample * xs[0] + firstChannel * xs[1];
      for (let i = 0; i < k.length; i++) {
        const source = sourceOf(position[i], k[i], x.shape[i + 2], d, i);
        if (source === null) return;
        from += source * xs[i + 2];
      }
      const weight = o * ws[0] + kernelFlat;
      for (let c = 0; c < channels; c++) {
        if (big) bigSum += BigInt(x.data[from + c * xs[1]]) * BigInt(w.data[weight + c * ws[1]]);
        else sum += Number(x.data[from + c * xs[1]]) * Number(w.data[weight + c * ws[1]]);
      }
    });
    if (out instanceof BigInt64Array) out[flat] = bigSum;
    else out[flat] = sum;
  });
}

export const conv: ArrayOp = {
  kind: 'conv',
  name: 'conv',
  saves: savesOther,
  vjp: (c, g) => {
    const d = convDims(c.attributes);
    const [input, kernel] = c.inputShapes;
    return [
      c.needs[0] ? convInputGradient(c.ops, g, c.input(1), input, d) : null,
      c.needs[1] ? convKernelGradient(c.ops, c.input(0), g, kernel, d) : null,
    ];
  },
  reference: ([x, w], attributes, shape, dtype) => {
    const out = newArray(dtype, shape);
    if (numel(shape) > 0) multiplyOut(x, w, convDims(attributes), shape, out);
    return out;
  },
};

/** A convolution that runs on a template of its own; see `kernel/stencil/stencil.ts`. Only decomposition makes it. */
export const stencil: ArrayOp = { ...conv, name: 'stencil' };
