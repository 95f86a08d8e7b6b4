/** Products of bfloat16 and of bytes, which some processors add up several at a time, mean what they mean one by one. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  cat,
  type DType,
  einsum,
  explain,
  functional as F,
  nn,
  type Tensor,
  tensor,
} from '../../src/index.js';
import { onEveryEngine } from '../support/engines.js';

/** Whole numbers of a dtype from -128 (or 0) on, far apart. */
function bytes(dtype: 'int8' | 'uint8', ...shape: number[]): Tensor {
  const count = shape.reduce((n, d) => n * d, 1);
  const low = dtype === 'int8' ? -128 : 0;
  const data = Array.from({ length: count }, (_, i) => low + ((i * 89 + (i >> 3) * 31 + shape.length) % 256));
  return tensor(data, { dtype: 'int32' }).reshape(shape).to(dtype);
}

/** Small fractions that bfloat16 has; sums of their products are exact in float32. */
function halves(...shape: number[]): Tensor {
  const count = shape.reduce((n, d) => n * d, 1);
  return tensor(Array.from({ length: count }, (_, i) => (((i * 37 + (i >> 4)) % 31) - 15) / 8))
    .reshape(shape)
    .to('bfloat16');
}

/** A sum of nothing but -0 is 0 where it begins with 0. */
function numbers(x: Tensor): number[] {
  return Array.from(x.dataSync(), Number).map((v) => v + 0);
}

function exact(a: Tensor, b: Tensor): number[] {
  return numbers(a.to('float64').matmul(b.to('float64')));
}

const shapes = fc.record({
  m: fc.integer({ min: 1, max: 40 }),
  n: fc.integer({ min: 1, max: 70 }),
  k: fc.integer({ min: 1, max: 40 }),
  isLeftTurned: fc.boolean(),
  isRightTurned: fc.boolean(),
});

