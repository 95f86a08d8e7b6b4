/** scan: what a step may be, what it must not do, and how it runs. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ArgumentError,
  AutogradError,
  arange,
  autograd,
  engine,
  explain,
  functional as F,
  nn,
  noGrad,
  ones,
  optim,
  rand,
  ShapeError,
  scan,
  stack,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { onEveryEngine, openWorkspace } from '../support/engines.js';
import { numbers } from '../support/tensors.js';

function near(a: Tensor, b: Tensor, tolerance = 1e-5): void {
  expect(a.shape).toEqual(b.shape);
  const [x, y] = [numbers(a), numbers(b)];
  x.forEach((v, i) => {
    if (!(Math.abs(v - y[i]) <= tolerance * (1 + Math.abs(y[i]))))
      throw new Error(`element ${i} is ${v}, expected ${y[i]}`);
  });
}

onEveryEngine('forms', ({ run }) => {
  test('carries and outputs in lists and objects, and none', () =>
    run(() => {
      const { carry, outputs } = scan(
        ({ sum, count }, { x, pair: [a, b] }) => [
          { sum: sum.add(x).add(a.mul(b)), count: count.add(1) },
          [sum, { twice: x.mul(2), nothing: null }] as const,
        ],
        { sum: zeros([2]), count: tensor(0n) },
        { x: ones([3, 2]), pair: [arange(3), ones([3, 2])] as const },
      );
      expect(numbers(carry.sum)).toEqual([6, 6]);
      expect([carry.count.dtype, carry.count.itemSync()]).toEqual(['int64', 3]);
      expect(numbers(outputs[0])).toEqual([0, 0, 1, 1, 3, 3]);
      expect(outputs[1].twice.shape).toEqual([3, 2]);
      expect(outputs[1].nothing).toBeNull();
    }));

  test('without stacks it takes a length, without carries it is a map', () =>
    run(() => {
      const powers = scan((x) => [x.mul(2), x], tensor([1, 3]), null, { length: 4 });
      expect(powers.outputs.tolistSync()).toEqual([
        [1, 3],
        [2, 6],
        [4, 12],
        [8, 24],
      ]);
      const [carry, squares] = scan((_, x) => [null, x.mul(x)], null, arange(4));
      expect(carry).toBeNull();
      expect(numbers(squares as Tensor)).toEqual([0, 1, 4, 9]);
    }));

  test('no step at all gives the first carry, and gradients', () =>
    run(() => {
      const [h, w] = [tensor([1, 2], { requiresGrad: true }), tensor([3, 4], { requiresGrad: true })];
      const { carry, outputs } = scan((s, x) => [s.mul(w).add(x), s.sum()], h, zeros([0, 2]));
      expect(numbers(carry)).toEqual([1, 2]);
      expect(outputs.shape).toEqual([0]);
      carry.mul(carry).sum().add(outputs.sum()).backward();
      expect(h.grad?.tolistSync()).toEqual([2, 4]);
      expect(numbers(w.grad ?? zeros([2]))).toEqual([0, 0]);
    }));

  test('arrays without elements', () =>
    run(() => {
      const { carry, outputs } = scan(
        (s, x) => [s.add(x.matmul(ones([3, 3]))).tanh(), s.sum(1)],
        zeros([0, 3]),
        zeros([4, 0, 3]),
      );
      expect([carry.shape, outputs.shape]).toEqual([
        [0, 3],
        [4, 0],
      ]);
    }));

  test('carries of bools and small integers', () =>
    run(() => {
      const { carry } = scan(
        ([seen, most], x) => [[seen.logicalOr(x.gt(3)), most.maximum(x)], null],
        [tensor([false, false]), tensor([0, 0], { dtype: 'int8' })],
        tensor(
          [
            [1, 2],
            [5, 3],
            [2, 1],
          ],
          { dtype: 'int8' },
        ),
      );
      expect([carry[0].tolistSync(), numbers(carry[1])]).toEqual([
        [true, false],
        [5, 3],
      ]);
    }));

  test('float64 and float16', () =>
    run(() => {
      for (const dtype of ['float64', 'float16'] as const) {
        const w = tensor(
          [
            [0.5, 0.25],
            [0.125, 1],
          ],
          { dtype },
        );
        const { carry } = scan(
          (h, x) => [h.matmul(w).add(x), null],
          ones([1, 2], { dtype }),
          ones([3, 1, 2], { dtype }),
        );
        expect(carry.dtype).toBe(dtype);
        let h = ones([1, 2], { dtype });
        for (let i = 0; i < 3; i++) h = h.matmul(w).add(1);
        near(carry, h, dtype === 'float64' ? 1e-12 : 1e-3);
      }
    }));

  test('ops that no loop holds run step after step', () =>
    run(() => {
      const x = tensor([
        [3, 1, 2],
        [9, 7, 8],
        [4, 6, 5],
      ]).requiresGrad_();
      const { outputs } = scan((s, row) => [s.add(1), row.add(s).sort().values.cumsum(0)], zeros([]), x);
      expect(outputs.tolistSync()).toEqual([
        [1, 3, 6],
        [8, 17, 27],
        [6, 13, 21],
      ]);
      const [g] = autograd.grad(outputs.select(1, 0).sum(), x);
      expect(g.tolistSync()).toEqual([
        [0, 1, 0],
        [0, 1, 0],
        [1, 0, 0],
      ]);
    }));

  test('many steps of those', () =>
    run(() => {
      const { carry, outputs } = scan((s, x) => [s.sort().values.add(x), s.sum()], zeros([2]), ones([40, 2]));
      expect(numbers(carry)).toEqual([40, 40]);
      expect(numbers(outputs)).toEqual(Array.from({ length: 40 }, (_, i) => 2 * i));
    }));

  test('very many steps of those', () =>
    run(() => {
      const x = ones([3000, 2]).requiresGrad_();
      const { carry, outputs } = scan((s, v) => [s.sort().values.mul(0.5).add(v), s.sum()], zeros([2]), x);
      near(carry, tensor([2, 2]));
      expect(outputs.select(0, 1).itemSync()).toBe(2);
      const [g] = autograd.grad(carry.sum(), x);
      near(g.narrow(0, 2997, 3), tensor([0.25, 0.5, 1]).unsqueeze(1).expand([3, 2]));
    }));

  test('a scan in a scan, with gradients', () =>
    run(() => {
      const w = tensor(0.5).requiresGrad_();
      const x = arange(6).to('float32').reshape([3, 2]).requiresGrad_();
      const outer = scan(
        (s, row) => {
          const inner = scan((t, v) => [t.mul(w).add(v).add(s), t], zeros([]), row);
          return [inner.carry, inner.outputs.sum()];
        },
        zeros([]),
        x,
      );
      let s = zeros([]);
      const sums: Tensor[] = [];
      for (let i = 0; i < 3; i++) {
        let t = zeros([]);
        const parts: Tensor[] = [];
        for (let j = 0; j < 2; j++) {
          parts.push(t);
          t = t.mul(w).add(x.select(0, i).select(0, j)).add(s);
        }
        s = t;
        sums.push(stack(parts).sum());
      }
      near(outer.carry, s);
      near(outer.outputs, stack(sums));
      const mine = autograd.grad(outer.carry.mul(outer.outputs.sum()), [w, x]);
      const wanted = autograd.grad(s.mul(stack(sums).sum()), [w, x]);
      mine.forEach((g, i) => near(g, wanted[i]));
    }));

  test('indices from the stacks, and an error for one out of range', () =>
    run(() => {
      const table = arange(12).to('float32').reshape([4, 3]);
      const look = (ids: Tensor): Tensor =>
        scan((s, i) => [s.add(table.indexSelect(0, i).sum()), s], zeros([]), ids).carry;
      expect(look(tensor([[0n], [3n], [1n]])).itemSync()).toBe(3 + 30 + 12);
      expect(() => look(tensor([[0n], [4n], [1n]])).itemSync()).toThrow(/index/);
    }));
});

describe('the tape', () => {
  test('detach, noGrad and cat in the step are what they are in a loop', () => {
    const body =
      (w: Tensor) =>
      (h: Tensor, x: Tensor): Tensor => {
        const held = noGrad(() => h.mul(w).exp());
        const both = stack([h.detach().mul(x), h, held.mul(h)]).sum(0);
        return both.mul(w.detach().add(1)).add(w.softmax(0)).tanh();
      };
    const w = tensor([0.1, 0.5, -0.3], { requiresGrad: true });
    const h = tensor([0.2, 0.1, 0.4], { requiresGrad: true });
    const x = tensor([
      [1, 2, 3],
      [0.5, -1, 2],
    ]).requiresGrad_();
    const step = body(w);
    const ours = scan((s, v) => [step(s, v), null], h, x).carry;
    const theirs = step(step(h, x.select(0, 0)), x.select(0, 1));
    near(ours, theirs);
    const mine = autograd.grad(ours.mul(ours).sum(), [w, h, x], { createGraph: true });
    const wanted = autograd.grad(theirs.mul(theirs).sum(), [w, h, x], { createGraph: true });
    mine.forEach((g, i) => near(g, wanted[i]));
    const sum = (gs: readonly Tensor[]): Tensor => gs.map((g) => g.mul(g).sum()).reduce((a, b) => a.add(b));
    const second = autograd.grad(sum(mine), [w, h, x]);
    autograd.grad(sum(wanted), [w, h, x]).forEach((g, i) => near(second[i], g, 1e-4));
  });

  test('gradients flow through what was computed outside, by views as well', () => {
    const a = tensor([
      [1, 2],
      [3, 4],
    ]).requiresGrad_();
    const [twice, turned] = [a.mul(2), a.t()];
    const { carry } = scan(
      (h, x) => [h.matmul(twice).add(x.matmul(turned)), null],
      ones([1, 2]),
      ones([2, 1, 2]),
    );
    let h = ones([1, 2]);
    for (let i = 0; i < 2; i++) h = h.matmul(twice).add(ones([1, 2]).matmul(turned));
    near(carry, h);
    const [mine] = autograd.grad(carry.sum(), a, { retainGraph: true });
    const [wanted] = autograd.grad(h.sum(), a);
    near(mine, wanted);
    // The view is on the tape outside as before.
    expect(turned.gradFn?.name).toBe('PermuteBackward');
  });

  test('nothing is recorded under noGrad', () => {
    const w = tensor(2).requiresGrad_();
    const { carry } = noGrad(() => scan((s, x) => [s.mul(w).add(x), null], tensor(1), ones([3])));
    expect(carry.requiresGrad).toBe(false);
    expect(carry.itemSync()).toBe(15);
  });

  test('a weight changed in place before backward is noticed', () => {
    const w = tensor([2, 3]).requiresGrad_();
    const { carry } = scan((s, x) => [s.mul(w).add(x), null], ones([2]), ones([3, 2]));
    noGrad(() => w.mul_(2));
    expect(() => carry.sum().backward()).toThrow(/modified by an in-place operation/);
  });

  test('backward twice wants the graph retained', () => {
    const w = tensor([2, 3]).requiresGrad_();
    const { carry } = scan((s, x) => [s.mul(w).add(x), null], ones([2]), ones([3, 2]));
    carry.sum().backward(undefined, { retainGraph: true });
    carry.sum().backward();
    expect(() => carry.sum().backward()).toThrow(AutogradError);
  });
});

describe('what a step must not do', () => {
  const x = ones([3, 2]);
  const bad =
    (step: (s: Tensor, x: Tensor) => unknown, init: Tensor = zeros([2])): (() => unknown) =>
    () =>
      scan(step as (s: Tensor, x: Tensor) => [Tensor, null], init, x);

  test('change the shape, dtype or form of a carry', () => {
    expect(bad((s) => [s.sum(), null])).toThrow(ShapeError);
    expect(bad((s) => [s.sum(), null])).toThrow(/float32\[2\] before the step and float32\[\] after/);
    expect(bad((s) => [s.to('float64'), null])).toThrow(ShapeError);
    expect(bad((s) => [[s], null])).toThrow(/form tensor before the step and \[tensor\] after/);
  });

  test('give something else than a pair of tensors', () => {
    expect(bad((s) => s)).toThrow(ArgumentError);
    expect(bad((s) => [s, 3])).toThrow(/the output is a number/);
    expect(bad((s) => [s, { a: new Map() }])).toThrow(/the output.a is a Map/);
    expect(bad((s) => [s, [{ a: undefined }]])).toThrow(/the output\[0\].a is undefined/);
  });

  test('give or take what contains itself', () => {
    const endless: { x: Tensor; rest: unknown } = { x: zeros([2]), rest: null };
    endless.rest = [endless];
    expect(bad((s) => [s, endless])).toThrow(/scan: the output is nested deeper than 64 levels/);
    expect(() => scan((c) => [c, null], endless as unknown as Tensor, x)).toThrow(ArgumentError);
  });

  test('read values, draw random numbers, change what is outside', () => {
    expect(bad((s) => [s.mul(s.sum().itemSync()), null])).toThrow(/values cannot be read in the step/);
    expect(bad((s) => [s.add(rand([2])), null])).toThrow(/random numbers made in the step/);
    expect(bad((s) => [F.dropout(s, 0.5), null])).toThrow(/random numbers made in the step/);
    const outside = zeros([2]);
    expect(bad((s) => [outside.add_(s), null])).toThrow(/changed in place/);
    expect(numbers(outside)).toEqual([0, 0]);
    const fine = scan((s, v) => [s.clone().add_(v), null], zeros([2]), x).carry;
    expect(numbers(fine)).toEqual([3, 3]);
  });

  test('call a custom function whose gradient is wanted', () => {
    class Double extends autograd.Function {
      static forward(_: autograd.Context, t: Tensor): Tensor {
        return t.mul(2);
      }
      static backward(_: autograd.Context, g: Tensor): Tensor {
        return g.mul(2);
      }
    }
    expect(bad((s) => [Double.apply(s), null])).toThrow(AutogradError);
    expect(numbers(noGrad(() => scan((s) => [Double.apply(s), null], ones([2]), x).carry))).toEqual([8, 8]);
  });

  test('let tensors out in another way', () => {
    const kept: Tensor[] = [];
    scan(
      (s, v) => {
        kept.push(s.add(v));
        return [s, null];
      },
      zeros([2]),
      x,
    );
    expect(() => kept[0].dataSync()).toThrow(ArgumentError);
    expect(() => kept[0].dataSync()).toThrow(/used outside of it/);
    expect(numbers(ones([2]).add(1))).toEqual([2, 2]);
  });

  test('be given stacks that do not fit', () => {
    const step = (s: Tensor, [a]: readonly Tensor[]): [Tensor, null] => [s.add(a), null];
    expect(() => scan(step, zeros([]), [ones([3]), ones([4])])).toThrow(/stacks of 3 and of 4 steps/);
    expect(() => scan(step, zeros([]), [ones([])])).toThrow(/without dimensions/);
    expect(() => scan(step, zeros([]), [ones([3])], { length: 2 })).toThrow(ShapeError);
    expect(() => scan((s) => [s, null], zeros([]), null)).toThrow(/give options.length/);
    expect(() => scan((s) => [s, null], zeros([]), null, { length: -1 })).toThrow(ArgumentError);
  });

  test('an error in the step leaves nothing behind', () => {
    const t = ones([2]).mul(3);
    expect(() =>
      scan(
        () => {
          throw new RangeError('mine');
        },
        t,
        x,
      ),
    ).toThrow(RangeError);
    expect(numbers(t)).toEqual([3, 3]);
  });
});

describe('how it runs', () => {
  onEveryEngine('one launch', ({ run, space }) => {
    test('a recurrent layer forward', () =>
      run(() => {
        for (const layer of [new nn.LSTM(5, 7), new nn.GRU(5, 7), new nn.RNN(5, 7)]) {
          const { output } = layer.forward(ones([9, 2, 5]));
          const loops = explain(output).kernels.filter((k) => k.name.startsWith('scan'));
          expect(loops.length).toBe(1);
          expect(explain(output).kernels.length).toBeLessThan(6);
        }
      }));

    test('a training step, whose numbers do not depend on the length of a plan', () =>
      run(() => {
        const net = new nn.LSTM(5, 7);
        const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 });
        const step = (): void => {
          const { output } = net.forward(ones([12, 2, 5]));
          optimizer.zeroGrad();
          output.mul(output).sum().backward();
          optimizer.step();
        };
        step();
        const { plans, launches } = { ...space.engine.statistics };
        step();
        step();
        const after = space.engine.statistics;
        expect((after.launches - launches) / 2).toBeLessThan(20);
        expect(after.plans - plans).toBeLessThan(2);
        const last = space.engine.explainLast().kernels.filter((k) => k.name.startsWith('scan'));
        expect(last.length).toBe(2);
      }));
  });

  test('other numbers and other tensors need no other plan', () => {
    const run = (by: number, w: Tensor): number =>
      numbers(scan((s, v) => [s.mul(by).add(v.mul(w)), null], zeros([4]), ones([6, 4])).carry).reduce(
        (a, b) => a + b,
      );
    run(0.5, ones([4]));
    const before = engine().statistics.plans;
    const seen = [run(0.25, ones([4])), run(2, ones([4]).mul(3))];
    expect(seen[0]).toBeCloseTo((4 * (1 - 0.25 ** 6)) / 0.75, 4);
    expect(seen[1]).toBe(4 * 3 * 63);
    expect(engine().statistics.plans - before).toBeLessThan(2);
  });
});

/** Random bodies: a list of ops, each on earlier values of the step. */
const ops: readonly ((a: Tensor, b: Tensor, w: Tensor) => Tensor)[] = [
  (a, b) => a.add(b),
  (a, b) => a.sub(b).mul(0.5),
  (a, b) => a.mul(b),
  (a) => a.tanh(),
  (a) => a.sigmoid(),
  (a, b) => a.maximum(b),
  (a) => a.softmax(1),
  (a) => a.sub(a.mean(1, { keepdim: true })),
  (a, _, w) => a.matmul(w),
  (a, _, w) => a.matmul(w.t()).tanh(),
  (a) => a.flip(1),
  (a, b) => a.narrow(1, 0, 1).add(b),
  (a) => a.t().reshape(a.shape),
  (a, _, w) => a.add(w.select(0, 1)),
];

