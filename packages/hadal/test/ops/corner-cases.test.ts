/** Corners of ops that a program of steps does not reach; values from PyTorch 2.13. */
import { describe, expect, test } from 'vitest';
import type { DType, Tensor } from '../../src/index.js';
import {
  autograd,
  full,
  IndexError,
  ShapeError,
  tensor,
  where,
  ZeroDivisionError,
  zeros,
} from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';
import { testAgainstPyTorch } from '../support/fixtures.js';

testAgainstPyTorch('corners');

const of = (data: number[], dtype: DType): Tensor => tensor(data, { dtype });

forEachEngine('shifts', (space) => {
  const cases: readonly [DType, 'left' | 'right', number[], number[], number[]][] = [
    ['int32', 'right', [1, -8, 5], [31, 31, 31], [0, -1, 0]],
    ['int32', 'left', [1, -8, 5], [31, 31, 31], [-(2 ** 31), 0, -(2 ** 31)]],
    ['int32', 'right', [1, -8, 5, -5], [32, 40, 2, 1], [0, -1, 1, -3]],
    ['int64', 'right', [1, -8, 5], [62, 63, 1], [0, -1, 2]],
    ['int8', 'right', [127, -128, 5], [7, 7, 8], [0, -1, 0]],
    ['uint8', 'right', [255, 200, 5], [7, 8, 1], [1, 0, 2]],
    ['int32', 'left', [1, -8, 5], [32, 2, -1], [0, -32, 0]],
  ];
  test.each(cases)('of %s to the %s: %j by %j', (dtype, side, x, y, expected) => {
    withWorkspace(space, () => {
      const name = side === 'left' ? 'bitwiseLeftShift' : 'bitwiseRightShift';
      expect(of(x, dtype)[name](of(y, dtype)).tolistSync()).toEqual(expected);
      x.forEach((v, i) => {
        if (y[i] >= 0 && y[i] <= 62)
          expect(of([v], dtype)[name](y[i]).tolistSync(), `${v} by ${y[i]}`).toEqual([expected[i]]);
      });
    });
  });
});

forEachEngine('reductions of 16-bit floats', (space) => {
  const values = [300, 400, -200, 250];
  const cases: readonly [string, DType, (x: Tensor) => Tensor, number][] = [
    ['norm', 'float16', (x) => x.norm(), 593.5],
    ['norm of order 3', 'float16', (x) => x.norm(3), 485.75],
    ['largest magnitude', 'float16', (x) => x.norm(Number.POSITIVE_INFINITY), 400],
    ['standard deviation', 'float16', (x) => x.std(), 265.75],
    ['standard deviation of all', 'float16', (x) => x.std(0, { correction: 0 }), 230.125],
    ['variance', 'float16', (x) => x.var(), Number.POSITIVE_INFINITY],
    ['norm', 'bfloat16', (x) => x.norm(), 592],
  ];
  test.each(cases)('%s in %s', (_, dtype, body, expected) => {
    withWorkspace(space, () => {
      const result = body(of(values, dtype));
      expect([result.dtype, result.itemSync()]).toEqual([dtype, expected]);
    });
  });

  test('a mean whose sum is no float16', () => {
    withWorkspace(space, () => {
      const x = full([100_000], 3, { dtype: 'float16' });
      expect([x.mean().itemSync(), x.var().itemSync(), x.std().itemSync()]).toEqual([3, 0, 0]);
      expect([x.mean().dtype, x.norm().itemSync()]).toEqual(['float16', 948.5]);
    });
  });

  test('the gradient of a norm', () => {
    withWorkspace(space, () => {
      const x = of(values, 'float16').requiresGrad_();
      const [g] = autograd.grad(x.norm(), x);
      expect(g.dtype).toBe('float16');
      expect(g.mul(593.5).tolistSync()).toEqual([300, 400, -200, 250].map((v) => expect.closeTo(v, -0.3)));
    });
  });
});

describe('pow', () => {
  test('x to the power of 0 is 1 with a gradient of 0, at 0 and in second gradients too', () => {
    const x = tensor([0, -2, Number.NaN, Number.POSITIVE_INFINITY], { requiresGrad: true });
    const y = x.pow(0);
    expect(y.tolistSync()).toEqual([1, 1, 1, 1]);
    const [g] = autograd.grad(y.mul(x.detach().nanToNum({ nan: 1, posinf: 1 })).sum(), x, {
      createGraph: true,
    });
    expect(g.tolistSync()).toEqual([0, 0, 0, 0]);
    expect(g.requiresGrad).toBe(false);
  });
});

test('a gradient that is NaN is NaN behind abs too, where its sign is 0', () => {
  const x = tensor([0, Number.NaN, -2], { requiresGrad: true });
  x.abs().backward(tensor([Number.NaN, Number.NaN, 3]));
  expect(x.grad?.tolistSync()).toEqual([Number.NaN, Number.NaN, -3]);
});

