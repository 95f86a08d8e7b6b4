/** scaledDotProductAttention as one kernel: against its definition in plain numbers and against products and a softmax. */
import { describe, expect, test } from 'vitest';
import {
  autograd,
  explain,
  functional as F,
  manualSeed,
  nn,
  randn,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.js';
import { onEveryEngine } from '../support/engines.js';
import { numbers } from '../support/tensors.js';

interface Case {
  readonly lead: readonly number[];
  readonly queries: number;
  readonly keys: number;
  readonly features: number;
  readonly valueFeatures: number;
  readonly mask?: 'bool' | 'float' | 'padding' | 'per head';
  readonly isCausal?: boolean;
  readonly scale?: number;
}

const base = { lead: [2], queries: 5, keys: 7, features: 4, valueFeatures: 6 };
const cases: readonly Case[] = [
  base,
  { ...base, lead: [] },
  { ...base, lead: [1, 2, 3] },
  { ...base, queries: 1 },
  { ...base, keys: 1 },
  { ...base, queries: 1, keys: 1, features: 1, valueFeatures: 1 },
  { ...base, lead: [1, 3], queries: 1, keys: 700, features: 32, valueFeatures: 40 },
  { ...base, lead: [2, 3], queries: 1, keys: 161, mask: 'bool' },
  { ...base, lead: [2, 3], queries: 1, keys: 70, mask: 'padding' },
  { ...base, lead: [2, 3], queries: 1, keys: 33, mask: 'float', scale: 0.3 },
  { ...base, queries: 1, keys: 9, isCausal: true },
  { ...base, queries: 0 },
  { ...base, keys: 0 },
  { ...base, lead: [0] },
  { ...base, features: 17, valueFeatures: 33 },
  { ...base, features: 64, valueFeatures: 64, queries: 33, keys: 31 },
  { ...base, features: 40, valueFeatures: 8, queries: 67, keys: 150 },
  { ...base, lead: [1], features: 8, valueFeatures: 8, queries: 150, keys: 300 },
  { ...base, isCausal: true },
  { ...base, queries: 9, keys: 4, isCausal: true },
  { ...base, queries: 170, keys: 300, isCausal: true },
  { ...base, queries: 300, keys: 150, isCausal: true },
  { ...base, scale: 0.3 },
  { ...base, scale: -1.5, mask: 'float' },
  { ...base, mask: 'bool' },
  { ...base, mask: 'padding' },
  { ...base, mask: 'float' },
  { ...base, lead: [2, 3], mask: 'per head' },
  { ...base, lead: [2, 3], queries: 37, keys: 161, mask: 'bool' },
  { ...base, lead: [2, 3], queries: 37, keys: 161, mask: 'padding' },
  { ...base, lead: [2, 3], queries: 70, keys: 200, mask: 'float' },
  { ...base, lead: [2, 2], queries: 70, keys: 200, mask: 'per head' },
];

function title(c: Case): string {
  const parts = [`[${c.lead}] ${c.queries} x ${c.keys}`, `${c.features} and ${c.valueFeatures} features`];
  if (c.mask) parts.push(`${c.mask} mask`);
  if (c.isCausal) parts.push('causal');
  if (c.scale !== undefined) parts.push(`scale ${c.scale}`);
  return parts.join(', ');
}

function maskOf(c: Case): Tensor | null {
  const last = c.lead[c.lead.length - 1] ?? 1;
  switch (c.mask) {
    case 'bool':
      return randn([c.queries, c.keys]).gt(-0.3);
    case 'padding':
      return randn([...c.lead.map((s, i) => (i === 0 ? s : 1)), 1, c.keys]).gt(-0.3);
    case 'float':
      return randn([c.queries, c.keys]);
    case 'per head':
      return randn([last, c.queries, c.keys]);
    default:
      return null;
  }
}

/** The definition, row by row in float64. */
function plain(
  c: Case,
  q: number[],
  k: number[],
  v: number[],
  mask: number[] | null,
  isBool: boolean,
): number[] {
  const batches = c.lead.reduce((a, b) => a * b, 1);
  const scale = c.scale ?? 1 / Math.sqrt(c.features);
  const out: number[] = [];
  for (let at = 0; at < batches * c.queries; at++) {
    const firstKey = Math.floor(at / c.queries) * c.keys;
    const scores = Array.from({ length: c.keys }, (_, s) => {
      let score = 0;
      for (let i = 0; i < c.features; i++)
        score += q[at * c.features + i] * k[(firstKey + s) * c.features + i];
      score *= scale;
      const m = mask === null ? 0 : mask[at * c.keys + s];
      if (mask !== null) score = isBool ? (m === 1 ? score : -Infinity) : score + m;
      return c.isCausal && s > at % c.queries ? -Infinity : score;
    });
    const largest = Math.max(...scores);
    const weights = scores.map((x) => (largest === -Infinity ? 0 : Math.exp(x - largest)));
    const total = weights.reduce((a, b) => a + b, 0);
    for (let j = 0; j < c.valueFeatures; j++)
      out.push(
        weights.reduce(
          (sum, w, s) => sum + (total === 0 ? 0 : w / total) * v[(firstKey + s) * c.valueFeatures + j],
          0,
        ),
      );
  }
  return out;
}

/** Products and a softmax, in float64. */
function composed(c: Case, [q, k, v]: readonly Tensor[], mask: Tensor | null): Tensor {
  let scores = q.matmul(k.transpose(-1, -2)).mul(c.scale ?? 1 / Math.sqrt(c.features));
  const isHidden = (m: Tensor): Tensor => scores.where(m, -1e30);
  if (mask !== null) scores = mask.dtype === 'bool' ? isHidden(mask) : scores.add(mask);
  if (c.isCausal) scores = isHidden(causal(c));
  const weights = scores.softmax(-1);
  const seen = mask?.dtype === 'bool' ? weights.mul(mask.to('float64')) : weights;
  return seen.matmul(v);
}

function causal(c: Case): Tensor {
  return tensor(
    Array.from({ length: c.queries }, (_, i) => Array.from({ length: c.keys }, (_x, j) => j <= i)),
  );
}

function expectClose(actual: Tensor, expected: readonly number[], tolerance: number): void {
  const got = numbers(actual);
  expect(got.length).toBe(expected.length);
  const worst = got.reduce(
    (most, x, i) => Math.max(most, Math.abs(x - expected[i]) || (Number.isNaN(x) ? Infinity : 0)),
    0,
  );
  expect(worst).toBeLessThan(tolerance);
}

function operands(c: Case): [Tensor, Tensor, Tensor] {
  return [
    randn([...c.lead, c.queries, c.features]),
    randn([...c.lead, c.keys, c.features]),
    randn([...c.lead, c.keys, c.valueFeatures]),
  ];
}

onEveryEngine('attention', ({ name, run }) => {
  describe('is its definition, and its gradients those of products and a softmax', () => {
    const few = name === 'reference' ? cases.filter((c) => c.queries * c.keys < 6000) : cases;
    test.each(few.map((c) => [title(c), c] as const))('%s', (_, c) =>
      run(() => {
        manualSeed(3);
        const [q, k, v] = operands(c);
        const attnMask = maskOf(c);
        const how = c.scale === undefined ? {} : { scale: c.scale };
        const options = { attnMask, isCausal: c.isCausal === true, ...how };
        const [a, b, d] = [q, k, v].map((t) => t.clone().requiresGrad_());
        const out = F.scaledDotProductAttention(a, b, d, options);
        const wideMask = attnMask === null ? null : attnMask.expand([...c.lead, c.queries, c.keys]);
        const expected = plain(
          c,
          numbers(q),
          numbers(k),
          numbers(v),
          wideMask === null ? null : numbers(wideMask),
          attnMask?.dtype === 'bool',
        );
        expect(out.shape).toEqual([...c.lead, c.queries, c.valueFeatures]);
        expectClose(out, expected, 1e-5);

        const grad = randn(out.shape);
        out.backward(grad);
        const wide = [q, k, v].map((t) => t.to('float64').requiresGrad_());
        const mask64 = attnMask === null || attnMask.dtype === 'bool' ? attnMask : attnMask.to('float64');
        composed(c, wide, mask64).backward(grad.to('float64'));
        [a, b, d].forEach((t, i) => {
          if (t.grad === null || wide[i].grad === null) throw new Error('no gradient');
          expectClose(t.grad, numbers(wide[i].grad), 2e-4);
        });
      }),
    );
  });

  test('one kernel forward, none of them with the matrix of weights', () =>
    run(() => {
      const [q, k, v] = operands({ ...base, lead: [2, 4], features: 16, valueFeatures: 16 });
      const padding = randn([2, 1, 1, 7]).gt(0);
      const added = randn([5, 7]);
      for (const t of [q, k, v, padding, added]) numbers(t);
      const kernels = (out: Tensor) => explain(out).kernels.map((x) => x.name);
      expect(kernels(F.scaledDotProductAttention(q, k, v))).toEqual(['attention']);
      expect(kernels(F.scaledDotProductAttention(q, k, v, { isCausal: true }))).toEqual(['attention']);
      expect(kernels(F.scaledDotProductAttention(q, k, v, { attnMask: padding }))).toEqual(['attention']);
      expect(kernels(F.scaledDotProductAttention(q, k, v, { attnMask: added }))).toEqual(['attention']);
      expect(kernels(F.scaledDotProductAttention(q, k, v, { dropoutP: 0.1 }))).toEqual(['attention']);
      const [k2, v2] = [k, v].map((t) => t.narrow(1, 0, 2));
      expect(kernels(F.scaledDotProductAttention(q, k2, v2, { enableGqa: true }))).toEqual(['attention']);
    }));

  test('parts of a fused projection are read where they are', () =>
    run(() => {
      const qkv = randn([2, 9, 3, 4, 8]);
      numbers(qkv);
      const [q, k, v] = [0, 1, 2].map((i) => qkv.select(2, i).transpose(1, 2));
      const out = F.scaledDotProductAttention(q, k, v).transpose(1, 2).reshape([2, 9, 32]);
      expect(explain(out).kernels.map((x) => x.name)).toContain('attention');
      const apart = [q, k, v].map((t) => tensor(numbers(t)).reshape(t.shape));
      const expected = F.scaledDotProductAttention(apart[0], apart[1], apart[2])
        .transpose(1, 2)
        .reshape([2, 9, 32]);
      expect(numbers(out)).toEqual(numbers(expected));
    }));

  test('the backward pass is one kernel and the sums that go into it', () =>
    run(() => {
      const [q, k, v] = operands({ ...base, lead: [2, 4] }).map((t) => t.requiresGrad_());
      const grad = randn([2, 4, 5, 6]);
      const out = F.scaledDotProductAttention(q, k, v, { isCausal: true });
      for (const t of [q, k, v, grad, out]) numbers(t);
      out.backward(grad);
      const grads = [q, k, v].map((t) => {
        if (t.grad === null) throw new Error('no gradient');
        return t.grad;
      });
      const names = explain(...grads).kernels.map((x) => x.name);
      expect(names.filter((x) => x === 'attentionGrad').length).toBe(1);
      expect(names.length).toBe(2);
    }));

  test('a row does not depend on what is computed with it', () =>
    run(() => {
      const c = { ...base, lead: [3], queries: 50, keys: 200, isCausal: true };
      const [q, k, v] = operands(c);
      const all = F.scaledDotProductAttention(q, k, v, { isCausal: true });
      for (const count of [1, 3, 11, 40]) {
        const few = F.scaledDotProductAttention(q.narrow(1, 0, count), k, v, { isCausal: true });
        expect(numbers(few)).toEqual(numbers(all.narrow(1, 0, count)));
      }
      const one = F.scaledDotProductAttention(q.select(0, 1), k.select(0, 1), v.select(0, 1), {
        isCausal: true,
      });
      expect(numbers(one)).toEqual(numbers(all.select(0, 1)));
    }));

  test('a query that masks let see nothing has zeros and no gradient', () =>
    run(() => {
      const [q, k, v] = operands(base).map((t) => t.requiresGrad_());
      const attnMask = tensor(Array.from({ length: 5 }, (_, i) => Array.from({ length: 7 }, () => i !== 2)));
      const out = F.scaledDotProductAttention(q, k, v, { attnMask });
      expect(numbers(out.select(1, 2)).every((x) => x === 0)).toBe(true);
      expect(numbers(out.select(1, 1)).some((x) => x !== 0)).toBe(true);
      out.sum().backward();
      if (q.grad === null) throw new Error('no gradient');
      expect(numbers(q.grad.select(1, 2)).every((x) => x === 0)).toBe(true);
      expect(numbers(q.grad).every(Number.isFinite)).toBe(true);
    }));

  test('NaN and infinity go the way they go through a softmax', () =>
    run(() => {
      const k = tensor([[1], [1]]);
      const v = tensor([[1], [2]]);
      const at = (x: number) => numbers(F.scaledDotProductAttention(tensor([[x], [0]]), k, v));
      expect(at(Number.NaN)).toEqual([Number.NaN, 1.5]);
      expect(at(Number.NEGATIVE_INFINITY)).toEqual([Number.NaN, 1.5]);
      expect(at(Number.POSITIVE_INFINITY)).toEqual([Number.NaN, 1.5]);
      const hidden = tensor([
        [true, false],
        [true, true],
      ]);
      const far = tensor([[1], [Number.NaN]]);
      expect(numbers(F.scaledDotProductAttention(k, far, v, { attnMask: hidden }))[0]).toBe(1);
    }));

  test('a mask of the lowest number hides keys as long as others are seen, and weighs all alike where none is', () =>
    run(() => {
      const lowest = -3.4028234663852886e38;
      const [queries, keys] = [20, 19];
      const q = zeros([1, queries, 4]);
      const v = randn([1, keys, 4]);
      const hidden = Array.from({ length: queries }, (_, i) =>
        Array.from({ length: keys }, (_x, j) => (i === 0 || j > 0 ? lowest : 0)),
      );
      const y = F.scaledDotProductAttention(q, zeros([1, keys, 4]), v, { attnMask: tensor(hidden) });
      const [mean, first] = [numbers(v.mean(1)), numbers(v.index(0, 0))];
      numbers(y.index(0, 0)).forEach((x, i) => {
        expect(x).toBeCloseTo(mean[i], 5);
      });
      expect(numbers(y.index(0, 1))).toEqual(first);
    }));

  test('scores of any size neither overflow nor vanish', () =>
    run(() => {
      const q = tensor([[1000], [-1000]]);
      const k = tensor([[1], [2], [3]]);
      expect(numbers(F.scaledDotProductAttention(q, k, tensor([[1], [2], [3]]), { scale: 1 }))).toEqual([
        3, 1,
      ]);
    }));

  test('dropout is that of the weights under the same seed, in both directions', () =>
    run(() => {
      const c = { ...base, lead: [2, 3], queries: 37, keys: 150 };
      const [q, k, v] = operands(c);
      const grad = randn([2, 3, 37, 6]);
      const results = [true, false].map((isOne) => {
        manualSeed(11);
        const [a, b, d] = [q, k, v].map((t) => t.clone().requiresGrad_());
        const weights = () => a.matmul(b.transpose(-1, -2)).mul(0.5).softmax(-1);
        const out = isOne
          ? F.scaledDotProductAttention(a, b, d, { dropoutP: 0.3 })
          : F.dropout(weights(), 0.3).matmul(d);
        out.backward(grad);
        return [out, a.grad, b.grad, d.grad].map((t) => {
          if (t === null) throw new Error('no gradient');
          return t;
        });
      });
      results[0].forEach((t, i) => {
        expectClose(t, numbers(results[1][i]), 2e-5);
      });
      const all = F.scaledDotProductAttention(q, k, v, { dropoutP: 1 });
      expect(numbers(all).every((x) => x === 0)).toBe(true);
    }));

  test.each(['float16', 'bfloat16'] as const)('%s is rounded once, at the end', (dtype) =>
    run(() => {
      const c = { ...base, queries: 20, keys: 50 };
      const [q, k, v] = operands(c).map((t) => t.to(dtype));
      const out = F.scaledDotProductAttention(q, k, v);
      expect(out.dtype).toBe(dtype);
      const exact = plain(c, numbers(q), numbers(k), numbers(v), null, false);
      expectClose(out, exact, dtype === 'float16' ? 1e-3 : 8e-3);
      const [a, b, d] = [q, k, v].map((t) => t.clone().requiresGrad_());
      F.scaledDotProductAttention(a, b, d).sum().backward();
      for (const t of [a, b, d]) expect(t.grad?.dtype).toBe(dtype);
    }),
  );

  test('grouped queries: gradients of shared heads are sums', () =>
    run(() => {
      const [q, k, v] = [randn([2, 6, 5, 4]), randn([2, 2, 7, 4]), randn([2, 2, 7, 3])];
      const results = [true, false].map((isGrouped) => {
        const [a, b, d] = [q, k, v].map((t) => t.clone().requiresGrad_());
        const wide = (t: Tensor) => t.repeatInterleave(3, 1);
        const out = isGrouped
          ? F.scaledDotProductAttention(a, b, d, { enableGqa: true })
          : F.scaledDotProductAttention(a, wide(b), wide(d));
        out.square().sum().backward();
        return [out, a.grad, b.grad, d.grad].map((t) => {
          if (t === null) throw new Error('no gradient');
          return t;
        });
      });
      results[0].forEach((t, i) => {
        expectClose(t, numbers(results[1][i]), 1e-4);
      });
    }));

  test('operands are broadcast over leading dimensions', () =>
    run(() => {
      const [q, k, v] = [randn([2, 1, 5, 4]), randn([3, 7, 4]), randn([7, 6])];
      const out = F.scaledDotProductAttention(q, k, v);
      expect(out.shape).toEqual([2, 3, 5, 6]);
      const one = F.scaledDotProductAttention(q.select(0, 1).select(0, 0), k.select(0, 2), v);
      expect(numbers(out.select(0, 1).select(0, 2))).toEqual(numbers(one));
    }));
});

onEveryEngine('derivatives of attention', ({ run }) => {
  const options = { attnMask: null, isCausal: true };

  test('first and second, of float64, against differences', () =>
    run(() => {
      manualSeed(5);
      const at = (shape: number[]) => randn(shape, { dtype: 'float64' }).requiresGrad_();
      const [q, k, v] = [at([3, 2]), at([4, 2]), at([4, 3])];
      const f = (a: Tensor, b: Tensor, c: Tensor) => F.scaledDotProductAttention(a, b, c, options);
      expect(autograd.gradcheck(f, [q, k, v])).toBe(true);
      expect(autograd.gradgradcheck(f, [q, k, v])).toBe(true);
    }));

  test('of a mask that is added', () =>
    run(() => {
      manualSeed(6);
      const at = (shape: number[]) => randn(shape, { dtype: 'float64' }).requiresGrad_();
      const [q, k, v, attnMask] = [at([2, 3, 2]), at([2, 4, 2]), at([2, 4, 3]), at([3, 4])];
      const f = (a: Tensor, b: Tensor, c: Tensor, m: Tensor) =>
        F.scaledDotProductAttention(a, b, c, { attnMask: m });
      expect(autograd.gradcheck(f, [q, k, v, attnMask])).toBe(true);
      expect(autograd.gradgradcheck(f, [q, k, v, attnMask])).toBe(true);
    }));

  test('with dropout', () =>
    run(() => {
      const at = (shape: number[]) => randn(shape, { dtype: 'float64' }).requiresGrad_();
      const [q, k, v] = [at([3, 2]), at([4, 2]), at([4, 3])];
      const f = (a: Tensor, b: Tensor, c: Tensor) => {
        manualSeed(9);
        return F.scaledDotProductAttention(a, b, c, { dropoutP: 0.4 });
      };
      expect(autograd.gradcheck(f, [q, k, v])).toBe(true);
      expect(autograd.gradgradcheck(f, [q, k, v])).toBe(true);
    }));
});

onEveryEngine('memory of attention', ({ name, space, run }) => {
  test('is linear in the length, in both directions', () =>
    run(() => {
      // The reference computes what a plan says, without its memory.
      if (name === 'reference') return;
      const arenas = (length: number): readonly number[] => {
        const [q, k, v] = [0, 1, 2].map(() => zeros([1, length, 16]).requiresGrad_());
        for (const t of [q, k, v]) numbers(t);
        const out = F.scaledDotProductAttention(q, k, v, { isCausal: true });
        const forward = explain(out).memory.arenaBytes;
        numbers(out);
        out.sum().backward();
        if (k.grad === null) throw new Error('no gradient');
        const backward = explain(k.grad).memory.arenaBytes;
        expect(numbers(k.grad)[0]).toBe(0);
        return [forward, backward];
      };
      const half = arenas(2048);
      // Each thread has a workspace of its own; weights would be four times as many.
      arenas(4096).forEach((bytes, i) => {
        expect(bytes).toBeGreaterThan(0);
        expect(bytes / half[i]).toBeLessThan(2.1);
      });
    }));

  test('one kernel serves all lengths but few queries, which have narrower panels', () =>
    run(() => {
      const at = (rows: number, keys: number) => {
        const [q, k, v] = operands({ ...base, queries: rows, keys });
        numbers(F.scaledDotProductAttention(q, k, v));
      };
      at(8, 8);
      at(100, 8);
      const before = space.engine.backend.compiledKernels;
      at(8, 8);
      at(200, 9);
      at(6, 170);
      expect(space.engine.backend.compiledKernels).toBe(before);
    }));
});

test('MultiheadAttention with padding and causality keeps no matrix of masks', () => {
  const layer = new nn.MultiheadAttention(16, 2, { batchFirst: true });
  const x = randn([3, 5, 16]);
  const keyPaddingMask = tensor([
    [false, false, false, false, true],
    [false, false, false, true, true],
    [false, false, false, false, false],
  ]);
  const { attnOutput } = layer.forward(x, x, x, { isCausal: true, keyPaddingMask });
  const cut = layer.forward(x.narrow(1, 0, 3), x.narrow(1, 0, 3), x.narrow(1, 0, 3), { isCausal: true });
  expectClose(attnOutput.narrow(1, 0, 3), numbers(cut.attnOutput), 1e-5);
});
