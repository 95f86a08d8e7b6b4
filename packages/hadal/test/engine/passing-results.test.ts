/** Of an op with several results, those that only pass through a run have no memory of their own; those that are needed later have. */
import { describe, expect, test, vi } from 'vitest';
import { functional as F, nn, randn, scan, stack, tensor } from '../../src/index.js';
import { type Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';
import { numbers } from '../support/tensors.js';

/** The ops whose values had memory of their own after the runs in `body`. */
function writtenOps({ engine }: Workspace, body: () => void): string[] {
  engine.realize([]);
  const runs = vi.spyOn(engine, 'execute');
  try {
    body();
    engine.realize([]);
    return runs.mock.calls.flatMap(([{ plan }, , , captured]) =>
      plan.outputs.map(({ node }) => captured?.nodes[node].op.name ?? 'unknown'),
    );
  } finally {
    runs.mockRestore();
  }
}

forEachEngine('results of an op that has several', (space) => {
  const run = (body: () => void) => () => withWorkspace(space, body);

  describe('on the way to gradients', () => {
    test(
      'of attention go to shared memory',
      run(() => {
        const project = new nn.Linear(8, 24);
        const x = randn([2, 5, 8]);
        const written = writtenOps(space, () => {
          const [q, k, v] = project.forward(x).reshape([2, 5, 3, 2, 4]).permute([2, 0, 3, 1, 4]).unbind(0);
          F.scaledDotProductAttention(q, k, v).square().sum().backward();
        });
        expect(project.weight.grad?.shape).toEqual([24, 8]);
        expect(written).not.toContain('attentionGrad');
        expect(written).not.toContain('result');
      }),
    );

    test(
      'of a scan go to shared memory',
      run(() => {
        const cell = new nn.Linear(6, 6);
        const steps = randn([7, 2, 6]);
        const written = writtenOps(space, () => {
          const { carry } = scan(
            (state, slice) => {
              const next = cell.forward(state).add(slice).tanh();
              return [next, next];
            },
            tensor([
              [0, 0, 0, 0, 0, 0],
              [0, 0, 0, 0, 0, 0],
            ]),
            steps,
          );
          carry.square().sum().backward();
        });
        expect(cell.weight.grad?.shape).toEqual([6, 6]);
        // What the user has been given, and nothing of what the steps keep for the gradient.
        expect(written.filter((name) => name === 'result')).toHaveLength(1);
      }),
    );
  });

  test(
    'that a value of the user rests on are kept for it',
    run(() => {
      const x = tensor([
        [3, 1, 2],
        [5, 9, 7],
      ]);
      const { values } = space.engine.pending.onTheWay(() => x.sort());
      const doubled = values.mul(2);
      const total = doubled.sum();
      expect(total.itemSync()).toBe(54);
      x.mul_(-1);
      expect(numbers(x)).toEqual([-3, -1, -2, -5, -9, -7]);
      expect(numbers(doubled)).toEqual([2, 4, 6, 10, 14, 18]);
    }),
  );

  test(
    'that something outside of the run uses are kept for it',
    run(() => {
      const x = tensor([3, 1, 2]);
      const sorted = space.engine.pending.onTheWay(() => x.sort());
      const later = sorted.indices.add(1);
      const now = sorted.values.mul(10);
      // Alone, before what is pending with it.
      space.engine.materialize(now.storage.node);
      expect(numbers(now)).toEqual([10, 20, 30]);
      expect(numbers(later)).toEqual([2, 3, 1]);
      expect(numbers(stack([later, later]))).toEqual([2, 3, 1, 2, 3, 1]);
    }),
  );
});
