/**
 * Reductions. Attributes: the reduced dimensions, ascending; they keep size 1 in the result. An empty reduction gives the op's
 * identity (0, -inf, inf).
 */

import { inversePermutation } from '../../base/attributes.js';
import type { DType, TypedArray } from '../../base/dtype.js';
import { dtypeInfo, isFloat } from '../../base/dtype.js';
import type { Shape } from '../../base/shape.js';
import { contiguousStrides, numel } from '../../base/shape.js';
import type { ArrayOp, Attributes, Operand, PlainArray, Vjp, VjpContext } from '../op.js';
import { savesNothing } from '../op.js';
import { flatIndex, forEachIndex, newArray } from './arrays.js';

/** Visits every input element with the flat position of the result it goes into. */
function forEachReduced(
  x: PlainArray,
  dims: Attributes,
  shape: Shape,
  visit: (from: number, to: number, index: readonly number[]) => void,
): void {
  const strides = contiguousStrides(shape).map((s, d) => (dims.includes(d) ? 0 : s));
  forEachIndex(x.shape, (index, flat) => {
    visit(flat, flatIndex(strides, index), index);
  });
}

function fold(
  initial: (dtype: DType) => number | bigint,
  step: (a: number, b: number) => number,
  bigStep: (a: bigint, b: bigint) => bigint,
): (inputs: readonly PlainArray[], dims: Attributes, shape: Shape, dtype: DType) => TypedArray {
  return ([x], dims, shape, dtype) => {
    const out = newArray(dtype, shape);
    if (out instanceof BigInt64Array && x.data instanceof BigInt64Array) {
      out.fill(BigInt(initial(dtype)));
      const big = x.data;
      forEachReduced(x, dims, shape, (from, to) => {
        out[to] = bigStep(out[to], big[from]);
      });
      return out;
    }
    // Sums run in float64 and are rounded once, so the reference is closer to the truth than any engine.
    const wide = new Float64Array(out.length).fill(Number(initial(dtype)));
    forEachReduced(x, dims, shape, (from, to) => {
      wide[to] = step(wide[to], Number(x.data[from]));
    });
    wide.forEach((v, i) => {
      if (!(out instanceof BigInt64Array)) out[i] = v;
    });
    return out;
  };
}

/** The gradient goes to the elements that equal the extremum, shared evenly between equal ones as in PyTorch's amax. */
const extremumVjp: Vjp = (c, g) => {
  const { ops } = c;
  const x = c.input(0);
  const hit = ops.cast(ops.compare('eq', x, ops.expand(c.output(), x.shape)), x.dtype);
  const count = ops.expand(ops.reduce('sum', hit, c.attributes), x.shape);
  // A NaN extremum equals nothing: 0 / 0 tells so.
  return [ops.arithmetic('div', ops.arithmetic('mul', ops.expand(g, x.shape), hit), count)];
};

/** What a maximum starts from: smaller than or equal to all values of a dtype. */
function lowest(dtype: DType): number | bigint {
  return isFloat(dtype) ? Number.NEGATIVE_INFINITY : dtypeInfo[dtype].min;
}
function highest(dtype: DType): number | bigint {
  return isFloat(dtype) ? Number.POSITIVE_INFINITY : dtypeInfo[dtype].max;
}

/** An extreme that is 0 has no sign: which of 0 and -0 wins would hang on the order in which they are compared. */
function unsigned(x: number): number {
  return x + 0;
}

/** More elements than this have the products of all others by division, exact for first gradients only. */
const ALL_PAIRS = 64;

