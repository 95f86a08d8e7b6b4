/** What people do with tensors that a program of steps cannot say: making, converting, reading, asking, several results. */
import { describe, expect, test } from 'vitest';
import type { DType, NumberLike } from '../../src/index.js';
import * as hadal from '../../src/index.js';
import {
  ArgumentError,
  arange,
  autograd,
  canCast,
  DTypeError,
  explain,
  eye,
  finfo,
  fromBytes,
  fromTypedArray,
  full,
  IndexError,
  iinfo,
  ones,
  promoteTypes,
  resultType,
  ShapeError,
  setDefaultDtype,
  slice,
  Tensor,
  tensor,
  where,
  zeros,
} from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

const dtypes: readonly DType[] = [
  'bool',
  'uint8',
  'int8',
  'int16',
  'int32',
  'uint32',
  'int64',
  'float16',
  'bfloat16',
  'float32',
  'float64',
];

forEachEngine('dtypes', (space) => {
  test.each(dtypes)('%s: made, converted and read', (dtype) => {
    withWorkspace(space, () => {
      const x = tensor([0, 1, 2.5], { dtype });
      const expected =
        dtype === 'bool' ? [false, true, true] : dtype.includes('float') ? [0, 1, 2.5] : [0, 1, 2];
      expect(x.tolistSync()).toEqual(expected);
      expect(tensor([0, 1, 2.5]).to(dtype).tolistSync()).toEqual(expected);
      expect(x.to('float64').to(dtype).equal(x)).toBe(true);
      const again = fromBytes(x.bytesSync(), [3], dtype);
      expect(again.dtype).toBe(dtype);
      expect(again.tolistSync()).toEqual(expected);
    });
  });

  test('conversions by name', () => {
    withWorkspace(space, () => {
      const x = tensor([1.5, -1]);
      const converted = [
        x.double(),
        x.half(),
        x.bfloat16(),
        x.char(),
        x.short(),
        x.int(),
        x.long(),
        x.bool(),
      ];
      expect(converted.map((t) => t.dtype)).toEqual([
        'float64',
        'float16',
        'bfloat16',
        'int8',
        'int16',
        'int32',
        'int64',
        'bool',
      ]);
      expect(x.to(converted[0]).dtype).toBe('float64');
      expect(x.float()).toBe(x);
    });
  });
});

describe('dtypes', () => {
  test('fromBytes copies and counts', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    const x = fromBytes(bytes, [2], 'int16');
    bytes.fill(0);
    expect(x.tolistSync()).toEqual([513, 1027]);
    expect(() => fromBytes(bytes, [3], 'int16')).toThrow(ArgumentError);
  });

  test('bools of bytes are 0 and 1', () => {
    const x = fromTypedArray(Uint8Array.of(0, 7), [2], { dtype: 'bool' });
    expect([...x.bytesSync()]).toEqual([0, 1]);
  });

  test('a default for what is made of numbers', () => {
    try {
      setDefaultDtype('float64');
      expect(
        [tensor([1]), zeros([1]), full([1], 2), ones([1], {}), arange(0, 1, 0.5), eye(2)].map((t) => t.dtype),
      ).toEqual(new Array(6).fill('float64'));
      expect(tensor([1n]).div(2).dtype).toBe('float64');
      expect(tensor([1n]).add(0.5).dtype).toBe('float64');
      expect(tensor([1n]).exp().dtype).toBe('float64');
    } finally {
      setDefaultDtype('float32');
    }
    expect(() => setDefaultDtype('int32')).toThrow(DTypeError);
  });

  test('promotion, casts and limits', () => {
    expect(promoteTypes('uint8', 'int8')).toBe('int16');
    expect(promoteTypes('float16', 'bfloat16')).toBe('float32');
    expect(resultType(ones([2], { dtype: 'float16' }), 2.5)).toBe('float16');
    expect(resultType(ones([2], { dtype: 'int32' }), ones([], { dtype: 'float64' }))).toBe('float64');
    expect(resultType(ones([2]), ones([], { dtype: 'float64' }))).toBe('float32');
    expect([canCast('float32', 'int32'), canCast('int64', 'float16'), canCast('int8', 'bool')]).toEqual([
      false,
      true,
      false,
    ]);
    expect(finfo().eps).toBe(2 ** -23);
    expect(finfo('float16')).toMatchObject({ bits: 16, max: 65504, tiny: 2 ** -14 });
    expect(iinfo('int64').max).toBe(2n ** 63n - 1n);
    expect(() => iinfo('float32')).toThrow(DTypeError);
    expect(() => finfo('int8')).toThrow(DTypeError);
  });
});