test('the median of nothing at all is NaN, and that of an empty dimension an error', () => {
  expect(zeros([0, 3]).median().itemSync()).toBeNaN();
  expect(() => zeros([0, 3]).median(0)).toThrow(ShapeError);
  expect(() => zeros([0], { dtype: 'int64' }).median()).toThrow(ShapeError);
});

describe('logaddexp', () => {
  test('has all digits near 0', () => {
    expect(
      tensor([0, -30])
        .logaddexp(tensor([-20, 0]))
        .dataSync(),
    ).toEqual(new Float32Array([Math.log1p(Math.exp(-20)), Math.log1p(Math.exp(-30))]));
    expect(
      tensor([0])
        .logaddexp2(tensor([-30]))
        .itemSync(),
    ).toBeCloseTo(2 ** -30 / Math.LN2, 14);
  });

  test('has a gradient at the infinities', () => {
    const a = tensor([Infinity, -Infinity, 3, -Infinity], { requiresGrad: true });
    const b = tensor([-Infinity, 5, Infinity, -Infinity], { requiresGrad: true });
    const sum = a.logaddexp(b);
    sum.sum().backward();
    expect(sum.tolistSync()).toEqual([Infinity, 5, Infinity, -Infinity]);
    expect([a.grad?.tolistSync(), b.grad?.tolistSync()]).toEqual([
      [1, 0, 0, 0.5],
      [0, 1, 1, 0.5],
    ]);
  });

  test('has second derivatives where both are equal', () => {
    const a = tensor([2], { requiresGrad: true });
    const y = a.logaddexp(tensor([2]));
    const [grad] = autograd.grad(y, [a], { createGraph: true });
    const [second] = autograd.grad(grad, [a]);
    expect([grad.itemSync(), second.itemSync()]).toEqual([0.5, 0.25]);
  });
});

test('copysign has no gradient at 0', () => {
  const x = tensor([0, -0, 2, -2], { requiresGrad: true });
  const y = x.copysign(tensor([-1, 1, -1, 1]));
  expect(y.tolistSync()).toEqual([-0, 0, -2, 2]);
  y.sum().backward();
  expect(x.grad?.tolistSync()).toEqual([0, 0, -1, -1]);
});

describe('setIndex', () => {
  test('takes a value with dimensions of size 1 in front, as PyTorch does', () => {
    const row = tensor([[[1, 2, 3]]]);
    expect(zeros([2, 3]).setIndex(row, 1).tolistSync()).toEqual([
      [0, 0, 0],
      [1, 2, 3],
    ]);
    expect(zeros([2, 3]).setIndex(row, [0]).tolistSync()).toEqual([
      [1, 2, 3],
      [0, 0, 0],
    ]);
    expect(
      zeros([2])
        .setIndex(tensor([[7]]), 0)
        .tolistSync(),
    ).toEqual([7, 0]);
    expect(() => zeros([2, 3]).setIndex(zeros([2, 1, 3]), 1)).toThrow(ShapeError);
  });
});

test('a tensor without dimensions has no size along one', () => {
  expect(tensor(3).size()).toEqual([]);
  expect(() => tensor(3).size(0)).toThrow(IndexError);
  expect(() => tensor(3).size(-1)).toThrow(/has none/);
});

