/** What finite differences try: points for elementwise ops, and functions of small arrays for all others. */
import type { Value } from '../../src/autograd/value.js';
import type { elementwise } from '../../src/graph/ops/elementwise.js';
import { functional as F, fromTypedArray, Tensor } from '../../src/index.js';
import type { Workspace } from '../../src/tensor/workspace.js';

export interface Domain {
  /** Points, one row an operand; away from kinks. */
  readonly points: readonly (readonly number[])[];
  readonly smooth: boolean;
}

const around = [-2.5, -1.25, -0.6, -0.01, 0.02, 0.4, 1.1, 2.75];
const positive = [0.05, 0.3, 0.9, 1.0, 1.7, 4.2, 9.5, 30];
const other = [1.5, -0.75, 2.25, 3, -2, 0.5, -1.5, 0.8];
const unit = [-0.9, -0.7, -0.45, -0.01, 0.02, 0.3, 0.55, 0.8];
const beyondOne = [1.1, 1.3, 1.7, 2.2, 3.1, 4.5, 9, 20];

/** `where` and `cast` have operands of other dtypes and are tested on their own. */
export const domains: { readonly [name in keyof typeof elementwise]?: Domain } = {
  add: { points: [around, other], smooth: true },
  sub: { points: [around, other], smooth: true },
  mul: { points: [around, other], smooth: true },
  div: { points: [around, other], smooth: true },
  maximum: { points: [around, other], smooth: false },
  minimum: { points: [around, other], smooth: false },
  neg: { points: [around], smooth: true },
  abs: { points: [around], smooth: false },
  exp: { points: [around], smooth: true },
  log: { points: [positive], smooth: true },
  sqrt: { points: [positive], smooth: true },
  tanh: { points: [around], smooth: true },
  erf: { points: [around], smooth: true },
  relu: { points: [around], smooth: false },
  reciprocal: { points: [other], smooth: true },
  sigmoid: { points: [around], smooth: true },
  exp2: { points: [around], smooth: true },
  expm1: { points: [around], smooth: true },
  log2: { points: [positive], smooth: true },
  log10: { points: [positive], smooth: true },
  log1p: { points: [unit], smooth: true },
  erfc: { points: [around], smooth: true },
  erfinv: { points: [unit], smooth: true },
  gelu: { points: [around], smooth: true },
  geluSlope: { points: [around], smooth: true },
  rsqrt: { points: [positive], smooth: true },
  sin: { points: [around], smooth: true },
  cos: { points: [around], smooth: true },
  tan: { points: [unit], smooth: true },
  asin: { points: [unit], smooth: true },
  acos: { points: [unit], smooth: true },
  atan: { points: [around], smooth: true },
  sinh: { points: [around], smooth: true },
  cosh: { points: [around], smooth: true },
  asinh: { points: [around], smooth: true },
  acosh: { points: [beyondOne], smooth: true },
  atanh: { points: [unit], smooth: true },
  atan2: { points: [around, other], smooth: true },
  pow: { points: [beyondOne, other], smooth: true },
  fmod: { points: [around, other], smooth: false },
  remainder: { points: [around, other], smooth: false },
  floor: { points: [around], smooth: false },
  ceil: { points: [around], smooth: false },
  round: { points: [unit], smooth: false },
  trunc: { points: [around], smooth: false },
  sign: { points: [around], smooth: false },
  copy: { points: [around], smooth: true },
};

type TensorFunction = (space: Workspace, x: readonly Tensor[]) => Tensor;

export interface ArrayCase {
  /** Ops of the table whose gradient this tries. */
  readonly ops: readonly string[];
  readonly shapes: readonly (readonly number[])[];
  readonly f: TensorFunction;
}

/** A function of graph values as one of tensors. */
function onValues(f: (ops: Workspace['ops'], x: readonly Value[]) => Value): TensorFunction {
  return (space, x) =>
    Tensor.of(
      space,
      f(
        space.ops,
        x.map((t) => t.value),
      ),
    );
}