forEachEngine('reading and asking', (space) => {
  test('closeness and equality, at once and awaited', async () => {
    await withWorkspace(space, async () => {
      const x = tensor([1, 2]);
      expect(x.allclose(tensor([1, 2 + 1e-6]))).toBe(true);
      expect(x.allclose(tensor([1, 2.1]))).toBe(false);
      expect(x.equal(tensor([1, 2]))).toBe(true);
      expect(x.equal(tensor([1, 2, 3]))).toBe(false);
      expect(await x.allcloseAsync(tensor([1, 2]))).toBe(true);
      expect(await x.equalAsync(tensor([1, 3]))).toBe(false);
      expect((await x.gt(1).nonzeroAsync()).tolistSync()).toEqual([[1]]);
      expect((await x.uniqueAsync()).values.tolistSync()).toEqual([1, 2]);
    });
  });

  test('a position out of range is named when values are computed, and before anything is written', () => {
    withWorkspace(space, () => {
      const x = zeros([3, 4]);
      expect(() => x.index(5)).toThrow(IndexError);
      expect(() => x.index(tensor([0n, 3n])).dataSync()).toThrow(/index 3 is out of range/);
      expect(() => x.index(tensor([-4n])).dataSync()).toThrow(/index -4 is out of range/);
      expect(() => x.index(tensor([0n]), tensor([9n])).dataSync()).toThrow(/index 9 is out of range/);
      expect(() =>
        x
          .clone()
          .setIndex(1, tensor([7n]))
          .dataSync(),
      ).toThrow(IndexError);
      expect(() => x.gather(1, tensor([[-1n]])).dataSync()).toThrow(IndexError);
      expect(() => x.take(tensor([12n])).dataSync()).toThrow(IndexError);
      expect(() => x.scatterAdd(0, tensor([[3n]]), ones([1, 1])).dataSync()).toThrow(IndexError);
      expect(x.index(tensor([0n])).tolistSync()).toEqual([[0, 0, 0, 0]]);
    });
  });
});

describe('several results', () => {
  test('have names and can be taken apart', () => {
    const x = tensor([
      [1, 5],
      [7, 2],
    ]);
    const [values, indices] = x.max(1);
    expect([values.tolistSync(), indices.tolistSync()]).toEqual([
      [5, 7],
      [1, 0],
    ]);
    const { std, mean } = x.stdMean(0, { correction: 0 });
    expect([std.tolistSync(), mean.tolistSync()]).toEqual([
      [3, 1.5],
      [4, 3.5],
    ]);
    const [low, high] = x.aminmax();
    expect([low.itemSync(), high.itemSync()]).toEqual([1, 7]);
    expect([...x.unique({ returnCounts: true })].length).toBe(2);
  });
});

describe('functions', () => {
  test('take numbers first', () => {
    const x = tensor([1, 2, 4]);
    expect(hadal.sub(1, x).tolistSync()).toEqual([0, -1, -3]);
    expect(hadal.div(8, x).tolistSync()).toEqual([8, 4, 2]);
    expect(hadal.pow(2, x).tolistSync()).toEqual([2, 4, 16]);
    expect(hadal.maximum(3, x).tolistSync()).toEqual([3, 3, 4]);
    expect(where(x.gt(1), 1, x).tolistSync()).toEqual([1, 1, 1]);
    const ofNumbers = [where(x.gt(1), 1, 0), where(x.gt(1), 1n, 0n), where(x.gt(1), true, false)];
    expect(ofNumbers.map((t) => t.dtype)).toEqual(['float32', 'int64', 'bool']);
    expect(ofNumbers[0].tolistSync()).toEqual([0, 1, 1]);
    expect(() => hadal.add(1, 2)).toThrow(ArgumentError);
  });

  test('have the names of methods', () => {
    const names = [
      ...['exp', 'sin', 'round', 'clamp', 'isnan', 'add', 'fmod', 'lerp', 'eq', 'logicalXor', 'isclose'],
      ...['sum', 'prod', 'max', 'any', 'std', 'var', 'norm', 'logsumexp', 'cumsum', 'sort', 'topk', 'unique'],
      ...['reshape', 'movedim', 'split', 'unbind', 'flip', 'roll', 'tril', 'diag', 'gather', 'scatterAdd'],
      ...['indexSelect', 'maskedSelect', 'nonzero', 'matmul', 'bmm', 'outer', 'tensordot', 'addmm', 'trace'],
    ];
    const functions: { readonly [name: string]: unknown } = hadal;
    for (const name of names) {
      expect(functions[name], name).toBeTypeOf('function');
      expect(Reflect.get(Tensor.prototype, name), name).toBeTypeOf('function');
    }
  });
});