forEachEngine('integers divided by 0', (space) => {
  const quotients = ['floorDivide', 'remainder', 'fmod'] as const;
  const dtypes: readonly DType[] = ['uint8', 'int8', 'int16', 'int32', 'int64'];

  describe.each(dtypes)('%s', (dtype) => {
    test.each(quotients)('%s is an error when it is read', (name) => {
      withWorkspace(space, () => {
        const x = of([6, 7, 8, 9], dtype);
        const late = x[name](of([1, 2, 0, 3], dtype));
        expect(() => late.tolistSync()).toThrow(ZeroDivisionError);
        expect(() => x[name](0).tolistSync()).toThrow(/divided by 0/);
        expect(() => x[name](of([0], dtype)).tolistSync()).toThrow(name);
        // Within a reduction, and turned around on the way.
        const square = of([4, 3, 2, 1], dtype).reshape([2, 2]);
        expect(() =>
          square[name](of([1, 0], dtype).reshape([2, 1]))
            .t()
            .sum()
            .itemSync(),
        ).toThrow(ZeroDivisionError);
        // The engine goes on, and what has no zero is computed.
        expect(x[name](of([1, 2, 4, 3], dtype)).dataSync().length).toBe(4);
      });
    });
  });

  test.each(dtypes)('are found among many of %s, and only among those that there are', (dtype) => {
    withWorkspace(space, () => {
      // No multiple of any number of lanes, so that some are switched off.
      const numbers = Array.from({ length: 61 }, (_, i) => 1 + ((7 * i) % 50));
      const x = of(numbers, dtype);
      const y = of(numbers.toReversed(), dtype);
      const quotients = numbers.map((n, i) => Math.floor(n / numbers[60 - i]));
      expect(x.floorDivide(y).tolistSync()).toEqual(quotients);
      expect(x.div(y, { roundingMode: 'trunc' }).tolistSync()).toEqual(quotients);
      // What lies around is no quotient.
      const padded = x.floorDivide(y).pad([3, 2]).add(1);
      expect(padded.tolistSync()).toEqual([0, 0, 0, ...quotients, 0, 0].map((n) => n + 1));
      for (const at of [0, 30, 60]) {
        const zero = of(
          numbers.map((n, i) => (i === at ? 0 : n)),
          dtype,
        );
        expect(() => x.remainder(zero).tolistSync()).toThrow(ZeroDivisionError);
        expect(() => x.div(zero, { roundingMode: 'trunc' }).tolistSync()).toThrow(/truncDivide/);
      }
    });
  });

  test('is no error where there is nothing to divide, or where zeros were replaced', () => {
    withWorkspace(space, () => {
      expect(zeros([0], { dtype: 'int64' }).floorDivide(zeros([0], { dtype: 'int64' })).shape).toEqual([0]);
      expect(zeros([0, 3], { dtype: 'int32' }).remainder(0).tolistSync()).toEqual([]);
      const y = of([2, 0, 3], 'int64');
      const safe = where(y.eq(0), tensor(1n), y);
      expect(of([7, 7, 7], 'int64').floorDivide(safe).tolistSync()).toEqual([3, 7, 2]);
      expect(of([7, 7], 'int32').floorDivide(2).tolistSync()).toEqual([3, 3]);
    });
  });

  test('names div where that was called', () => {
    withWorkspace(space, () => {
      const late = of([1], 'int32').div(of([0], 'int32'), { roundingMode: 'trunc' });
      expect(() => late.tolistSync()).toThrow(/div with a roundingMode/);
    });
  });

  test('the least integer by -1 wraps', () => {
    withWorkspace(space, () => {
      for (const [dtype, least] of [
        ['int8', -128],
        ['int16', -32768],
        ['int32', -(2 ** 31)],
        ['int64', -(2n ** 63n)],
      ] as const) {
        const [x, y] = [tensor([least], { dtype }), tensor([-1], { dtype })];
        expect(x.floorDivide(y).tolistSync()).toEqual([least]);
        expect(x.div(y, { roundingMode: 'trunc' }).tolistSync()).toEqual([least]);
        expect(Array.from(x.remainder(y).dataSync(), Number)).toEqual([0]);
        expect(Array.from(x.fmod(y).dataSync(), Number)).toEqual([0]);
      }
    });
  });
});

/** Undefined in C and different from processor to processor in PyTorch; here every engine gives the same. */
const outOfRange: { readonly [dtype in DType]?: readonly string[] } = {
  uint8: ['0', '0', '0', '0', '0', '0', '0'],
  int8: ['0', '0', '0', '0', '0', '0', '0'],
  int16: ['0', '0', '0', '0', '0', '0', '0'],
  int32: new Array(7).fill(`${-(2 ** 31)}`),
  int64: [
    ...new Array(3).fill(`${-(2n ** 63n)}`),
    '3000000000',
    '-3000000000',
    ...new Array(2).fill(`${-(2n ** 63n)}`),
  ],
};

forEachEngine('floats that no integer holds', (space) => {
  const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3e9, -3e9, 1e20, -1e20];
  const results = (dtype: DType, from: DType): unknown => {
    const given = tensor(values, { dtype: from }).to(dtype).tolistSync();
    return Array.from(given as readonly (number | bigint)[], String);
  };
  test.each(['float32', 'float64'] as const)('from %s', (from) => {
    withWorkspace(space, () => {
      const seen = (['uint8', 'int8', 'int16', 'int32', 'int64'] as const).map((d) => [d, results(d, from)]);
      expect(Object.fromEntries(seen)).toEqual(outOfRange);
    });
  });
});

forEachEngine('floats that fit 32 bits but not the dtype', (space) => {
  test('are cut off and wrap, on vectors and one by one', () => {
    withWorkspace(space, () => {
      const x = tensor(
        [300.9, -129.9, 65541, -1.5, 2147483520, -2147483648].flatMap((v) => [v, v, v]),
        { dtype: 'float32' },
      );
      const thrice = (values: number[]): number[] => values.flatMap((v) => [v, v, v]);
      expect(x.to('uint8').tolistSync()).toEqual(thrice([44, 127, 5, 255, 128, 0]));
      expect(x.to('int8').tolistSync()).toEqual(thrice([44, 127, 5, -1, -128, 0]));
      expect(x.to('int16').tolistSync()).toEqual(thrice([300, -129, 5, -1, -128, 0]));
      expect(x.to('int32').tolistSync()).toEqual(thrice([300, -129, 65541, -1, 2147483520, -2147483648]));
    });
  });
});
