/** Sorts: every way of sorting, every dtype, and what is fused around them. */
import { describe, expect, test } from 'vitest';
import { arange, explain, full, slice, type Tensor, tensor } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { dtypes } from '../support/dtypes.js';
import { forEachEngine } from '../support/engines.js';
import { elements, sameOnAllEngines } from './agree.js';

function both(x: Tensor, dim: number, descending: boolean): Tensor[] {
  const { values, indices } = x.sort(dim, { descending });
  return [values, indices, x.argsort(dim, { descending })];
}

describe('sorts', () => {
  for (const dtype of dtypes) {
    for (const length of [5, 70, 400]) {
      sameOnAllEngines(`${dtype}, lines of ${length}`, () => {
        const x = elements(dtype, [3, length]);
        return [...both(x, 1, false), ...both(x, 1, true)];
      });
    }
    sameOnAllEngines(`${dtype} down columns, and along a middle dimension`, () => [
      ...both(elements(dtype, [40, 7]), 0, false),
      ...both(elements(dtype, [2, 90, 3]), 1, true),
    ]);
  }

  sameOnAllEngines('sizes 0 and 1', () => [
    ...both(elements('float32', [0]), 0, false),
    ...both(elements('float32', [3, 0]), 1, false),
    ...both(elements('float32', [0, 3]), 1, true),
    ...both(elements('float32', [1]), 0, false),
    ...both(elements('int64', [4, 1]), 1, true),
    ...both(elements('float64', [1, 1, 1]), 0, false),
  ]);

  sameOnAllEngines('lines of one value', () => [
    ...both(elements('float32', [2, 300]).mul(0).nanToNum(), 1, false),
    ...both(tensor(new Array(200).fill(-7n)), 0, true),
  ]);

  sameOnAllEngines('views', () => {
    const x = elements('float32', [64, 48]);
    return [
      ...both(x.t(), 1, false),
      ...both(x.flip([1]), 1, true),
      ...both(x.index(':', slice(1, 40, 3)), 0, false),
      ...both(x.index(5).expand([3, 48]), 1, false),
    ];
  });

  sameOnAllEngines('what is read and what is made of it', () => {
    const x = elements('float32', [6, 100]);
    const y = elements('float32', [6, 100], 7);
    const { values, indices } = x.mul(y).add(1).sort(1);
    return [values.mul(2).add(y), indices.add(3), x.argsort(1).to('float32').sub(y)];
  });

  sameOnAllEngines('a sort that replaces what it sorts', () => {
    const x = elements('float32', [4, 50]);
    x.dataSync();
    x.copy_(x.sort(1).values);
    const y = elements('int32', [30]);
    y.dataSync();
    y.copy_(y.argsort(0).to('int32'));
    return [x, y];
  });

  sameOnAllEngines('topk, kthvalue, median', () => {
    const x = elements('float32', [5, 333]);
    const top = x.topk(7, 1);
    const low = x.topk(40, 1, { largest: false });
    return [
      top.values,
      top.indices,
      low.values,
      low.indices,
      x.kthvalue(9, 1).values,
      x.median(1).values,
      elements('int64', [90]).topk(90, 0).values,
      elements('float32', [3, 5]).topk(0, 1).values,
    ];
  });

  for (const dtype of dtypes) {
    sameOnAllEngines(`a few ${dtype} of long lines`, () => {
      const x = elements(dtype, [2, 1700]);
      return [
        ...Object.values(x.topk(10, 1)),
        ...Object.values(x.topk(400, 1, { largest: false })),
        elements(dtype, [1100, 3]).topk(3, 0).indices,
        x.argsort(1),
      ] as Tensor[];
    });
  }

  sameOnAllEngines('a few of lines in order, in reverse order, of one value, and of the least value', () => {
    const up = arange(5000, { dtype: 'float32' }).reshape([1, 5000]);
    const least = full([3000], -(2 ** 31), { dtype: 'int32' });
    return [
      ...[up, up.neg(), up.mul(0)].flatMap((x) => Object.values(x.topk(700, 1)) as Tensor[]),
      least.topk(5, 0, { largest: false }).indices,
      least.topk(5, 0).indices,
      up.t().mul(2).topk(3, 0).values,
    ];
  });
});

forEachEngine('sorting', (space) => {
  test('is one kernel with what is around it', () =>
    withWorkspace(space, () => {
      const x = elements('float32', [6, 100]);
      const { values, indices } = x.mul(2).sort(1);
      const shown = explain(values.add(1), indices);
      expect(shown.kernels.map((k) => k.name)).toEqual([expect.stringMatching(/^sort_/)]);
    }));
});
