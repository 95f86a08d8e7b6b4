/**
 * Movement ops: they compute nothing; the compiler turns each into an index expression read backwards from the result. Gradients
 * move the other way.
 */
import { halves, inversePermutation, windowDims } from '../../base/attributes.js';
import type { Shape } from '../../base/shape.js';
import type { ArrayOp, Operand, VjpContext } from '../op.js';
import { savesNothing } from '../op.js';
import { gatherElements } from './arrays.js';
import { spreadBack, windowPositions } from './windows.js';

/** The dimensions along which `from` was repeated to become `to` (equal ranks). */
function expandedDims(from: Shape, to: Shape): number[] {
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
  /** Attributes: sizes, strides and dilations of windows over the last dimensions. */
  windows: {
    kind: 'movement',
    name: 'windows',
    saves: savesNothing,
    vjp: (c, g) => [windowsGradient(c, g)],
    reference: ([x], attributes, shape, dtype) => {
      const { sizes, strides, dilations } = windowDims(attributes);
      const lead = x.shape.length - sizes.length;
      return gatherElements(x, dtype, shape, (i) => [
        ...i.slice(0, lead),
        ...sizes.map((_, d) => i[lead + d] * strides[d] + i[lead + sizes.length + d] * dilations[d]),
      ]);
    },
  },
} as const satisfies Record<string, ArrayOp>;

/** Every element is in several windows: their gradients are added up, one position in the window after the other. */
function windowsGradient<V extends Operand>(c: VjpContext<V>, g: V): V {
  const d = windowDims(c.attributes);
  const shape = c.inputShapes[0];
  const counts = g.shape.slice(0, shape.length);
  const parts = windowPositions(d.sizes).map((k) => {
    const one = c.ops.slice(
      g,
      [...counts.map(() => 0), ...k],
      g.shape.map(() => 1),
      [...counts, ...k.map(() => 1)],
    );
    return spreadBack(c.ops, c.ops.reshape(one, counts), shape, d, k);
  });
  const none = (): V => c.ops.constant(0, g.dtype, shape);
  return parts.length === 0 ? none() : parts.reduce((sum, part) => c.ops.arithmetic('add', sum, part));
}
