/** Leaves whose gradients are one value, as those of a sum are: what is done to one gradient in place does not show in the other. */
import { expect, test } from 'vitest';
import { known } from '../../src/base/errors.js';
import { compile, noGrad, type Tensor, tensor } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';
import { numbers } from '../support/tensors.js';

const leaf = (values: number[]): Tensor => tensor(values, { requiresGrad: true });
const gradOf = (t: Tensor): Tensor => known(t.grad, 'a gradient');

forEachEngine('leaves with one gradient', (space) => {
  const run = (body: () => void) => () => withWorkspace(space, body);
  const pair = (): [Tensor, Tensor] => {
    const [a, b] = [leaf([1, 2, 3]), leaf([4, 5, 6])];
    a.add(b)
      .mul(tensor([2, 3, 4]))
      .sum()
      .backward();
    return [a, b];
  };

  for (const looked of ['neither', 'one', 'both', 'one, before its update']) {
    test(
      `an update in place of one leaves the other, ${looked} read before`,
      run(() => {
        const [a, b] = pair();
        if (looked === 'one' || looked === 'both') numbers(gradOf(a));
        if (looked === 'both') numbers(gradOf(b));
        noGrad(() => gradOf(a).mul_(2));
        if (looked === 'one, before its update') numbers(gradOf(a));
        noGrad(() => gradOf(a).add_(1));
        expect(numbers(gradOf(a))).toEqual([5, 7, 9]);
        expect(numbers(gradOf(b))).toEqual([2, 3, 4]);
        noGrad(() => gradOf(b).zero_());
        expect(numbers(gradOf(a))).toEqual([5, 7, 9]);
        expect(numbers(gradOf(b))).toEqual([0, 0, 0]);
      }),
    );
  }

  test(
    'gradients that add up go their own ways',
    run(() => {
      const [a, b] = pair();
      numbers(gradOf(a));
      a.mul(10).sum().backward();
      expect(numbers(gradOf(a))).toEqual([12, 13, 14]);
      expect(numbers(gradOf(b))).toEqual([2, 3, 4]);
      a.grad = null;
      expect(numbers(gradOf(b))).toEqual([2, 3, 4]);
    }),
  );

  test(
    'one tensor given to two leaves is shared, as it is in PyTorch',
    run(() => {
      const [a, b] = [leaf([1, 2]), leaf([3, 4])];
      const shared = tensor([5, 6]);
      a.grad = shared;
      b.grad = shared;
      noGrad(() => gradOf(a).mul_(2));
      expect(numbers(gradOf(b))).toEqual([10, 12]);
      expect(numbers(shared)).toEqual([10, 12]);
    }),
  );

  test(
    'a compiled update of one leaves the other',
    run(() => {
      const [a, b] = pair();
      numbers(gradOf(a));
      const double = compile((x: Tensor) => x.mul_(2).sum());
      for (let i = 0; i < 3; i++) noGrad(() => double(gradOf(a))).itemSync();
      expect(numbers(gradOf(a))).toEqual([16, 24, 32]);
      expect(numbers(gradOf(b))).toEqual([2, 3, 4]);
    }),
  );
});