describe('views', () => {
  test('are written through', () => {
    const x = zeros([3, 3]);
    x.diagonal().fill_(1);
    x.T.index(0).add_(5);
    x.movedim(0, 1).index(slice(1, 3), 2).mul_(0);
    x.chunk(3)[2].sub_(1);
    expect(x.tolistSync()).toEqual([
      [6, 0, 0],
      [5, 1, 0],
      [4, -1, -1],
    ]);
  });

  test('of repeated elements are not', () => {
    expect(() => zeros([4]).unfold(0, 2, 1).add_(1)).toThrow(ArgumentError);
    expect(() => zeros([1]).expand([3]).fill_(1)).toThrow(ArgumentError);
  });

  test('copies have memory of their own', () => {
    const x = arange(4);
    const kept = [x.clone(), x.flip(0), x.roll(0), x.repeat([1]), x.index([0, 1])];
    x.fill_(9);
    expect(kept.map((t) => t.index(0).itemSync())).toEqual([0, 3, 0, 0, 0]);
    const row = arange(6).reshape([2, 3]).index(1);
    expect([row.isContiguous(), row.contiguous().isContiguous()]).toEqual([false, true]);
  });

  test('of leaves that require a gradient are not written while it is recorded', () => {
    const x = zeros([3], { requiresGrad: true });
    expect(() => x.setIndex(1, 0)).toThrow(hadal.AutogradError);
    hadal.noGrad(() => x.setIndex(1, 0));
    expect(x.tolistSync()).toEqual([1, 0, 0]);
  });
});

describe('the compiler', () => {
  test('makes one kernel of cat and what it joins', () => {
    const [a, b, c] = [ones([2, 3]), ones([1, 3]), ones([4, 3])];
    for (const t of [a, b, c]) t.keep().dataSync();
    const joined = hadal.cat([a.mul(2), b, c.exp()]).add(1);
    expect(explain(joined).kernels.length).toBe(1);
  });

  test('updates in place in place', () => {
    const x = zeros([8]).clone();
    x.dataSync();
    const { buffer } = x.value.node;
    for (const update of [
      () => x.lerp_(ones([8]), 0.5),
      () => x.clamp_({ min: 0.1 }),
      () => x.addcmul_(ones([8]), ones([8])),
      () => x.maskedFill_(x.gt(1), 0),
    ]) {
      update().dataSync();
      expect(x.value.node.buffer).toBe(buffer);
    }
  });
});

describe('errors', () => {
  test.each<[string, () => unknown, new (message: string) => Error, RegExp]>([
    ['a shape that does not fit', () => ones([2, 3]).reshape([4]), ShapeError, /\[2, 3\].*6 elements/],
    ['no clamp', () => ones([2]).clamp({}), ArgumentError, /min, max or both/],
    [
      'an unknown rounding',
      () => ones([2]).div(2, { roundingMode: 'up' as 'floor' }),
      ArgumentError,
      /'floor'/,
    ],
    ['two masks', () => ones([2]).index(tensor([true])), ShapeError, /mask of shape \[1\]/],
    ['bytes as positions', () => ones([2]).index(ones([2], { dtype: 'uint8' })), DTypeError, /\.bool\(\)/],
    ['cat of nothing', () => hadal.cat([]), ArgumentError, /at least one/],
    ['too many indices', () => ones([2]).index(0, 0), IndexError, /2 positions/],
    ['item of several', () => ones([2]).itemSync(), ArgumentError, /\[2\]/],
    ['NaN as an integer', () => tensor([Number.NaN], { dtype: 'int32' }), DTypeError, /NaN/],
    ['text', () => tensor(['a' as unknown as NumberLike]), ArgumentError, /string/],
  ])('%s', (_, body, type, message) => {
    expect(body).toThrow(type);
    expect(body).toThrow(message);
  });
});

describe('gradients', () => {
  test('of cat are those of the pieces, twice', () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const y = hadal.cat([x.mul(x), x.mul(3)]);
    const [g] = autograd.grad([y], [x], { gradOutputs: [tensor([1, 1, 2, 2])], createGraph: true });
    expect(g.tolistSync()).toEqual([8, 10]);
    expect(autograd.grad([g.sum()], [x])[0].tolistSync()).toEqual([2, 2]);
  });
});