/** The product of all others for every element, each multiplied out: right for gradients of any order, zeros among them. */
function otherProducts<V extends Operand>(c: VjpContext<V>): V {
  const { ops, attributes } = c;
  const x = c.input(0);
  const kept = x.shape.map((_, d) => d).filter((d) => !attributes.includes(d));
  const order = [...kept, ...attributes];
  const count = attributes.reduce((n, d) => n * x.shape[d], 1);
  const lines = numel(kept.map((d) => x.shape[d]));
  const wide = [lines, count, count];
  const rows = ops.expand(ops.reshape(ops.permute(x, order), [lines, 1, count]), wide);
  const isSelf = ops.compare('eq', ops.iota(wide, 1, 'int32'), ops.iota(wide, 2, 'int32'));
  const others = ops.reduce('prod', ops.where(isSelf, ops.constant(1, x.dtype, wide), rows), [2]);
  const back = ops.reshape(
    others,
    order.map((d) => x.shape[d]),
  );
  return ops.permute(back, inversePermutation(order));
}

/** The product of all others for every element: from the whole product where no element is zero, else from those that are not. */
const productVjp: Vjp = (c, g) => {
  const { ops } = c;
  const x = c.input(0);
  const count = c.attributes.reduce((n, d) => n * x.shape[d], 1);
  if (count <= ALL_PAIRS) return [ops.arithmetic('mul', ops.expand(g, x.shape), otherProducts(c))];
  const constant = (value: number) => ops.constant(value, x.dtype, x.shape);
  const wide = (v: typeof g) => ops.expand(v, x.shape);
  const isZero = ops.compare('eq', x, constant(0));
  const zeros = wide(ops.reduce('sum', ops.cast(isZero, x.dtype), c.attributes));
  const others = wide(ops.reduce('prod', ops.where(isZero, constant(1), x), c.attributes));
  const atZero = ops.where(ops.compare('eq', zeros, constant(1)), others, constant(0));
  const elsewhere = ops.where(
    ops.compare('eq', zeros, constant(0)),
    ops.arithmetic('div', others, ops.where(isZero, constant(1), x)),
    constant(0),
  );
  return [ops.arithmetic('mul', wide(g), ops.where(isZero, atZero, elsewhere))];
};

export const reduce = {
  sum: {
    kind: 'reduce',
    name: 'sum',
    saves: savesNothing,
    vjp: (c, g) => [c.ops.expand(g, c.inputShapes[0])],
    reference: fold(
      () => 0,
      (a, b) => a + b,
      (a, b) => a + b,
    ),
  },
  prod: {
    kind: 'reduce',
    name: 'prod',
    saves: { inputs: [0], output: false },
    vjp: productVjp,
    reference: fold(
      () => 1,
      (a, b) => a * b,
      (a, b) => a * b,
    ),
  },
  max: {
    kind: 'reduce',
    name: 'max',
    saves: { inputs: [0], output: true },
    vjp: extremumVjp,
    reference: fold(
      lowest,
      (a, b) => unsigned(Number.isNaN(a) || a > b ? a : b),
      (a, b) => (a > b ? a : b),
    ),
  },
  min: {
    kind: 'reduce',
    name: 'min',
    saves: { inputs: [0], output: true },
    vjp: extremumVjp,
    reference: fold(
      highest,
      (a, b) => unsigned(Number.isNaN(a) || a < b ? a : b),
      (a, b) => (a < b ? a : b),
    ),
  },
  /** The position of the first largest element along one dimension, int64; NaN counts as largest. */
  argmax: {
    kind: 'reduce',
    name: 'argmax',
    saves: savesNothing,
    vjp: null,
    reference: ([x], dims, shape) => {
      const out = new BigInt64Array(shape.reduce((a, b) => a * b, 1));
      const best = new Array<number | bigint | undefined>(out.length);
      forEachReduced(x, dims, shape, (from, to, index) => {
        const v = x.data[from];
        const have = best[to];
        const better = have === undefined || v > have || (Number.isNaN(v) && !Number.isNaN(have));
        if (better) {
          best[to] = v;
          out[to] = BigInt(index[dims[0]]);
        }
      });
      return out;
    },
  },
} as const satisfies Record<string, ArrayOp>;
