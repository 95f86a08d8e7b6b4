/** Products with a vector are sums along the other operand's rows; they mean what products of matrices mean. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { einsum, explain, functional as F, type Tensor } from '../../src/index.js';
import { onEveryEngine } from '../support/engines.js';
import { inMemory } from '../support/tensors.js';

/** c[m, n] = sum over k, in float64. */
function expected(a: Tensor, b: Tensor, m: number, n: number, k: number): number[] {
  const [x, y] = [a, b].map((t) => Array.from(t.dataSync(), Number));
  return Array.from({ length: m * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let s = 0; s < k; s++) sum += x[i * k + s] * y[s * n + j];
    return sum;
  });
}

function expectClose(got: Tensor, want: readonly number[], k: number): void {
  const data = Array.from(got.dataSync(), Number);
  expect(data).toHaveLength(want.length);
  data.forEach((v, i) => {
    expect(Math.abs(v - want[i])).toBeLessThan(1e-6 * (k + 4));
  });
}

onEveryEngine('products with a vector', ({ run, name }) => {
  test('of any shape and layout', () =>
    run(() => {
      const size = fc.integer({ min: 1, max: 40 });
      fc.assert(
        fc.property(
          fc.record({
            other: size,
            k: size,
            isLeft: fc.boolean(),
            turned: fc.boolean(),
            grown: fc.boolean(),
          }),
          ({ other, k, isLeft, turned, grown }) => {
            const [m, n] = isLeft ? [1, other] : [other, 1];
            const turn = (rows: number, columns: number): Tensor =>
              turned ? inMemory(columns, rows).t() : inMemory(rows, columns);
            const a = turn(m, k);
            const b = turn(k, n);
            const product = grown ? a.add(1).matmul(b).relu() : a.matmul(b);
            const want = expected(grown ? a.add(1) : a, b, m, n, k);
            expectClose(product, grown ? want.map((v) => Math.max(v, 0)) : want, 4 * k);
          },
        ),
        { numRuns: name === 'reference' ? 20 : 60 },
      );
    }));

  test('in batches, with gradients', () =>
    run(() => {
      const [a, b] = [inMemory(3, 1, 5), inMemory(3, 7, 5)];
      const by = (x: Tensor, y: Tensor): Tensor => einsum('bik,bnk->bin', x, y);
      const whole = (x: Tensor): Tensor => x.expand([3, 2, 5]);
      expectClose(by(a, b), Array.from(by(whole(a), b).narrow(1, 0, 1).dataSync(), Number), 5);
      const [x, y] = [a.detach().requiresGrad_(), b.detach().requiresGrad_()];
      by(x, y).square().sum().backward();
      const out = by(a, b);
      expectClose(x.grad ?? a, Array.from(einsum('bin,bnk->bik', out.mul(2), b).dataSync(), Number), 60);
      expectClose(y.grad ?? b, Array.from(einsum('bin,bik->bnk', out.mul(2), a).dataSync(), Number), 60);
    }));

  test('take what follows along', () =>
    run(() => {
      const [x, w, bias] = [inMemory(1, 30), inMemory(20, 30), inMemory(20)];
      expect(explain(F.linear(x, w, bias).relu()).kernels).toHaveLength(1);
    }));

  test('keep NaN and infinity where they belong', () =>
    run(() => {
      const w = inMemory(3, 4);
      const x = inMemory(1, 4);
      const bad = x.mul(Number.POSITIVE_INFINITY);
      expect(Array.from(F.linear(bad, w).dataSync(), Number).every((v) => !Number.isFinite(v))).toBe(true);
    }));
});

onEveryEngine('products of a few rows', ({ run, name }) => {
  test('are those of a formula, whatever follows', () =>
    run(() => {
      fc.assert(
        fc.property(
          fc.record({
            lead: fc.constantFrom([2], [3], [4], [5], [2, 2], [1, 5], [3, 1, 1]),
            columns: fc.integer({ min: 63, max: 90 }),
            depth: fc.constantFrom(63, 64, 70, 257, 300),
            grown: fc.boolean(),
          }),
          ({ lead, columns, depth, grown }) => {
            const rows = lead.reduce<number>((a, b) => a * b, 1);
            const [x, w, bias] = [inMemory(...lead, depth), inMemory(columns, depth), inMemory(columns)];
            const given = grown ? x.mul(2) : x;
            const y = F.linear(given, w, bias);
            const added = Array.from(bias.dataSync(), Number);
            const want = expected(given, w.t().contiguous(), rows, columns, depth);
            expect(y.shape).toEqual([...lead, columns]);
            expectClose(
              grown ? y.relu() : y,
              want.map((v, i) => v + added[i % columns]).map((v) => (grown ? Math.max(v, 0) : v)),
              8 * depth,
            );
          },
        ),
        { numRuns: name === 'reference' ? 5 : 25 },
      );
    }));

  test('have gradients', () =>
    run(() => {
      const [x, w] = [inMemory(3, 70).requiresGrad_(), inMemory(65, 70).requiresGrad_()];
      const y = F.linear(x, w);
      y.square().sum().backward();
      const dy = y.detach().mul(2);
      expectClose(x.grad ?? x, expected(dy, w.detach(), 3, 70, 65), 4000);
      expectClose(w.grad ?? w, expected(dy.t().contiguous(), x.detach(), 65, 70, 3), 4000);
    }));

  test('read the matrix once, unless there are too many for sums in registers', () =>
    run(() => {
      const kinds = (rows: number): string[] =>
        explain(F.linear(inMemory(rows, 300), inMemory(100, 300))).kernels.map((k) => k.kind);
      // The sums, and behind them in the same launch what puts them side by side.
      if (name === 'native AVX-512') expect(kinds(3)).toEqual(['region']);
      if (name === 'wasm') expect(kinds(3)).toEqual(['gemm']);
      expect(kinds(5)).toEqual(['gemm']);
    }));
});
