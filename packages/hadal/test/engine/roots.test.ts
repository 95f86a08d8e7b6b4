/** What a realise computes: everything that somebody could still read, and nothing else. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OutOfMemoryError, StaleValueError } from '../../src/base/errors.js';
import {
  config,
  functional as F,
  fromTypedArray,
  manualSeed,
  nn,
  noGrad,
  ones,
  optim,
  rand,
  type Tensor,
  tensor,
} from '../../src/index.js';
import { normal_, uniform_ } from '../../src/random/in-place.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

const numbers = (t: Tensor): number[] => Array.from(t.dataSync(), Number);

forEachEngine('what a realise computes', (space) => {
  const run = (body: () => void) => () => withWorkspace(space, body);
  /** Runs of plans, launches and values with memory of their own in `body`. */
  const work = (body: () => void): { runs: number; launches: number; written: number } => {
    const { engine } = space;
    const { runs, launches } = engine.statistics;
    body();
    const kernels = engine.statistics.runs > runs ? engine.explainLast().kernels : [];
    return {
      runs: engine.statistics.runs - runs,
      launches: engine.statistics.launches - launches,
      written: kernels.flatMap((k) => k.writes).length,
    };
  };

  describe('values that an update takes away', () => {
    test('single numbers are written, whatever they are fused into', () =>
      run(() => {
        const w = tensor([1, 2, 3]);
        w.dataSync();
        const part = w.mul(2).sum();
        const also = w.sub(1).mean(0);
        const total = part.add(also).exp();
        w.mul_(3);
        expect(numbers(total)[0]).toBeCloseTo(Math.exp(13), -1);
        expect(numbers(w)).toEqual([3, 6, 9]);
        expect(numbers(part)).toEqual([12]);
        expect(numbers(also)).toEqual([1]);
      })());
  });

  describe('values that an update takes away, among others', () => {
    test('are told from those made of other memory, in whichever order they are asked about', () =>
      run(() => {
        const [w, other] = [tensor([1, 2, 3]), tensor([4, 5])];
        w.dataSync();
        other.dataSync();
        const apart = other.sum();
        const twice = apart.mul(2);
        const under = w.sum();
        const both = twice.add(under);
        const top = both.exp();
        w.mul_(3);
        w.dataSync();
        expect([apart, twice, under, both].flatMap(numbers)).toEqual([9, 18, 6, 24]);
        expect(numbers(top)[0] / Math.exp(24)).toBeCloseTo(1, 4);
      })());
  });

  describe('values that an update replaced before they were computed', () => {
    test('initial weights under given ones are not drawn', () =>
      run(() => {
        const layer = new nn.Linear(20, 30);
        noGrad(() => {
          for (const p of layer.parameters()) p.copy_(ones(p.shape).keep());
        });
        space.engine.realize([]);
        const done = work(() => {
          new optim.SGD(layer.parameters(), { lr: 0.1 });
        });
        expect(done.runs).toBe(0);
        expect(new Set(numbers(layer.weight))).toEqual(new Set([1]));
      })());

    test('loading a state draws no initial weights', () =>
      run(() => {
        const trained = new nn.Sequential(new nn.Linear(4, 8), new nn.BatchNorm1d(8), new nn.Linear(8, 2));
        const state = trained.stateDict();
        space.engine.realize([...state.values()].map((t) => t.storage.node));
        const done = work(() => {
          const fresh = new nn.Sequential(new nn.Linear(4, 8), new nn.BatchNorm1d(8), new nn.Linear(8, 2));
          fresh.loadStateDict(state);
          space.engine.realize([]);
          for (const [name, t] of fresh.stateDict())
            expect(numbers(t)).toEqual(numbers(state.get(name) ?? t));
        });
        expect(done.runs).toBe(0);
      })());

    test('of fills one over the other the last is computed, with the numbers it always had', () =>
      run(() => {
        const draw = (between: (t: Tensor) => void): number[] => {
          manualSeed(3);
          const t = ones([100]);
          uniform_(t);
          between(t);
          normal_(t, 1, 2);
          return numbers(t);
        };
        const apart = draw((t) => t.dataSync());
        let together: number[] = [];
        const done = work(() => {
          together = draw(() => undefined);
        });
        expect(done).toEqual({ runs: 1, launches: 1, written: 1 });
        expect(together).toEqual(apart);
      })());

    test('gradients that are dropped before a step are not computed', () =>
      run(() => {
        const layer = new nn.Linear(6, 3);
        const x = ones([4, 6]);
        space.engine.realize([x, ...layer.parameters()].map((t) => t.storage.node));
        const forward = work(() => layer.forward(x).square().mean().itemSync());
        const both = work(() => {
          const loss = layer.forward(x).square().mean();
          loss.backward();
          for (const p of layer.parameters()) p.clearGrad();
          loss.itemSync();
        });
        expect(both.launches).toBe(forward.launches);
      })());

    test('where nothing else is pending, nothing runs and nothing stays pending', () =>
      run(() => {
        const t = tensor([1, 2]);
        space.engine.realize([]);
        const done = work(() => {
          const x = t.mul(3);
          x.copy_(t);
          space.engine.realize([]);
          expect(space.engine.pending.handles).toEqual([]);
          expect(numbers(x)).toEqual([1, 2]);
        });
        expect(done.runs).toBe(0);
      })());
  });

  describe('what somebody can still read', () => {
    test('is computed where nothing but such values read it', () =>
      run(() => {
        const w = tensor([
          [1, 2],
          [3, 4],
        ]);
        const product = ones([2, 2]).matmul(w);
        const sum = product.add(1);
        sum.copy_(ones([2, 2]));
        w.mul_(10);
        expect(numbers(w)).toEqual([10, 20, 30, 40]);
        expect(numbers(product)).toEqual([4, 6, 4, 6]);
        expect(numbers(sum)).toEqual([1, 1, 1, 1]);
      })());

    test('and is made of numbers alone waits until it is read', () =>
      run(() => {
        manualSeed(1);
        const expected = numbers(rand([50]).mul(2));
        manualSeed(1);
        const drawn = rand([50]).mul(2);
        const shifted = drawn.sub(1);
        shifted.copy_(ones([50]).keep());
        const done = work(() => space.engine.realize([]));
        expect(done.written).toBeLessThanOrEqual(1);
        expect(numbers(drawn)).toEqual(expected);
        expect(numbers(shifted)).toEqual(new Array(50).fill(1));
      })());

    test('is what it was, whichever of its aliases the update went through', () =>
      run(() => {
        const x = tensor([1, 2, 3]);
        const y = x.mul(2);
        const before = y.clone();
        const [alias, view] = [y.detach(), y.narrow(0, 1, 2)];
        y.copy_(x);
        space.engine.realize([]);
        x.fill_(0);
        expect([y, alias, view, before, x].map(numbers)).toEqual([
          [1, 2, 3],
          [1, 2, 3],
          [2, 3],
          [2, 4, 6],
          [0, 0, 0],
        ]);
      })());

    test('is replaced in part', () =>
      run(() => {
        const x = tensor([1, 2, 3]).mul(2);
        x.narrow(0, 0, 1).fill_(9);
        expect(numbers(x)).toEqual([9, 4, 6]);
      })());

    test('or what the tape keeps: a value that keeps its place on the tape through an update without it', () =>
      run(() => {
        const x = tensor([0.5, 1]).requiresGrad_();
        const y = x.sin().mul(x.cos());
        noGrad(() => y.copy_(tensor([7, 8])));
        space.engine.realize([]);
        expect(numbers(y)).toEqual([7, 8]);
        y.sum().backward();
        const grad = x.grad === null ? [] : numbers(x.grad);
        [0.5, 1].forEach((v, i) => {
          expect(grad[i]).toBeCloseTo(Math.cos(2 * v), 5);
        });
      })());

    test('and what the tape keeps without a tensor outlives an update of what it came from', () =>
      run(() => {
        const w = tensor([2, 3]).requiresGrad_();
        const counts = tensor([1, 2], { dtype: 'int32' });
        // What is kept is the counts as floats.
        const y = w.mul(counts);
        noGrad(() => y.copy_(tensor([7, 8])));
        space.engine.realize([]);
        counts.fill_(0);
        expect(numbers(counts)).toEqual([0, 0]);
        y.sum().backward();
        expect(w.grad === null ? [] : numbers(w.grad)).toEqual([1, 2]);
      })());

    test('is refused where it was fused away and what it came from is gone', () =>
      run(() => {
        const x = tensor([1, 2]);
        const hidden = x.mul(3);
        const shown = hidden.add(1);
        x.fill_(0);
        expect(numbers(shown)).toEqual([4, 7]);
        expect(() => numbers(hidden)).toThrow(StaleValueError);
      })());
  });

  test('programs of updates give what they give one op at a time', () => {
    const op = fc.record({
      kind: fc.constantFrom('copy', 'add', 'fill', 'make', 'read', 'part'),
      to: fc.nat(3),
      from: fc.nat(3),
      number: fc.integer({ min: -3, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(op, { maxLength: 25 }), (ops) => {
        const play = (eager: boolean): number[][] =>
          withWorkspace(space, () => {
            const all = [0, 1, 2, 3].map((i) => tensor([i, i + 1, i + 2]));
            for (const { kind, to, from, number } of ops) {
              if (kind === 'copy') all[to].copy_(all[from]);
              else if (kind === 'add') all[to].add_(all[from].mul(number));
              else if (kind === 'fill') all[to].fill_(number);
              else if (kind === 'make') all[to] = all[from].mul(number).keep();
              else if (kind === 'part') all[to].narrow(0, 1, 2).sub_(number);
              else all[to].dataSync();
              if (eager) for (const t of all) t.dataSync();
            }
            return all.map(numbers);
          });
        expect(play(false)).toEqual(play(true));
      }),
      { numRuns: 60 },
    );
  });
});

