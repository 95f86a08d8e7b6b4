/**
 * Elements at positions that another tensor gives, and the way back. Attributes: the dimension. An index out of range is an error, noted
 * by the kernel or thrown at once.
 */
import type { DType } from '../../base/dtype.js';
import { IndexError } from '../../base/errors.js';
import type { Shape } from '../../base/shape.js';
import { contiguousStrides, numel } from '../../base/shape.js';
import type { ArrayOp, Operand, PlainArray, VjpContext } from '../op.js';
import { flatIndex, forEachIndex, gatherElements, newArray } from './arrays.js';

/** The error for an index that lies outside of its dimension. */
export function indexError(index: number, last: number): IndexError {
  const range = last < 0 ? 'the dimension is empty' : `expected 0 to ${last}`;
  return new IndexError(
    `index ${index} is out of range; ${range}. (Labels that start at 1, or a class too many?)`,
  );
}

function checked(index: PlainArray['data'], at: number, size: number): number {
  const i = Number(index[at]);
  if (i < 0 || i >= size) throw indexError(i, size - 1);
  return i;
}

/** Calls `visit(source position, result position)` for all elements of an index of the source's shape, in row-major order. */
function forEachTarget(
  index: PlainArray,
  dim: number,
  shape: Shape,
  visit: (from: number, to: number) => void,
): void {
  const strides = contiguousStrides(shape);
  const rank = shape.length;
  if (rank === 0) {
    if (checked(index.data, 0, 1) === 0) visit(0, 0);
    return;
  }
  const inner = index.shape[rank - 1];
  const size = shape[dim];
  let from = 0;
  forEachIndex(index.shape.slice(0, -1), (lead) => {
    let base = 0;
    for (let d = 0; d < rank - 1; d++) if (d !== dim) base += lead[d] * strides[d];
    const step = dim === rank - 1 ? 0 : 1;
    for (let j = 0; j < inner; j++, from++)
      visit(from, base + j * step + checked(index.data, from, size) * strides[dim]);
  });
}

/** Adds in the result's dtype; the sum of bools is whether one of them is true. */
function addInto(
  dtype: DType,
  out: PlainArray['data'],
  to: number,
  source: PlainArray['data'],
  from: number,
): void {
  if (out instanceof BigInt64Array) out[to] += BigInt(source[from]);
  else if (dtype === 'bool') out[to] = Number(out[to]) | Number(source[from]);
  else out[to] += Number(source[from]);
}

/** The part of a gradient that an index of smaller dimensions speaks of. */
function cutTo<V extends Operand>(c: VjpContext<V>, g: V, index: Shape, dim: number): V {
  const shape = g.shape.map((s, d) => (d === dim ? s : index[d]));
  return c.ops.slice(
    g,
    shape.map(() => 0),
    shape.map(() => 1),
    shape,
  );
}

const keepsIndex = { inputs: [1], output: false } as const;

export const lookups = {
  /** index has the result's shape; other dimensions equal those of the input. */
  gather: {
    kind: 'gather',
    name: 'gather',
    saves: keepsIndex,
    vjp: (c, g) => [c.ops.scatterAdd(g, c.attributes[0], c.input(1), c.inputShapes[0]), null],
    reference: ([x, index], [dim], shape, dtype) => {
      const strides = contiguousStrides(shape);
      return gatherElements(x, dtype, shape, (i) =>
        i.map((v, d) => (d === dim ? checked(index.data, flatIndex(strides, i), x.shape[dim]) : v)),
      );
    },
  },
  /** index has one dimension, which takes the place of `dim`. */
  indexSelect: {
    kind: 'gather',
    name: 'indexSelect',
    saves: keepsIndex,
    vjp: (c, g) => [c.ops.indexAdd(g, c.attributes[0], c.input(1), c.inputShapes[0]), null],
    reference: ([x, index], [dim], shape, dtype) =>
      gatherElements(x, dtype, shape, (i) =>
        i.map((v, d) => (d === dim ? checked(index.data, v, x.shape[dim]) : v)),
      ),
  },
  /** Inputs: the source and the index (of one shape). */
  scatterAdd: {
    kind: 'scatter',
    name: 'scatterAdd',
    saves: keepsIndex,
    vjp: (c, g) => {
      const [dim] = c.attributes;
      return [c.ops.gather(cutTo(c, g, c.inputShapes[1], dim), dim, c.input(1)), null];
    },
    reference: ([source, index], [dim], shape, dtype) => {
      const out = newArray(dtype, shape);
      forEachTarget(index, dim, shape, (from, to) => addInto(dtype, out, to, source.data, from));
      return out;
    },
  },
  /** Inputs: the source and an index of one dimension. */
  indexAdd: {
    kind: 'scatter',
    name: 'indexAdd',
    saves: keepsIndex,
    vjp: (c, g) => [c.ops.indexSelect(g, c.attributes[0], c.input(1)), null],
    reference: ([source, index], [dim], shape, dtype) => {
      const out = newArray(dtype, shape);
      const row = numel(shape.slice(dim + 1));
      const outer = numel(shape.slice(0, dim));
      const count = index.shape[0];
      for (let o = 0; o < outer; o++) {
        for (let j = 0; j < count; j++) {
          const to = (o * shape[dim] + checked(index.data, j, shape[dim])) * row;
          const from = (o * count + j) * row;
          for (let k = 0; k < row; k++) addInto(dtype, out, to + k, source.data, from + k);
        }
      }
      return out;
    },
  },
  /** Inputs: what is written into, the index and the source (of one shape). */
  scatter: {
    kind: 'scatter',
    name: 'scatter',
    saves: keepsIndex,
    vjp: (c, g) => {
      const [dim] = c.attributes;
      const { ops } = c;
      const index = c.input(1);
      const gone = () => ops.scatter(g, dim, index, ops.constant(0, g.dtype, index.shape));
      const taken = () => ops.gather(cutTo(c, g, index.shape, dim), dim, index);
      return [c.needs[0] ? gone() : null, null, c.needs[2] ? taken() : null];
    },
    reference: ([x, index, source], [dim], shape) => {
      const out = x.data.slice();
      forEachTarget(index, dim, shape, (from, to) => {
        out[to] = source.data[from];
      });
      return out;
    },
  },
} as const satisfies Record<string, ArrayOp>;
