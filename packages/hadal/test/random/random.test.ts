import { describe, expect, test } from 'vitest';
import {
  ArgumentError,
  bernoulli,
  bernoulli_,
  DTypeError,
  getRngState,
  manualSeed,
  multinomial,
  normal,
  normal_,
  rand,
  randint,
  randLike,
  randn,
  randnLike,
  randperm,
  setRngState,
  type Tensor,
  tensor,
  uniform_,
  zeros,
} from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine, openWorkspace } from '../support/engines.js';
import { numbers } from '../support/tensors.js';

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

const all: { readonly [name: string]: () => Tensor } = {
  rand: () => rand([40]),
  'rand of float64': () => rand([40], { dtype: 'float64' }),
  'rand of float16': () => rand([40], { dtype: 'float16' }),
  randn: () => randn([5, 8]),
  'randn of float64': () => randn([40], { dtype: 'float64' }),
  'randn of bfloat16': () => randn([40], { dtype: 'bfloat16' }),
  randint: () => randint(-5, 100, [40]),
  randperm: () => randperm(40),
  normal: () => normal(tensor([0, 100]), tensor([[1], [2]])),
  bernoulli: () => bernoulli(tensor([0.5, 0.1, 0.9])),
  multinomial: () => multinomial(tensor([1, 2, 3, 0]), 30, { replacement: true }),
  'multinomial without replacement': () => multinomial(tensor([[1, 2, 3, 4]]), 3),
  uniform_: () => uniform_(zeros([40]), -2, 2),
  normal_: () => normal_(zeros([40]), 3, 0.5),
  bernoulli_: () => bernoulli_(zeros([40]), 0.3),
};

const reference = openWorkspace('reference');

forEachEngine('random tensors', (space) => {
  test.each(Object.entries(all))('%s are the same after the same seed, on every engine', (_, make) => {
    const draw = (at: typeof space): number[] =>
      withWorkspace(at, () => {
        manualSeed(11);
        rand([3]);
        return numbers(make());
      });
    const once = draw(space);
    expect(draw(space)).toEqual(once);
    if (!reference.ok) throw new Error(reference.reason);
    const wanted = draw(reference.space);
    const scale = Math.max(...wanted.map(Math.abs));
    once.forEach((v, i) => {
      expect(Math.abs(v - wanted[i])).toBeLessThanOrEqual(
        1e-2 * Number(_.includes('float16')) * scale + 4e-6 * scale,
      );
    });
    expect(withWorkspace(space, () => numbers(make()))).not.toEqual(once);
  });

  test('rand is uniform in [0, 1), in every float dtype', () => {
    withWorkspace(space, () => {
      for (const dtype of ['float32', 'float64', 'float16', 'bfloat16'] as const) {
        const x = rand([20000], { dtype });
        expect(x.dtype).toBe(dtype);
        const values = numbers(x);
        expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
        expect(Math.max(...values)).toBeLessThan(1);
        expect(Math.abs(mean(values) - 0.5)).toBeLessThan(0.01);
      }
    });
  });

  test('randn has the moments of a normal distribution, and is never infinite', () => {
    withWorkspace(space, () => {
      manualSeed(1);
      const values = numbers(randn([40000]));
      const moment = (k: number): number => mean(values.map((v) => v ** k));
      expect(values.every(Number.isFinite)).toBe(true);
      expect(Math.abs(moment(1))).toBeLessThan(0.02);
      expect(Math.abs(moment(2) - 1)).toBeLessThan(0.03);
      expect(Math.abs(moment(3))).toBeLessThan(0.06);
      expect(Math.abs(moment(4) - 3)).toBeLessThan(0.15);
      const neighbours = mean(values.slice(1).map((v, i) => v * values[i]));
      expect(Math.abs(neighbours)).toBeLessThan(0.02);
    });
  });

  test('multinomial draws by weight', () => {
    withWorkspace(space, () => {
      manualSeed(6);
      const drawn = numbers(multinomial(tensor([1, 0, 3]), 20000, { replacement: true }));
      const share = drawn.filter((v) => v === 2).length / drawn.length;
      expect(drawn.includes(1)).toBe(false);
      expect(Math.abs(share - 0.75)).toBeLessThan(0.02);
      for (let i = 0; i < 20; i++) {
        const row = numbers(multinomial(tensor([1, 1, 0, 5]), 3));
        expect([...row].sort()).toEqual([0, 1, 3]);
      }
    });
  });
});

describe('integers', () => {
  test('randint has all values and no others', () => {
    manualSeed(3);
    const x = randint(2, 6, [1000]);
    expect(x.dtype).toBe('int64');
    expect([...new Set(numbers(x))].sort()).toEqual([2, 3, 4, 5]);
    expect(randint(3, [2, 2], { dtype: 'uint8' }).dtype).toBe('uint8');
    expect(numbers(randint(2 ** 52, 2 ** 52 + 1, [1]))).toEqual([2 ** 52]);
    expect(() => randint(3, 3, [1])).toThrow(ArgumentError);
    expect(() => randint(0.5, [1])).toThrow(ArgumentError);
  });

  test('randperm is a permutation', () => {
    expect(numbers(randperm(50)).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(numbers(randperm(0))).toEqual([]);
  });
});

describe('the state of the generator', () => {
  test('is JSON, and random numbers go on from it', () => {
    manualSeed(9);
    rand([2]);
    const saved = JSON.parse(JSON.stringify(getRngState()));
    const next = numbers(randn([5]));
    rand([7]);
    setRngState(saved);
    expect(numbers(randn([5]))).toEqual(next);
  });

  test.each([null, {}, { key: [1], stream: 0 }, { key: [1, 2.5], stream: 0 }, { key: [1, 2], stream: 'x' }])(
    'is not %j',
    (state) => {
      expect(() => setRngState(state as never)).toThrow(ArgumentError);
    },
  );
});

describe('like another tensor', () => {
  test('in shape and dtype', () => {
    const like = zeros([2, 3], { dtype: 'float64' });
    expect([randLike(like).dtype, randnLike(like).shape]).toEqual(['float64', [2, 3]]);
    expect(() => rand([2], { dtype: 'int64' })).toThrow(DTypeError);
    expect(() => bernoulli(tensor([1n]))).toThrow(DTypeError);
    expect(() => normal(0, 1)).toThrow(ArgumentError);
    expect(normal(0, 0, [2]).tolistSync()).toEqual([0, 0]);
  });
});
