/** Ops along one dimension in which every element depends on others before it or on all. Attributes: the dimension first. */
import type { TypedArray } from '../../base/dtype.js';
import { isFloat, wrapInteger } from '../../base/dtype.js';
import type { Shape } from '../../base/shape.js';
import { numel } from '../../base/shape.js';
import type { ArrayOp, Operand, PlainArray, TupleOp, VjpContext } from '../op.js';
import { savesNothing } from '../op.js';
import { newArray } from './arrays.js';

/** Calls `visit(first position, step)` for every line along a dimension. */
function forEachLine(shape: Shape, dim: number, visit: (start: number, step: number) => void): void {
  const step = numel(shape.slice(dim + 1));
  const outer = numel(shape.slice(0, dim));
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < step; i++) visit(o * (shape[dim] ?? 1) * step + i, step);
}

/** Negative, zero or positive as a comes before, with or after b; NaN comes last. */
function compare(a: number | bigint, b: number | bigint): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}

function reversed<V extends Operand>(c: VjpContext<V>, x: V, dim: number): V {
  return c.ops.slice(
    x,
    x.shape.map((s, d) => (d === dim ? s - 1 : 0)),
    x.shape.map((_, d) => (d === dim ? -1 : 1)),
    x.shape,
  );
}

/** Elements moved by one place along a dimension, with 0 where none comes from. */
function shifted<V extends Operand>(c: VjpContext<V>, x: V, dim: number, by: 1 | -1): V {
  const size = x.shape[dim];
  if (size === 0) return x;
  const kept = c.ops.slice(
    x,
    x.shape.map((_, d) => (d === dim && by < 0 ? 1 : 0)),
    x.shape.map(() => 1),
    resized(x.shape, dim, size - 1),
  );
  const low = x.shape.map((_, d) => (d === dim && by > 0 ? 1 : 0));
  return c.ops.pad(
    kept,
    low,
    x.shape.map(() => 0),
    x.shape,
  );
}

function runningSums(data: TypedArray, out: TypedArray, start: number, step: number, count: number): void {
  if (out instanceof BigInt64Array) {
    let sum = 0n;
    for (let i = 0, at = start; i < count; i++, at += step) {
      sum += BigInt(data[at]);
      out[at] = sum;
    }
    return;
  }
  // float64 holds the running sum, as in PyTorch.
  let sum = 0;
  for (let i = 0, at = start; i < count; i++, at += step) {
    sum += Number(data[at]);
    out[at] = sum;
  }
}

/** `shape` with another size along a dimension. */
function resized(shape: Shape, dim: number, size: number): Shape {
  return shape.map((s, d) => (d === dim ? size : s));
}

/** Calls `visit` for every line of x with where it starts in x and in a result that has `size` elements a line. */
function forEachLineInto(
  shape: Shape,
  dim: number,
  size: number,
  visit: (from: number, to: number, step: number) => void,
): void {
  const starts: number[] = [];
  forEachLine(resized(shape, dim, size), dim, (start) => starts.push(start));
  let line = 0;
  forEachLine(shape, dim, (start, step) => visit(start, starts[line++], step));
}

/** Positions that sort each line, the first `wanted` of them; equal elements keep their order. */
function sortingOrder(
  x: PlainArray,
  dim: number,
  descending: boolean,
  wanted: number,
): BigInt64Array<ArrayBuffer> {
  const out = new BigInt64Array(numel(resized(x.shape, dim, wanted)));
  const count = x.shape[dim] ?? 1;
  const line = x.data.slice(0, count);
  const order = new Uint32Array(count);
  const sign = descending ? -1 : 1;
  forEachLineInto(x.shape, dim, wanted, (start, to, step) => {
    for (let i = 0; i < count; i++) {
      line[i] = x.data[start + i * step];
      order[i] = i;
    }
    order.sort((a, b) => sign * compare(line[a], line[b]) || a - b);
    for (let i = 0; i < wanted; i++) out[to + i * step] = BigInt(order[i]);
  });
  return out;
}

/** The elements of each line at positions along it. */
function elementsAt(x: PlainArray, dim: number, at: BigInt64Array, count: number): TypedArray {
  const out = newArray(x.dtype, resized(x.shape, dim, count));
  forEachLineInto(x.shape, dim, count, (start, first, step) => {
    for (let i = 0; i < count; i++) {
      const to = first + i * step;
      out[to] = x.data[start + Number(at[to]) * step];
    }
  });
  return out;
}