onEveryEngine('products of packed elements', ({ run, name, space }) => {
  const dtypes = ['int8', 'uint8'] as const;
  test.each(dtypes.flatMap((l) => dtypes.map((r) => [l, r] as const)))('%s by %s as int32', (left, right) =>
    run(() => {
      fc.assert(
        fc.property(shapes, ({ m, n, k, isLeftTurned, isRightTurned }) => {
          const a = isLeftTurned ? bytes(left, k, m).t() : bytes(left, m, k);
          const b = isRightTurned ? bytes(right, n, k).t() : bytes(right, k, n);
          const product = a.to('int32').matmul(b.to('int32'));
          expect(product.dtype).toBe('int32');
          expect(Array.from(product.dataSync(), Number)).toEqual(exact(a, b));
        }),
        { numRuns: name === 'reference' ? 10 : 40 },
      );
    }),
  );

  test('bytes wrap as their dtype does', () =>
    run(() => {
      for (const dtype of dtypes) {
        const [a, b] = [bytes(dtype, 13, 300), bytes(dtype, 300, 35)];
        const bits = dtype === 'int8' ? Int8Array : Uint8Array;
        const want = Array.from(exact(a, b), (x) => bits.of(x)[0]);
        expect(Array.from(a.matmul(b).dataSync(), Number)).toEqual(want);
      }
    }));

  test('extremes do not saturate', () =>
    run(() => {
      const k = 600;
      for (const [x, y] of [
        [-128, -128],
        [127, -128],
        [-128, 127],
      ]) {
        const a = tensor(new Array<number>(3 * k).fill(x), { dtype: 'int8' }).reshape([3, k]);
        const b = tensor(new Array<number>(5 * k).fill(y), { dtype: 'int8' }).reshape([k, 5]);
        const sums = a.to('int32').matmul(b.to('int32')).dataSync();
        expect(Array.from(sums, Number)).toEqual(new Array<number>(15).fill(k * x * y));
      }
    }));

  test('batches, empty ones and ones without depth', () =>
    run(() => {
      const [a, b] = [bytes('uint8', 4, 6, 9), bytes('int8', 4, 9, 33)];
      const product = einsum('bij,bjk->bik', a.to('int32'), b.to('int32'));
      expect(Array.from(product.dataSync(), Number)).toEqual(exact(a, b));
      for (const [m, n, k] of [
        [0, 3, 4],
        [3, 0, 4],
        [3, 4, 0],
      ]) {
        const of = (dtype: DType): number[] =>
          Array.from(
            bytes('int8', m, k)
              .to(dtype)
              .matmul(bytes('int8', k, n).to(dtype))
              .dataSync(),
            Number,
          );
        for (const dtype of ['int8', 'int32', 'bfloat16'] as const)
          expect(of(dtype)).toEqual(new Array<number>(m * n).fill(0));
      }
    }));

  test('bfloat16 of any shape and layout', () =>
    run(() => {
      fc.assert(
        fc.property(shapes, ({ m, n, k, isLeftTurned, isRightTurned }) => {
          const a = isLeftTurned ? halves(k, m).t() : halves(m, k);
          const b = isRightTurned ? halves(n, k).t() : halves(k, n);
          const want = tensor(exact(a, b)).to('bfloat16').dataSync();
          const got = numbers(a.matmul(b));
          expect(got).toEqual(Array.from(want, Number));
        }),
        { numRuns: name === 'reference' ? 10 : 40 },
      );
    }));

  test('bfloat16 deeper than a block, with what is pointwise before and after', () =>
    run(() => {
      for (const k of [511, 1027]) {
        const [a, b, bias] = [halves(15, k), halves(k, 40), halves(40)];
        const got = a.neg().matmul(b.abs()).add(bias).relu();
        const sums = tensor(exact(a.neg(), b.abs())).reshape([15, 40]).to('bfloat16');
        const want = sums.add(bias).relu().dataSync();
        expect(Array.from(got.dataSync(), Number)).toEqual(Array.from(want, Number));
      }
    }));

  test('convolutions and recurrent layers in bfloat16', () =>
    run(() => {
      const x = halves(2, 5, 9, 11);
      const w = halves(7, 5, 3, 3);
      const direct = F.conv2d(x.to('float64'), w.to('float64'), null, { padding: 1 });
      const want = direct.to('float32').to('bfloat16').dataSync();
      expect(Array.from(F.conv2d(x, w, null, { padding: 1 }).dataSync(), Number)).toEqual(
        Array.from(want, Number),
      );
      const lstm = new nn.LSTM(6, 10, { batchFirst: true });
      const seen = halves(3, 12, 6);
      const [output] = lstm.to('bfloat16').forward(seen);
      const [close] = lstm.to('float32').forward(seen.to('float32'));
      const [got, wanted] = [output, close].map((t) => Array.from(t.dataSync(), Number));
      got.forEach((v, i) => {
        expect(Math.abs(v - wanted[i])).toBeLessThan(0.03);
      });
    }));

  test('numbers that are none', () =>
    run(() => {
      const a = tensor([Number.NaN, 1, 0, Number.POSITIVE_INFINITY, 1, 1], { dtype: 'bfloat16' }).reshape([
        2, 3,
      ]);
      const b = tensor([1, 1, 2, 0, 3, 1], { dtype: 'bfloat16' }).reshape([3, 2]);
      expect(Array.from(a.matmul(b).dataSync(), Number)).toEqual([
        Number.NaN,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        Number.POSITIVE_INFINITY,
      ]);
    }));

  test.each(['float64', 'int64', 'int32', 'int16', 'uint32'] as const)(
    '%s of any shape and layout',
    (dtype) =>
      run(() => {
        fc.assert(
          fc.property(shapes, ({ m, n, k, isLeftTurned, isRightTurned }) => {
            const own = (...shape: number[]): Tensor => bytes('uint8', ...shape).to(dtype);
            const a = isLeftTurned ? own(k, m).t() : own(m, k);
            const b = isRightTurned ? own(n, k).t() : own(k, n);
            const got = a.matmul(b);
            expect(got.dtype).toBe(dtype);
            const wrap = dtype === 'int16' ? (x: number) => (x << 16) >> 16 : (x: number) => x;
            expect(numbers(got)).toEqual(exact(a, b).map(wrap));
          }),
          { numRuns: name === 'reference' ? 5 : 20 },
        );
      }),
  );

  test('float64 and int64 deeper than a block, converted and with what is pointwise', () =>
    run(() => {
      for (const dtype of ['float64', 'int64'] as const) {
        const [a, b, bias] = [bytes('int8', 13, 1027), bytes('int8', 1027, 21), bytes('int8', 21)];
        const got = a.to(dtype).neg().matmul(b.to(dtype)).add(bias).relu();
        const sums = exact(a.to('float64').neg(), b);
        const biases = numbers(bias);
        expect(numbers(got)).toEqual(sums.map((x, i) => Math.max(x + biases[i % 21], 0) + 0));
      }
    }));

  test('products in a loop are what they are outside of it', () =>
    run(() => {
      const lstm = new nn.LSTM(6, 10).to('float64');
      const x = bytes('int8', 7, 3, 6).to('float64').div(100);
      const { output } = lstm.forward(x);
      let state: { hidden: Tensor; cell: Tensor } | null = null;
      const steps = Array.from({ length: 7 }, (_, t) => {
        const step = lstm.forward(x.narrow(0, t, 1), state);
        state = step;
        return step.output;
      });
      expect(numbers(cat(steps, 0))).toEqual(numbers(output));
    }));

  test('are one instruction for several, where the processor has it', () =>
    run(() => {
      const { dots } = space.engine.backend.target;
      const { code } = explain(halves(40, 40).matmul(halves(40, 40)));
      expect(code.includes('vdpbf16ps')).toBe(dots.includes('bfloat16'));
      const [a, b] = [bytes('int8', 40, 40), bytes('int8', 40, 40)];
      expect(explain(a.matmul(b)).code.includes('vpdpbusd')).toBe(dots.includes('bytes'));
    }));
});