describe('random bodies', () => {
  for (const name of ['wasm', 'native AVX-512', 'native AVX2', 'reference'] as const) {
    const opened = openWorkspace(name);
    if (!opened.ok) continue;
    test(`values and gradients are those of the loop on ${name}`, () => {
      const value = fc.integer({ min: -8, max: 8 }).map((v) => v / 8);
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat(ops.length - 1), fc.nat(20), fc.nat(20)), { minLength: 1, maxLength: 8 }),
          fc.nat(20),
          fc.nat(20),
          fc.integer({ min: 1, max: 4 }),
          fc.boolean(),
          fc.array(value, { minLength: 24, maxLength: 24 }),
          (program, carryAt, outputAt, length, reverse, data) => {
            withWorkspace(opened.space, () => {
              const take = (shape: number[], from: number): Tensor => {
                const size = shape.reduce((a, b) => a * b, 1);
                const values = Array.from({ length: size }, (_, i) => data[(from + 5 * i) % 24] + i / 64);
                return tensor(values).reshape(shape).requiresGrad_();
              };
              const [h, x, w] = [take([2, 3], 0), take([length, 2, 3], 7), take([3, 3], 13)];
              const step = (s: Tensor, v: Tensor): [Tensor, Tensor] => {
                const values = [s, v];
                for (const [op, a, b] of program)
                  values.push(ops[op](values[a % values.length], values[b % values.length], w));
                return [values[carryAt % values.length], values[outputAt % values.length]];
              };
              const ours = scan(step, h, x, { reverse });
              let carry: Tensor = h;
              const outputs: Tensor[] = [];
              for (let i = 0; i < length; i++) {
                const at = reverse ? length - 1 - i : i;
                [carry, outputs[at]] = step(carry, x.select(0, at));
              }
              near(ours.carry, carry, 1e-4);
              near(ours.outputs, stack(outputs), 1e-4);
              const loss = (c: Tensor, o: Tensor): Tensor => c.mul(c).sum().add(o.mul(o).mul(0.5).sum());
              const mine = autograd.grad(loss(ours.carry, ours.outputs), [h, x, w], {
                materializeGrads: true,
              });
              const wanted = autograd.grad(loss(carry, stack(outputs)), [h, x, w], {
                materializeGrads: true,
              });
              mine.forEach((g, i) => near(g, wanted[i], 1e-3));
            });
          },
        ),
        { numRuns: name === 'reference' ? 15 : 30 },
      );
    });
  }
});
