/** Scans: every dtype, every dimension, and what is fused around them. */
import { describe, expect, test } from 'vitest';
import {
  autograd,
  DTypeError,
  explain,
  fromTypedArray,
  slice,
  type Tensor,
  tensor,
} from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { dtypes } from '../support/dtypes.js';
import { forEachEngine } from '../support/engines.js';
import { elements, finite, sameOnAllEngines } from './agree.js';

const shapes = [[37], [5, 40], [3, 21, 11], [2, 3, 1], [4, 0], [0, 4], [1, 1]];

function everyDim(x: Tensor, dtype?: 'float32'): Tensor[] {
  return x.shape.map((_, d) => x.cumsum(d, dtype === undefined ? {} : { dtype }));
}

describe('cumsum', () => {
  for (const dtype of dtypes) {
    sameOnAllEngines(`of ${dtype}`, () => shapes.flatMap((shape) => everyDim(finite(dtype, shape))));
    if (dtype === 'bool') continue;
    sameOnAllEngines(`into ${dtype}`, () => [finite('int32', [4, 30]).cumsum(1, { dtype })]);
  }

  test('is not for bools', () => {
    expect(() => finite('int32', [3]).cumsum(0, { dtype: 'bool' })).toThrow(DTypeError);
  });

  sameOnAllEngines('after NaN and infinity', () => everyDim(elements('float32', [3, 50])));

  sameOnAllEngines('long lines', () => [
    finite('float32', [100_000]).cumsum(0),
    finite('float16', [5000]).cumsum(0),
    finite('float32', [3000, 19]).cumsum(0),
  ]);

  sameOnAllEngines('views', () => {
    const x = finite('float32', [20, 30]);
    return [
      x.t().cumsum(1),
      x.flip([0]).cumsum(0).flip([0]),
      x.index(':', slice(2, 30, 4)).cumsum(1),
      x.index(3).expand([4, 30]).cumsum(0),
    ];
  });

  sameOnAllEngines('what is read and what is made of it', () => {
    const x = finite('float32', [9, 33]);
    const y = finite('float32', [9, 33], 5);
    const sums = x.mul(y).relu().cumsum(1);
    return [sums, sums.mul(0.5).add(y), x.sub(y).cumsum(0).relu().sum(1)];
  });

  sameOnAllEngines('a scan that replaces what it reads', () => {
    const x = finite('float32', [7, 12]);
    x.dataSync();
    x.copy_(x.cumsum(1).add(x));
    const y = finite('float32', [7, 12]);
    y.dataSync();
    y.copy_(y.flip([0]).cumsum(0));
    return [x, y];
  });

  sameOnAllEngines('its gradients', () => {
    const x = finite('float64', [4, 9]).requiresGrad_();
    const [g] = autograd.grad(
      x
        .mul(x)
        .cumsum(1)
        .mul(finite('float64', [4, 9], 3))
        .sum(),
      x,
      {
        createGraph: true,
      },
    );
    return [g, ...autograd.grad(g.mul(g).sum(), x)];
  });
});

describe('other running values', () => {
  for (const dtype of dtypes) {
    if (dtype === 'bool') continue;
    sameOnAllEngines(`extrema of ${dtype}`, () => {
      const some = [elements(dtype, [5, 40]), elements(dtype, [3, 21, 11]), elements(dtype, [0, 3])];
      return some.flatMap((x) => x.shape.flatMap((_, d) => [...x.cummax(d), ...x.cummin(d)]));
    });
    sameOnAllEngines(`products of ${dtype}`, () => {
      const some = [finite(dtype, [5, 40]), elements(dtype, [2, 9, 11]), finite(dtype, [3, 0])];
      return some.flatMap((x) => x.shape.flatMap((_, d) => [x.cumprod(d), x.cumprod(d, { dtype })]));
    });
  }

  test('bools have neither', () => {
    expect(() => tensor([true, false]).cummax(0)).toThrow(DTypeError);
    expect(() => tensor([true, false]).cumprod(0, { dtype: 'bool' })).toThrow(DTypeError);
  });
});

const smooth = (x: Tensor): Tensor => x.mul(x).add(x.mul(0.3));
const differentiated: { readonly [name: string]: (x: Tensor) => Tensor } = {
  cumsum: (x) => smooth(x.cumsum(0)).add(x.cumsum(1)),
  cumprod: (x) => smooth(x.cumprod(1)),
  'cumprod through zeros': (x) => x.mul(tensor([[1, 0, 1, 1, 0]], { dtype: 'float64' })).cumprod(1),
  logcumsumexp: (x) => smooth(x.logcumsumexp(1)),
  cummax: (x) => smooth(x.cummax(1).values),
  cummin: (x) => smooth(x.cummin(0).values),
  sort: (x) => smooth(x.sort(1).values).mul(tensor([1, 2, 3, 4, 5], { dtype: 'float64' })),
  topk: (x) => smooth(x.topk(2, 0).values),
  kthvalue: (x) => smooth(x.kthvalue(2, 1).values),
};

forEachEngine('gradients by finite differences', (space) => {
  test.each(Object.entries(differentiated))('%s', (_, f) =>
    withWorkspace(space, () => {
      const data = Float64Array.from({ length: 20 }, (_x, i) => Math.sin(i * 2.1) * 1.5 + i / 97);
      const x = fromTypedArray(data, [4, 5]).requiresGrad_();
      expect(autograd.gradcheck(f, [x])).toBe(true);
      expect(autograd.gradgradcheck(f, [x])).toBe(true);
    }),
  );
});

forEachEngine('scanning', (space) => {
  test('is one kernel with what is around it', () =>
    withWorkspace(space, () => {
      const x = finite('float32', [6, 100]);
      const shown = explain(x.mul(2).relu().cumsum(1).add(1).relu());
      expect(shown.kernels.map((k) => k.name)).toEqual([expect.stringMatching(/^scan_/)]);
      const apart = explain(x.exp().cumsum(1).mul(2).log());
      expect(apart.kernels.map((k) => k.name)).toEqual([
        expect.stringMatching(/^map_/),
        expect.stringMatching(/^scan_/),
        expect.stringMatching(/^map_/),
      ]);
    }));
});
