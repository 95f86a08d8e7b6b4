/** What must hold for every expression: gradients are differences, of both orders; several ways to one gradient agree. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { autograd, type Tensor, tensor } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

/** An expression of two tensors of shapes [2, 3] and [3]: smooth, and of moderate size wherever its operands are. */
interface Expression {
  readonly text: string;
  readonly of: (x: Tensor, w: Tensor) => Tensor;
}

const operand = (text: string, of: Expression['of']): Expression => ({ text, of });

const leaves = fc.constantFrom(
  operand('x', (x) => x),
  operand('w', (_, w) => w),
  operand('x[1]', (x) => x.select(0, 1)),
  operand('x.flip', (x) => x.permute([1, 0]).reshape([3, 2]).permute([1, 0])),
);

const unary = fc.constantFrom<readonly [string, (t: Tensor) => Tensor]>(
  ['tanh', (t) => t.tanh()],
  ['sigmoid', (t) => t.sigmoid()],
  ['exp of tanh', (t) => t.tanh().exp()],
  ['log of 1 + square', (t) => t.square().add(1).log()],
  ['sum and back', (t) => t.sum(-1, { keepdim: true }).expand(t.shape)],
  ['mean', (t) => t.mean(-1, { keepdim: true })],
  ['in place', (t) => t.clone().mul_(0.5).add_(1)],
  ['in place on a part', (t) => part(t)],
  ['neg', (t) => t.neg()],
);

function part(t: Tensor): Tensor {
  const copy = t.clone();
  copy.narrow(-1 + copy.ndim, 0, 1).mul_(copy.narrow(-1 + copy.ndim, 0, 1).clone());
  return copy;
}

const binary = fc.constantFrom<readonly [string, (a: Tensor, b: Tensor) => Tensor]>(
  ['+', (a, b) => a.add(b)],
  ['-', (a, b) => a.sub(b)],
  ['*', (a, b) => a.mul(b)],
  ['/', (a, b) => a.div(b.square().add(1))],
);

const expressions = fc.letrec<{ tree: Expression }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaves,
    fc
      .tuple(unary, tie('tree'))
      .map(([[name, f], e]) => operand(`${name}(${e.text})`, (x, w) => f(e.of(x, w)))),
    fc
      .tuple(binary, tie('tree'), tie('tree'))
      .map(([[name, f], a, b]) =>
        operand(`(${a.text} ${name} ${b.text})`, (x, w) => f(a.of(x, w), b.of(x, w))),
      ),
  ),
})).tree;

const points = fc.array(fc.integer({ min: -12, max: 12 }), { minLength: 9, maxLength: 9 });

function inputs(data: readonly number[]): [Tensor, Tensor] {
  const at = (from: number, to: number) => data.slice(from, to).map((v) => v / 8);
  const options = { dtype: 'float64', requiresGrad: true } as const;
  return [tensor([at(0, 3), at(3, 6)], options), tensor(at(6, 9), options)];
}

function checkAll(runs: number, body: (e: Expression, x: Tensor, w: Tensor) => void): void {
  fc.assert(
    fc.property(expressions, points, (e, data) => body(e, ...inputs(data))),
    { numRuns: runs, seed: 20260701 },
  );
}

forEachEngine('random expressions', (space, engine) => {
  const runs = engine === 'reference' ? 60 : 25;

  test('gradients are central differences', { timeout: 60_000 }, () => {
    withWorkspace(space, () =>
      checkAll(runs, (e, x, w) => {
        expect(autograd.gradcheck(e.of, [x, w]), e.text).toBe(true);
      }),
    );
  });

  test('second derivatives are central differences', { timeout: 60_000 }, () => {
    withWorkspace(space, () =>
      checkAll(Math.ceil(runs / 3), (e, x, w) => {
        expect(
          autograd.gradgradcheck((a, b) => e.of(a, b).add(a.mul(b)).square(), [x, w]),
          e.text,
        ).toBe(true);
      }),
    );
  });

  test('backward, grad, and grad of one input after the other agree', () => {
    withWorkspace(space, () =>
      checkAll(runs, (e, x, w) => {
        const y = e.of(x, w).add(x.mul(w)).sum();
        const together = autograd.grad(y, [x, w], { retainGraph: true });
        const [gx] = autograd.grad(y, x, { retainGraph: true });
        const [gw] = autograd.grad(y, w, { retainGraph: true });
        y.backward();
        const read = (t: Tensor | null) => t?.tolistSync();
        expect([gx, gw].map(read)).toEqual(together.map(read));
        expect([x.grad, w.grad].map(read)).toEqual(together.map(read));
      }),
    );
  });
});
