import { describe, expect, test } from 'vitest';
import { manualSeed, nn, ShapeError, type Tensor, tensor, zeros } from '../../src/index.js';
import { numbers } from '../support/tensors.js';

const { init, utils } = nn;

function deviation(t: Tensor): number {
  const values = numbers(t);
  return Math.sqrt(values.reduce((a, v) => a + v * v, 0) / values.length);
}

describe('init', () => {
  const weight = (): nn.Parameter => new nn.Parameter(zeros([50, 20, 3]));

  test.each<[string, (t: nn.Parameter) => Tensor, number]>([
    ['xavierUniform_', (t) => init.xavierUniform_(t, { gain: 2 }), 2 * Math.sqrt(2 / 210)],
    ['xavierNormal_', (t) => init.xavierNormal_(t), Math.sqrt(2 / 210)],
    ['kaimingUniform_', (t) => init.kaimingUniform_(t, { nonlinearity: 'relu' }), Math.sqrt(2 / 60)],
    ['kaimingNormal_', (t) => init.kaimingNormal_(t, { mode: 'fanOut' }), Math.sqrt(2 / 150)],
    ['normal_', (t) => init.normal_(t, 0, 0.5), 0.5],
    ['uniform_', (t) => init.uniform_(t, -3, 3), Math.sqrt(3)],
  ])('%s has its standard deviation, and the parameter stays a leaf', (_, fill, std) => {
    manualSeed(8);
    const w = weight();
    expect(fill(w)).toBe(w);
    expect(Math.abs(deviation(w) / std - 1)).toBeLessThan(0.05);
    expect([w.isLeaf, w.requiresGrad]).toEqual([true, true]);
  });

  test('constants and the identity', () => {
    const w = new nn.Parameter(zeros([2, 3]));
    expect(numbers(init.ones_(w))).toEqual([1, 1, 1, 1, 1, 1]);
    expect(numbers(init.constant_(w, 2.5))).toEqual([2.5, 2.5, 2.5, 2.5, 2.5, 2.5]);
    expect(numbers(init.eye_(w))).toEqual([1, 0, 0, 0, 1, 0]);
    expect(numbers(init.zeros_(w))).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test.each([
    [4, 9],
    [9, 4],
    [5, 5],
  ])('orthogonal_ of %d x %d', (rows, columns) => {
    const w = init.orthogonal_(zeros([rows, columns]), { gain: 2 });
    const product = rows <= columns ? w.matmul(w.t()) : w.t().matmul(w);
    const size = Math.min(rows, columns);
    numbers(product).forEach((v, i) => {
      expect(v).toBeCloseTo(i % (size + 1) === 0 ? 4 : 0, 4);
    });
  });

  test('gains are those of PyTorch', () => {
    expect(init.calculateGain('relu')).toBeCloseTo(Math.SQRT2);
    expect(init.calculateGain('leakyRelu', 1)).toBe(1);
    expect(init.calculateGain('tanh')).toBeCloseTo(5 / 3);
    expect(() => init.kaimingNormal_(zeros([3]))).toThrow(ShapeError);
  });
});

describe('utils', () => {
  function withGradients(): Tensor[] {
    const list = [tensor([3, 0], { requiresGrad: true }), tensor([[4]], { requiresGrad: true })];
    for (const p of list) p.mul(p).mul(0.5).sum().backward();
    return list;
  }

  test('clipGradNorm_ of gradients whose squares float16 cannot hold', () => {
    const p = tensor([300, 400], { dtype: 'float16', requiresGrad: true });
    p.mul(p).mul(0.5).sum().backward();
    expect(utils.clipGradNorm_([p], 1).itemSync()).toBe(500);
    expect(p.grad?.tolistSync()).toEqual([0.60009765625, 0.80029296875]);
  });

  test('clipGradNorm_ scales all gradients together', () => {
    const list = withGradients();
    expect(utils.clipGradNorm_(list, 10).itemSync()).toBe(5);
    expect(list.map((p) => numbers(p.grad as Tensor))).toEqual([[3, 0], [4]]);
    expect(utils.clipGradNorm_(list, 1, { normType: Number.POSITIVE_INFINITY }).itemSync()).toBe(4);
    numbers(list[0].grad as Tensor).forEach((g, i) => {
      expect(g).toBeCloseTo([0.75, 0][i], 5);
    });
    expect(utils.clipGradNorm_([zeros([2])], 1).itemSync()).toBe(0);
  });

  test('clipGradValue_ cuts', () => {
    const list = withGradients();
    utils.clipGradValue_(list, 3.5);
    expect(list.map((p) => numbers(p.grad as Tensor))).toEqual([[3, 0], [3.5]]);
  });

  test('parameters go to a vector and back', () => {
    const list = [tensor([1, 2], { requiresGrad: true }), tensor([[3], [4]], { requiresGrad: true })];
    const vector = utils.parametersToVector(list);
    expect(numbers(vector)).toEqual([1, 2, 3, 4]);
    utils.vectorToParameters(vector.detach().mul(10), list);
    expect(list.map(numbers)).toEqual([
      [10, 20],
      [30, 40],
    ]);
    expect(() => utils.vectorToParameters(zeros([3]), list)).toThrow(ShapeError);
  });
});