export const ordering = {
  /** Attributes: the dimension, 1 for largest first, how many of a line. */
  argsort: {
    kind: 'sort',
    name: 'argsort',
    saves: savesNothing,
    vjp: null,
    reference: ([x], [dim, descending, count]) => sortingOrder(x, dim, descending === 1, count),
  },
  /** y[i] = a[i] y[i - 1] + b[i] along a dimension, from y[-1] = 0. Floats run in float64. */
  recurrence: {
    kind: 'scan',
    name: 'recurrence',
    saves: { inputs: [0], output: true },
    vjp: (c, g) => {
      const [dim] = c.attributes;
      // The gradient runs backwards: G[i] = a[i + 1] G[i + 1] + g[i].
      const total = reversed(
        c,
        c.ops.recurrence(reversed(c, shifted(c, c.input(0), dim, -1), dim), reversed(c, g, dim), dim),
        dim,
      );
      const before = () => shifted(c, c.output(), dim, 1);
      return [c.needs[0] ? c.ops.arithmetic('mul', total, before()) : null, total];
    },
    reference: (inputs, [dim], shape, dtype) => {
      const out = newArray(dtype, shape);
      forEachLine(shape, dim, (start, step) => runRecurrence(inputs, out, start, step, shape[dim] ?? 1));
      return out;
    },
  },
  cumsum: {
    kind: 'scan',
    name: 'cumsum',
    saves: savesNothing,
    vjp: (c, g) => {
      const [dim] = c.attributes;
      if (g.shape.length === 0) return [g];
      return [reversed(c, c.ops.cumsum(reversed(c, g, dim), dim), dim)];
    },
    reference: ([x], [dim], shape, dtype) => {
      const out = newArray(dtype, shape);
      forEachLine(shape, dim, (start, step) => runningSums(x.data, out, start, step, shape[dim] ?? 1));
      return out;
    },
  },
} as const satisfies Record<string, ArrayOp>;

/** y[i] = a[i] y[i - 1] + b[i] along a line, from y[-1] = 0: floats in float64, integers in their own dtype. */
function runRecurrence(
  [a, b]: readonly PlainArray[],
  out: TypedArray,
  start: number,
  step: number,
  count: number,
): void {
  if (isFloat(a.dtype)) {
    let y = 0;
    for (let i = 0, at = start; i < count; i++, at += step) {
      y = Number(a.data[at]) * y + Number(b.data[at]);
      out[at] = y;
    }
    return;
  }
  let y = 0n;
  for (let i = 0, at = start; i < count; i++, at += step) {
    y = wrapInteger(BigInt(a.data[at]) * y + BigInt(b.data[at]), a.dtype);
    out[at] = out instanceof BigInt64Array ? y : Number(y);
  }
}

/** The extremum up to each element and the last position that has it; NaN is beyond everything. */
function runningExtremes(
  x: PlainArray,
  dim: number,
  isMax: boolean,
): readonly [TypedArray, BigInt64Array<ArrayBuffer>] {
  const values = newArray(x.dtype, x.shape);
  const places = new BigInt64Array(numel(x.shape));
  forEachLine(x.shape, dim, (start, step) => {
    let best = start;
    for (let i = 0, at = start; i < (x.shape[dim] ?? 1); i++, at += step) {
      const [value, old] = [x.data[at], x.data[best]];
      if (Number.isNaN(value) || (isMax ? value >= old : value <= old)) best = at;
      values[at] = x.data[best];
      places[at] = BigInt((best - start) / step);
    }
  });
  return [values, places];
}

export const sorting = {
  /** The extremum of all elements up to each one, and where it was last. Attributes: the dimension, 1 for the largest. */
  runningExtremum: {
    kind: 'scan',
    name: 'runningExtremum',
    saves: { inputs: [], outputs: [1] },
    results: ([x]) => [x, { shape: x.shape, dtype: 'int64' }],
    vjp: (c, [g]) => [g && c.ops.scatterAdd(g, c.attributes[0], c.output(1), c.inputShapes[0])],
    reference: ([x], [dim, which]) => runningExtremes(x, dim, which === 1),
  },
  /** The elements in order, and where they were. Attributes as for argsort. */
  sort: {
    kind: 'sort',
    name: 'sort',
    saves: { inputs: [], outputs: [1] },
    results: ([x], [dim, , count]) => {
      const shape = resized(x.shape, dim, count);
      return [
        { shape, dtype: x.dtype },
        { shape, dtype: 'int64' },
      ];
    },
    vjp: (c, [g]) => [g && c.ops.scatterAdd(g, c.attributes[0], c.output(1), c.inputShapes[0])],
    reference: ([x], [dim, descending, count]) => {
      const order = sortingOrder(x, dim, descending === 1, count);
      return [elementsAt(x, dim, order, count), order];
    },
  },
} as const satisfies Record<string, TupleOp>;
