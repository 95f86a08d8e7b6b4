/**
 * Movement ops: they compute nothing; the compiler turns each into an index expression read backwards from the result. Gradients
 * move the other way.
 */
import { halves, inversePermutation } from '../../base/attributes.js';
import type { Shape } from '../../base/shape.js';
import { contiguousStrides } from '../../base/shape.js';
import type { ArrayOp } from '../op.js';
import { savesNothing } from '../op.js';
import { flatIndex, forEachIndex, gatherElements, newArray } from './arrays.js';

/** The dimensions along which `from` was repeated to become `to` (equal ranks). */
export function expandedDims(from: Shape, to: Shape): number[] {
  const dims: number[] = [];
  for (let d = 0; d < to.length; d++) if (from[d] !== to[d]) dims.push(d);
  return dims;
}

export const movement = {
  /** The same elements in row-major order under another shape. */
  reshape: {
    kind: 'movement',
    name: 'reshape',
    saves: savesNothing,
    vjp: (c, g) => [c.ops.reshape(g, c.inputShapes[0])],
    reference: ([x]) => x.data.slice(),
  },
  /** Attributes: for each dimension of the result, the input's dimension it comes from. */
  permute: {
    kind: 'movement',
    name: 'permute',
    saves: savesNothing,
    vjp: (c, g) => [c.ops.permute(g, inversePermutation(c.attributes))],
    reference: ([x], order, shape, dtype) => {
      const inverse = inversePermutation(order);
      return gatherElements(x, dtype, shape, (i) => inverse.map((d) => i[d]));
    },
  },
  /** Dimensions of size 1 repeated to the result's size; ranks are equal. */
  expand: {
    kind: 'movement',
    name: 'expand',
    saves: savesNothing,
    vjp: (c, g) => {
      const dims = expandedDims(c.inputShapes[0], g.shape);
      return [dims.length === 0 ? g : c.ops.reduce('sum', g, dims)];
    },
    reference: ([x], _, shape, dtype) =>
      gatherElements(x, dtype, shape, (i) => i.map((v, d) => (x.shape[d] === 1 ? 0 : v))),
  },
  /** Attributes: starts, then steps (negative ones walk backwards). */
  slice: {
    kind: 'movement',
    name: 'slice',
    saves: savesNothing,
    vjp: (c, g) => {
      const [starts, steps] = halves(c.attributes);
      const shape = c.inputShapes[0];
      if (steps.every((s) => s > 0))
        return [
          c.ops.pad(
            g,
            starts,
            steps.map((s) => s - 1),
            shape,
          ),
        ];
      // Walk backwards first, then pad as for a forward slice.
      const flipped = c.ops.slice(
        g,
        g.shape.map((size, d) => (steps[d] < 0 ? size - 1 : 0)),
        steps.map(Math.sign),
        g.shape,
      );
      const low = starts.map((start, d) => (steps[d] < 0 ? start + steps[d] * (g.shape[d] - 1) : start));
      return [
        c.ops.pad(
          flipped,
          low,
          steps.map((s) => Math.abs(s) - 1),
          shape,
        ),
      ];
    },
    reference: ([x], attributes, shape, dtype) => {
      const [starts, steps] = halves(attributes);
      return gatherElements(x, dtype, shape, (i) => i.map((v, d) => starts[d] + v * steps[d]));
    },
  },
  /** Attributes: zeros in front, then zeros between elements, each by dimension. The rest of the result's shape is zeros behind. */
  pad: {
    kind: 'movement',
    name: 'pad',
    saves: savesNothing,
    vjp: (c, g) => {
      const [low, interior] = halves(c.attributes);
      return [
        c.ops.slice(
          g,
          low,
          interior.map((n) => n + 1),
          c.inputShapes[0],
        ),
      ];
    },
    reference: ([x], attributes, shape, dtype) => {
      const [low, interior] = halves(attributes);
      return gatherElements(x, dtype, shape, (i) => {
        const from = i.map((v, d) => (v - low[d]) / (interior[d] + 1));
        return from.every((v, d) => Number.isInteger(v) && v >= 0 && v < x.shape[d]) ? from : null;
      });
    },
  },
} as const satisfies Record<string, ArrayOp>;

/** Attributes: the dimension. index has the result's shape; other dimensions equal those of the input. */
export const gather: ArrayOp = {
  kind: 'gather',
  name: 'gather',
  saves: { inputs: [1], output: false },
  vjp: (c, g) => [c.ops.scatterAdd(g, c.attributes[0], c.input(1), c.inputShapes[0]), null],
  reference: ([x, index], [dim], shape, dtype) => {
    const strides = contiguousStrides(shape);
    return gatherElements(x, dtype, shape, (i) =>
      i.map((v, d) => (d === dim ? Number(index.data[flatIndex(strides, i)]) : v)),
    );
  },
};

/** Attributes: the dimension. Inputs: the source and the index (of one shape). */
export const scatterAdd: ArrayOp = {
  kind: 'scatter',
  name: 'scatterAdd',
  saves: { inputs: [1], output: false },
  vjp: (c, g) => [c.ops.gather(g, c.attributes[0], c.input(1)), null],
  reference: ([source, index], [dim], shape, dtype) => {
    const to = contiguousStrides(shape);
    const out = newArray(dtype, shape);
    forEachIndex(source.shape, (at, flat) => {
      const target = flatIndex(
        to,
        at.map((v, d) => (d === dim ? Number(index.data[flat]) : v)),
      );
      if (out instanceof BigInt64Array) out[target] += BigInt(source.data[flat]);
      else out[target] += Number(source.data[flat]);
    });
    return out;
  },
};
