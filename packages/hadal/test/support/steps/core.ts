/** Steps of the first suites. */
import type { DType } from '../../../src/index.js';
import { functional, noGrad } from '../../../src/index.js';
import { pattern } from '../plain.js';
import type { Reduction, Rule } from './parameters.js';
import { dims, indexItem, list, num, numberOrBool, optional, other, silent } from './parameters.js';

type UnaryMethod =
  | 'neg'
  | 'abs'
  | 'relu'
  | 'exp'
  | 'log'
  | 'sqrt'
  | 'tanh'
  | 'erf'
  | 'reciprocal'
  | 'square'
  | 'sigmoid'
  | 'logicalNot'
  | 'clone'
  | 'detach'
  | 't'
  | 'max'
  | 'min'
  | 'relu_'
  | 'neg_'
  | 'exp_'
  | 'sqrt_'
  | 'tanh_'
  | 'zero_';
type BinaryMethod =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'eq'
  | 'ne'
  | 'lt'
  | 'le'
  | 'gt'
  | 'ge'
  | 'add_'
  | 'sub_'
  | 'mul_'
  | 'div_';

const unary =
  (name: UnaryMethod): Rule =>
  ([x]) =>
    x[name]();
const binary =
  (name: BinaryMethod): Rule =>
  (t, p) =>
    t[0][name](other(t, p));
export const coreSteps: { readonly [name: string]: Rule } = {
  ...Object.fromEntries(
    (
      [
        'neg',
        'abs',
        'relu',
        'exp',
        'log',
        'sqrt',
        'tanh',
        'erf',
        'reciprocal',
        'square',
        'sigmoid',
        'logicalNot',
        'clone',
        'detach',
        't',
        'max',
        'min',
      ] as const
    ).map((n) => [n, unary(n)]),
  ),
  ...Object.fromEntries(
    (['relu_', 'neg_', 'exp_', 'sqrt_', 'tanh_', 'zero_'] as const).map((n) => [n, silent(unary(n))]),
  ),
  ...Object.fromEntries(
    (['add', 'sub', 'mul', 'div', 'eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const).map((n) => [n, binary(n)]),
  ),
  ...Object.fromEntries((['add_', 'sub_', 'mul_', 'div_'] as const).map((n) => [n, silent(binary(n))])),
  addScaled: ([x, y], [alpha]) => x.add(y, { alpha: num(alpha) }),
  maximum: ([x, y]) => x.maximum(y),
  minimum: ([x, y]) => x.minimum(y),
  logicalAnd: ([x, y]) => x.logicalAnd(y),
  logicalOr: ([x, y]) => x.logicalOr(y),
  where: ([condition, x, y], p) => x.where(condition, y ?? numberOrBool(p[0])),
  to: ([x], [dtype]) => x.to(dtype as DType),
  sum: ([x], [d, keepdim]) => x.sum(dims(d), { keepdim: keepdim === true }),
  mean: ([x], [d, keepdim]) => x.mean(dims(d), { keepdim: keepdim === true }),
  amax: ([x], [d, keepdim]) => x.amax(dims(d), { keepdim: keepdim === true }),
  amin: ([x], [d, keepdim]) => x.amin(dims(d), { keepdim: keepdim === true }),
  argmax: ([x], [d, keepdim]) => x.argmax(optional(d), { keepdim: keepdim === true }),
  softmax: ([x], [d]) => x.softmax(num(d)),
  logSoftmax: ([x], [d]) => x.logSoftmax(num(d)),
  reshape: ([x], [shape]) => x.reshape(list(shape)),
  flatten: ([x], [start, end]) => x.flatten(num(start), num(end)),
  squeeze: ([x], [d]) => x.squeeze(optional(d)),
  unsqueeze: ([x], [d]) => x.unsqueeze(num(d)),
  permute: ([x], [order]) => x.permute(list(order)),
  transpose: ([x], [a, b]) => x.transpose(num(a), num(b)),
  expand: ([x], [shape]) => x.expand(list(shape)),
  narrow: ([x], [d, start, length]) => x.narrow(num(d), num(start), num(length)),
  select: ([x], [d, i]) => x.select(num(d), num(i)),
  index: ([x], items) => x.index(...items.map((i) => indexItem(i as never))),
  matmul: ([x, y]) => x.matmul(y),
  gather: ([x, index], [d]) => x.gather(num(d), index),
  linear: ([x, w, b]) => functional.linear(x, w, b ?? null),
  gelu: ([x], [approximate]) => functional.gelu(x, { approximate: approximate as 'none' | 'tanh' }),
  crossEntropy: ([x, y], [reduction]) => functional.crossEntropy(x, y, { reduction: reduction as Reduction }),
  mseLoss: ([x, y], [reduction]) => functional.mseLoss(x, y, { reduction: reduction as Reduction }),
  fill_: silent(([x], [v]) => x.fill_(num(v))),
  copy_: silent(([x, y]) => x.copy_(y)),
  backward: silent(([x]) => {
    x.backward(pattern(x), { retainGraph: true });
    return null;
  }),
  /** A step of gradient descent on a leaf, if it has a gradient. */
  update: silent(([x], [rate]) => {
    const { grad } = x;
    return grad === null ? null : noGrad(() => x.sub_(grad.mul(num(rate))));
  }),
  zeroGrad: silent(([x]) => {
    x.grad = null;
    return null;
  }),
};