function indexOf(data: readonly number[], shape: readonly number[]): Value {
  return fromTypedArray(BigInt64Array.from(data, BigInt), shape).value;
}

const one = [[2, 3, 2]];
export const linearCases: { readonly [name: string]: ArrayCase } = {
  reshape: { ops: ['reshape'], shapes: one, f: onValues((ops, [x]) => ops.reshape(x, [4, 3])) },
  permute: { ops: ['permute'], shapes: one, f: onValues((ops, [x]) => ops.permute(x, [2, 0, 1])) },
  expand: { ops: ['expand'], shapes: [[2, 1, 3]], f: onValues((ops, [x]) => ops.expand(x, [2, 4, 3])) },
  'slice forwards': {
    ops: ['slice'],
    shapes: [[5, 4]],
    f: onValues((ops, [x]) => ops.slice(x, [1, 0], [2, 3], [2, 2])),
  },
  'slice backwards': {
    ops: ['slice'],
    shapes: [[5, 4]],
    f: onValues((ops, [x]) => ops.slice(x, [4, 3], [-2, -1], [3, 3])),
  },
  'slice both ways': {
    ops: ['slice'],
    shapes: [[5, 4]],
    f: onValues((ops, [x]) => ops.slice(x, [3, 1], [-3, 2], [2, 2])),
  },
  pad: {
    ops: ['pad'],
    shapes: [[2, 3]],
    f: onValues((ops, [x]) => ops.pad(x, [1, 2], [0, 1], [4, 9])),
  },
  'sum of one dimension': { ops: ['sum'], shapes: one, f: onValues((ops, [x]) => ops.reduce('sum', x, [1])) },
  'sum of several': { ops: ['sum'], shapes: one, f: onValues((ops, [x]) => ops.reduce('sum', x, [0, 2])) },
  max: { ops: ['max'], shapes: one, f: onValues((ops, [x]) => ops.reduce('max', x, [1])) },
  'max of several': { ops: ['max'], shapes: one, f: onValues((ops, [x]) => ops.reduce('max', x, [0, 1, 2])) },
  min: { ops: ['min'], shapes: one, f: onValues((ops, [x]) => ops.reduce('min', x, [0, 2])) },
  'dot of matrices': {
    ops: ['dot'],
    shapes: [
      [2, 3],
      [3, 4],
    ],
    f: onValues((ops, [a, b]) =>
      ops.dot(a, b, { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }),
    ),
  },
  'dot over two dimensions in another order': {
    ops: ['dot'],
    shapes: [
      [2, 3, 2],
      [2, 2, 3],
    ],
    f: onValues((ops, [a, b]) =>
      ops.dot(a, b, { lhsBatch: [], rhsBatch: [], lhsContract: [2, 1], rhsContract: [0, 2] }),
    ),
  },
  'dot of stacks whose batch dimension is in the middle': {
    ops: ['dot'],
    shapes: [
      [3, 2, 2],
      [2, 4, 2],
    ],
    f: onValues((ops, [a, b]) =>
      ops.dot(a, b, { lhsBatch: [1], rhsBatch: [2], lhsContract: [2], rhsContract: [0] }),
    ),
  },
  'dot over nothing': {
    ops: ['dot'],
    shapes: [[3], [2]],
    f: onValues((ops, [a, b]) =>
      ops.dot(a, b, { lhsBatch: [], rhsBatch: [], lhsContract: [], rhsContract: [] }),
    ),
  },
  'gather with repeats': {
    ops: ['gather'],
    shapes: [[2, 3]],
    f: onValues((ops, [x]) => ops.gather(x, 1, indexOf([2, 0, 2, 2, 1, 1, 1, 0], [2, 4]))),
  },
  'gather of rows': {
    ops: ['gather'],
    shapes: [[3, 2]],
    f: onValues((ops, [x]) => ops.gather(x, 0, indexOf([2, 0], [1, 2]))),
  },
  'scatterAdd with repeats': {
    ops: ['scatterAdd'],
    shapes: [[2, 4]],
    f: onValues((ops, [x]) => ops.scatterAdd(x, 1, indexOf([2, 0, 2, 2, 1, 1, 1, 0], [2, 4]), [2, 3])),
  },
  'scatterAdd of one a row': {
    ops: ['scatterAdd'],
    shapes: [[3, 1]],
    f: onValues((ops, [x]) => ops.scatterAdd(x, 1, indexOf([2, 0, 2], [3, 1]), [3, 4])),
  },
  'scatterAdd into a larger array': {
    ops: ['scatterAdd'],
    shapes: [[2, 2]],
    f: onValues((ops, [x]) => ops.scatterAdd(x, 1, indexOf([3, 0, 1, 1], [2, 2]), [3, 4])),
  },
  indexSelect: {
    ops: ['indexSelect'],
    shapes: [[3, 4]],
    f: onValues((ops, [x]) => ops.indexSelect(x, 1, indexOf([2, 0, 2, 3, 2], [5]))),
  },
  indexAdd: {
    ops: ['indexAdd'],
    shapes: [[4, 2]],
    f: onValues((ops, [x]) => ops.indexAdd(x, 0, indexOf([2, 0, 2, 1], [4]), [3, 2])),
  },
  scatter: {
    ops: ['scatter'],
    shapes: [
      [3, 4],
      [2, 2],
    ],
    f: onValues((ops, [x, y]) => ops.scatter(x, 1, indexOf([3, 0, 1, 2], [2, 2]), y)),
  },
  'sort, its values': { ops: ['sort'], shapes: one, f: onValues((ops, [x]) => ops.sort(x, 1, true)[0]) },
  cumsum: { ops: ['cumsum'], shapes: one, f: onValues((ops, [x]) => ops.cumsum(x, 1)) },
  recurrence: {
    ops: ['recurrence'],
    shapes: [
      [2, 3],
      [2, 3],
    ],
    f: onValues((ops, [a, b]) => ops.recurrence(a, b, 1)),
  },
  sort: {
    ops: ['sort'],
    shapes: [[3, 4]],
    f: onValues((ops, [x]) =>
      ops.arithmetic(
        'add',
        ops.slice(ops.sort(x, 1, false)[0], [0, 0], [1, 1], [3, 2]),
        ops.sort(x, 1, true, 2)[0],
      ),
    ),
  },
  runningExtremum: {
    ops: ['runningExtremum'],
    shapes: [[3, 4]],
    f: onValues((ops, [x]) =>
      ops.arithmetic('add', ops.runningExtremum(x, 1, 'max')[0], ops.runningExtremum(x, 0, 'min')[0]),
    ),
  },
  prod: { ops: ['prod'], shapes: [[2, 4]], f: onValues((ops, [x]) => ops.reduce('prod', x, [1])) },
  'prod of several': {
    ops: ['prod'],
    shapes: [[2, 2, 2]],
    f: onValues((ops, [x]) => ops.reduce('prod', x, [0, 2])),
  },
  windows: {
    ops: ['windows'],
    shapes: [[2, 7]],
    f: onValues((ops, [x]) => ops.windows(x, { sizes: [3], strides: [2], dilations: [1] })),
  },
  'windows of two dimensions, apart': {
    ops: ['windows'],
    shapes: [[5, 6]],
    f: onValues((ops, [x]) => ops.windows(x, { sizes: [2, 2], strides: [1, 3], dilations: [2, 1] })),
  },
  interleave: {
    ops: ['interleave'],
    shapes: [
      [2, 3],
      [2, 3],
    ],
    f: onValues((ops, [x, y]) => ops.interleave([x, y], [2])),
  },
  'maxPool side by side': {
    ops: ['maxPool'],
    shapes: [[1, 4, 6]],
    f: onValues((ops, [x]) => ops.maxPool(x, { sizes: [2, 2], strides: [2, 2], dilations: [1, 1] })),
  },
  'maxPool that overlaps': {
    ops: ['maxPool'],
    shapes: [[5, 6]],
    f: onValues((ops, [x]) => ops.maxPool(x, { sizes: [2, 3], strides: [1, 2], dilations: [2, 1] })),
  },
  'maxPool of large windows': {
    ops: ['maxPool'],
    shapes: [[1, 6, 7]],
    f: onValues((ops, [x]) => ops.maxPool(x, { sizes: [5, 6], strides: [1, 1], dilations: [1, 1] })),
  },
  'sumPool side by side': {
    ops: ['sumPool'],
    shapes: [[1, 4, 7]],
    f: onValues((ops, [x]) => ops.sumPool(x, { sizes: [2, 3], strides: [2, 3], dilations: [1, 1] })),
  },
  'sumPool that overlaps': {
    ops: ['sumPool'],
    shapes: [[8, 9]],
    f: onValues((ops, [x]) => ops.sumPool(x, { sizes: [3, 5], strides: [1, 2], dilations: [1, 1] })),
  },
  'sumPool with gaps': {
    ops: ['sumPool'],
    shapes: [[8, 7]],
    f: onValues((ops, [x]) => ops.sumPool(x, { sizes: [2, 6], strides: [3, 1], dilations: [1, 1] })),
  },
  'sumPool of large windows': {
    ops: ['sumPool'],
    shapes: [[1, 9, 8]],
    f: onValues((ops, [x]) => ops.sumPool(x, { sizes: [6, 5], strides: [3, 2], dilations: [1, 1] })),
  },
  conv: {
    ops: ['conv'],
    shapes: [
      [2, 2, 5],
      [3, 2, 2],
    ],
    f: onValues((ops, [x, w]) =>
      ops.conv(x, w, {
        strides: [2],
        low: [1],
        high: [2],
        lhsDilation: [1],
        rhsDilation: [2],
        featureGroups: 1,
        batchGroups: 1,
      }),
    ),
  },
  'conv in groups of channels, with a dilated input': {
    ops: ['conv'],
    shapes: [
      [1, 4, 3],
      [2, 2, 2],
    ],
    f: onValues((ops, [x, w]) =>
      ops.conv(x, w, {
        strides: [1],
        low: [0],
        high: [1],
        lhsDilation: [2],
        rhsDilation: [1],
        featureGroups: 2,
        batchGroups: 1,
      }),
    ),
  },
  'conv in groups of samples, cropped': {
    ops: ['conv'],
    shapes: [
      [4, 2, 5],
      [2, 2, 2],
    ],
    f: onValues((ops, [x, w]) =>
      ops.conv(x, w, {
        strides: [1],
        low: [-1],
        high: [0],
        lhsDilation: [1],
        rhsDilation: [1],
        featureGroups: 1,
        batchGroups: 2,
      }),
    ),
  },
};

