/** float64 and integers of 64 bits have no vectors: what passes through them on the way must not be vectorised. */
import { expect, test } from 'vitest';
import { full, noGrad, ones, tensor, zeros } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

forEachEngine('a value that passes through a dtype without vectors', (space) => {
  const list = (t: { dataSync(): ArrayLike<number | bigint> }) => Array.from(t.dataSync(), Number);

  test.each(['float64', 'int64', 'uint32'] as const)('%s, after a sum down columns', (dtype) => {
    withWorkspace(space, () => {
      expect(list(ones([5, 40]).sum(0).to(dtype).to('float32'))).toEqual(new Array(40).fill(5));
    });
  });

  test.each(['float64', 'int64', 'uint32'] as const)('%s, after a product', (dtype) => {
    withWorkspace(space, () => {
      const y = ones([3, 4])
        .matmul(ones([4, 40]))
        .to(dtype)
        .to('float32');
      expect(list(y)).toEqual(new Array(120).fill(4));
    });
  });

  test('running statistics beside a copy in float64', () => {
    withWorkspace(space, () => {
      const x = tensor([
        [1, 2, 3, 4],
        [3, 4, 5, 8],
      ]).mul(1);
      const [a, b] = [zeros([4]), full([4], 9)];
      const v = x
        .sub(x.mean([0], { keepdim: true }))
        .square()
        .mean([0]);
      noGrad(() => {
        a.add_(v.mul(1.25).sub(a.detach()).mul(0.5));
        b.copy_(a.to('float64'));
      });
      expect(list(b)).toEqual([0.625, 0.625, 0.625, 2.5]);
      expect(list(a)).toEqual([0.625, 0.625, 0.625, 2.5]);
    });
  });
});
