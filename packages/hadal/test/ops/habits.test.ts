/** What people bring along from other libraries is refused with the way it is written here. */
import { expect, test } from 'vitest';
import {
  ArgumentError,
  arange,
  cat,
  full,
  ones,
  onesLike,
  randn,
  stack,
  tensor,
  where,
  zeros,
} from '../../src/index.js';

/** Calls as JavaScript can write them. */
type Loose = Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;

test.each(['reshape', 'view', 'expand', 'repeat', 'tile'])('%s takes its sizes as one array', (method) => {
  const t = ones([2, 3]) as unknown as Loose;
  expect(() => t[method](3, 2)).toThrow(ArgumentError);
  expect(() => t[method](-1)).toThrow(`a shape is an array of sizes, as in [2, 3]; got number`);
});

test('permute takes its dimensions as one array', () => {
  const t = ones([2, 3]) as unknown as Loose;
  expect(() => t.permute(1, 0)).toThrow(ArgumentError);
  expect(() => t.permute(1, 0)).toThrow(
    'permute: an order is an array of dimensions, as in [1, 0]; got number',
  );
});

test('options that a new tensor does not have are refused', () => {
  const made: readonly ((options: object) => unknown)[] = [
    (o) => tensor([1], o),
    (o) => zeros([2], o),
    (o) => full([2], 1, o),
    (o) => onesLike(arange(3), o),
    (o) => randn([2], o),
  ];
  for (const make of made) {
    expect(() => make({ device: 'cuda' })).toThrow(
      'tensor: no option is called device; there are dtype, requiresGrad',
    );
    expect(() => make({ requires_grad: true })).toThrow(
      'tensor: no option is called requires_grad; it is requiresGrad',
    );
    make({ dtype: 'float32', requiresGrad: true });
  }
  const loose = { zeros } as unknown as Loose;
  expect(() => loose.zeros([2], 'float64')).toThrow(
    'tensor: options are an object such as { dtype: ... }, got float64',
  );
});

test.each(['cat', 'stack'])('%s takes its tensors as one array', (name) => {
  const loose = { cat, stack } as unknown as Loose;
  const expected = `${name}: expected an array of tensors, as in ${name}([a, b])`;
  expect(() => loose[name](ones([2]), ones([2]))).toThrow(expected);
  expect(() => loose[name]([ones([2]), 1])).toThrow(expected);
  expect(() => loose[name]([])).toThrow(`${name}: expected at least one tensor`);
});

test('options that a reduction does not have are refused', () => {
  const t = ones([2, 3]) as unknown as Loose;
  const methods = [
    'sum',
    'prod',
    'mean',
    'amax',
    'max',
    'argmin',
    'any',
    'var',
    'std',
    'logsumexp',
    'median',
  ];
  for (const method of methods) {
    expect(() => t[method](0, { keepDims: true })).toThrow(`${method}: no option is called keepDims`);
    expect(() => t[method](0, { keep_dim: true })).toThrow(`it is keepdim`);
    expect(() => t[method](0, true)).toThrow(
      `${method}: options are an object such as { keepdim: ... }, got true`,
    );
  }
  expect(() => t.norm(2, 0, true)).toThrow('norm: options are an object');
  expect(() => t.kthvalue(1, 0, { keepDim: true })).toThrow('it is keepdim');
});

test('where chooses by a tensor', () => {
  const loose = { where } as unknown as Loose;
  expect(() => loose.where(true, 1, 2)).toThrow('where: the condition is a bool tensor, got a boolean');
});

test('JavaScript has no operators on tensors, and says so rather than NaN', () => {
  const t = tensor(3);
  expect(() => Number(t)).toThrow('t.itemSync() for the number in it');
  expect(() => (t as unknown as number) - 1).toThrow(ArgumentError);
  expect(() => (t as unknown as number) < 1).toThrow(ArgumentError);
  expect(`${t}`).toBe(t.toString());
});