export const composedCases: { readonly [name: string]: ArrayCase } = {
  softmax: { ops: [], shapes: [[2, 3]], f: (_, [x]) => x.softmax(1) },
  logSoftmax: { ops: [], shapes: [[3, 2]], f: (_, [x]) => x.logSoftmax(0) },
  sigmoid: { ops: [], shapes: [[4]], f: (_, [x]) => x.sigmoid() },
  mean: { ops: [], shapes: [[2, 3]], f: (_, [x]) => x.mean(0) },
  'gelu none': { ops: [], shapes: [[4]], f: (_, [x]) => F.gelu(x) },
  'gelu tanh': { ops: [], shapes: [[4]], f: (_, [x]) => F.gelu(x, { approximate: 'tanh' }) },
  linear: { ops: [], shapes: [[2, 3], [2, 3], [2]], f: (_, [x, w, b]) => F.linear(x, w, b) },
  mseLoss: { ops: [], shapes: [[4], [4]], f: (_, [x, y]) => F.mseLoss(x, y) },
  crossEntropy: {
    ops: [],
    shapes: [[2, 3]],
    f: (_, [x]) => F.crossEntropy(x, fromTypedArray(BigInt64Array.of(2n, 0n), [2])),
  },
  matmul: {
    ops: [],
    shapes: [
      [2, 1, 2, 3],
      [2, 3, 2],
    ],
    f: (_, [a, b]) => a.matmul(b),
  },
};