forEachEngine('an optimizer', (space) => {
  const run = (body: () => void) => () => withWorkspace(space, body);
  const train = (net: nn.Module, optimizer: optim.Optimizer): number => {
    optimizer.zeroGrad();
    const loss = F.mseLoss(net.forward(ones([5, 8])), ones([5, 4]));
    loss.backward();
    optimizer.step();
    return Number(loss.itemSync());
  };
  const make = (): nn.Module => new nn.Sequential(new nn.Linear(8, 16), new nn.ReLU(), new nn.Linear(16, 4));

  test(
    'runs nothing to begin with parameters in memory and a state of zeros',
    run(() => {
      const net = make();
      for (const p of net.parameters()) p.dataSync();
      const { runs } = space.engine.statistics;
      const optimizer = new optim.AdamW(net.parameters(), { amsgrad: true });
      expect(space.engine.statistics.runs).toBe(runs);
      for (const t of optimizer.stateDict().tensors.values())
        expect(new Set(numbers(t))).toEqual(new Set([0]));
    }),
  );

  test(
    'begins with other numbers than zero where it has to',
    run(() => {
      const optimizer = new optim.Adagrad(make().parameters(), { initialAccumulatorValue: 0.5 });
      for (const t of optimizer.stateDict().tensors.values())
        expect(new Set(numbers(t))).toEqual(new Set([0.5]));
    }),
  );

  test(
    'overwrites parameters from its first step on, and leaves alone what they were copied from',
    run(() => {
      const net = make();
      const given = [...net.parameters()].map((p, i) =>
        fromTypedArray(new Float32Array(p.numel()).fill(0.1 + i / 10), p.shape),
      );
      noGrad(() => {
        for (const [i, p] of [...net.parameters()].entries()) p.copy_(given[i]);
      });
      const optimizer = new optim.AdamW(net.parameters(), { lr: 0.01 });
      const fresh = (): number => {
        const before = [...net.parameters()].map((p) => p.storage.node.buffer);
        train(net, optimizer);
        return [...net.parameters()].filter((p, i) => p.storage.node.buffer !== before[i]).length;
      };
      expect([fresh(), fresh()]).toEqual([0, 0]);
      given.forEach((t, i) => {
        expect(new Set(numbers(t))).toEqual(new Set([Math.fround(0.1 + i / 10)]));
      });
    }),
  );

  test(
    'trains alike whether its parameters were drawn, or drawn by another and copied',
    run(() => {
      manualSeed(5);
      const drawn = make();
      const copied = make();
      copied.loadStateDict(drawn.stateDict());
      const [a, b] = [drawn, copied].map((net) => {
        const optimizer = new optim.Adam(net.parameters());
        return [train(net, optimizer), train(net, optimizer), train(net, optimizer)];
      });
      expect(b).toEqual(a);
    }),
  );

  test(
    'is refused before anything is allocated where there is no room for its state',
    run(() => {
      const small = space.ops.constant(0, 'float32', [2]).node;
      const large = space.ops.constant(0, 'float32', [2 ** 20, 2 ** 20]).node;
      expect(() => space.engine.zeros([small, large])).toThrow(OutOfMemoryError);
    }),
  );

  test(
    'runs the plan of its first step again in the second, also with parameters that were given',
    run(() => {
      const net = make();
      noGrad(() => {
        for (const p of net.parameters()) p.copy_(fromTypedArray(new Float32Array(p.numel()), p.shape));
      });
      const optimizer = new optim.AdamW(net.parameters());
      expect(space.engine.isIdle).toBe(true);
      const plans = (): number => {
        train(net, optimizer);
        return space.engine.statistics.plans;
      };
      expect([plans(), plans()]).toEqual([plans(), plans()]);
    }),
  );

  test(
    'trains alike however often what is pending runs on the way',
    run(() => {
      const { pendingNodes } = config;
      const results = [pendingNodes, 1, 2, 3, 7, 20, 61].map((limit) => {
        config.pendingNodes = limit;
        try {
          manualSeed(2);
          const net = new nn.Sequential(new nn.Linear(8, 6), new nn.BatchNorm1d(6), new nn.Linear(6, 4));
          const optimizer = new optim.Adam(net.parameters());
          const losses = [train(net, optimizer), train(net, optimizer)];
          return [losses, ...[...net.stateDict().values()].map(numbers)];
        } finally {
          config.pendingNodes = pendingNodes;
        }
      });
      for (const result of results) expect(result).toEqual(results[0]);
    }),
  );
});
