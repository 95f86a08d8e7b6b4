/**
 * The costly decisions at work: laziness with in-place updates, views, fused-away values, who keeps which buffer, and plan keys,
 * in the situations where they meet.
 */
import { expect, test } from 'vitest';
import { config } from '../../src/base/config.js';
import { AutogradError, ShapeError, StaleValueError } from '../../src/base/errors.js';
import {
  autograd,
  explain,
  functional as F,
  manualSeed,
  nn,
  noGrad,
  optim,
  randn,
  slice,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.js';
import { onEveryEngine } from '../support/engines.js';
import { labels, numbers } from '../support/tensors.js';

config.tracedTensors = Number.POSITIVE_INFINITY;

class Net extends nn.Module {
  hidden = new nn.Linear(6, 16);
  out = new nn.Linear(16, 4);
  override forward(x: Tensor): Tensor {
    return this.out.forward(this.hidden.forward(x).relu());
  }
}

function setup(batch = 8, seed = 3) {
  manualSeed(seed);
  const net = new Net();
  const opt = new optim.AdamW(net.parameters(), { lr: 0.01 });
  const x = randn([batch, 6]);
  // Drawn now: the first step would do it otherwise, and be a plan of its own.
  numbers(x);
  const y = labels(batch, 4);
  return { net, opt, x, y };
}

/** One step; `look` may read things in the middle. */
function step(
  s: ReturnType<typeof setup>,
  look: (at: 'logits' | 'loss' | 'grads', t: Tensor) => void = () => {},
): Tensor {
  const logits = s.net.forward(s.x);
  look('logits', logits);
  const loss = F.crossEntropy(logits, s.y);
  look('loss', loss);
  s.opt.zeroGrad();
  loss.backward();
  look('grads', loss);
  s.opt.step();
  return loss;
}

onEveryEngine('hard cases', ({ name, space, run }) => {
  test('an in-place update through a view of a parameter changes the parameter and all its aliases', () => {
    run(() => {
      const w = new nn.Parameter(
        tensor([
          [1, 2, 3],
          [4, 5, 6],
          [7, 8, 9],
        ]),
      );
      const row = w.detach().index(1);
      const column = w.detach().index(':', slice(0, 3, 2));
      noGrad(() => row.mul_(10));
      expect(numbers(w)).toEqual([1, 2, 3, 40, 50, 60, 7, 8, 9]);
      noGrad(() => column.add_(tensor([100, 200])));
      expect(numbers(w)).toEqual([101, 2, 203, 140, 50, 260, 107, 8, 209]);
      expect(numbers(row)).toEqual([140, 50, 260]);
      noGrad(() => w.detach().t().index(2).zero_());
      expect(numbers(w)).toEqual([101, 2, 0, 140, 50, 0, 107, 8, 0]);
      w.mul(w).sum().backward();
      expect(numbers(w.grad as Tensor)).toEqual([202, 4, 0, 280, 100, 0, 214, 16, 0]);
    });
  });

  test('a view of a leaf that wants a gradient is not written to while recording', () => {
    run(() => {
      const w = new nn.Parameter(tensor([1, 2, 3]));
      expect(() => w.index(0).fill_(3)).toThrow(AutogradError);
      expect(() => w.add_(1)).toThrow(/leaf tensor that requires a gradient/);
    });
  });

  test('gradients flow through in-place updates of views', () => {
    run(() => {
      const x = tensor([1, 2, 3, 4], { requiresGrad: true });
      const y = x.mul(1);
      y.index(slice(0, 2)).mul_(10);
      y.mul(y).sum().backward();
      // y = [10a, 20, 3, 4]: dy^2/dx = 2 y dy/dx.
      expect(numbers(x.grad as Tensor)).toEqual([200, 400, 6, 8]);
    });
  });

  test('a last batch of 96 generates no new kernel', () => {
    run(() => {
      const s = setup(128);
      for (let i = 0; i < 3; i++) step(s);
      const kernels = space.engine.backend.compiledKernels;
      const small = { ...s, x: randn([96, 6]), y: labels(96, 4) };
      numbers(step(small));
      const odd = { ...s, x: randn([97, 6]), y: labels(97, 4) };
      numbers(step(odd));
      expect(space.engine.backend.compiledKernels).toBe(kernels);
    });
  });

  test('steps of one shape run one plan', () => {
    run(() => {
      const s = setup(16);
      step(s);
      const { plans } = space.engine.statistics;
      s.opt.lr = 0.5;
      for (let i = 0; i < 4; i++) step(s);
      expect(space.engine.statistics.plans).toBe(plans);
    });
  });

  test('logits are read after step()', () => {
    run(() => {
      const a = setup();
      let before: number[] = [];
      const early = step(a, (at, t) => {
        if (at === 'logits') before = numbers(t);
      });
      const b = setup();
      let logits: Tensor | null = null;
      const late = step(b, (at, t) => {
        if (at === 'logits') logits = t;
      });
      expect(numbers(logits as unknown as Tensor)).toEqual(before);
      expect(numbers(late)).toEqual(numbers(early));
    });
  });

  test('losses pushed to a list are read much later', () => {
    run(() => {
      const kept: Tensor[] = [];
      const s = setup();
      for (let i = 0; i < 12; i++) kept.push(step(s));
      const t = setup();
      const read = Array.from({ length: 12 }, () => step(t).itemSync());
      expect(kept.map((l) => l.itemSync())).toEqual(read);
      expect(read[11]).toBeLessThan(Number(read[0]));
    });
  });

  test('reading the loss before backward() changes nothing', () => {
    run(() => {
      const [a, b] = [setup(), setup()];
      for (let i = 0; i < 3; i++) {
        step(a, (at, t) => {
          if (at === 'loss') t.itemSync();
        });
        step(b);
      }
      expect([...a.net.parameters()].map(numbers)).toEqual([...b.net.parameters()].map(numbers));
    });
  });

  test('a print in the middle of a step gives the same bits', () => {
    run(() => {
      const [a, b] = [setup(), setup()];
      for (let i = 0; i < 3; i++) {
        step(a, (_, t) => void `${t}`);
        step(b);
        const grads = (s: typeof a) => [...s.net.parameters()].map((p) => numbers(p.grad as Tensor));
        expect(grads(a)).toEqual(grads(b));
      }
      expect([...a.net.parameters()].map(numbers)).toEqual([...b.net.parameters()].map(numbers));
    });
  });

  test('a fused-away activation that is read after the weights changed is a StaleValueError naming both lines', () => {
    run(() => {
      const s = setup();
      const scaled = s.net.hidden.weight.mul(2); // made here
      const loss = s.x.matmul(scaled.t()).sum();
      loss.backward();
      s.opt.step(); // overwritten here
      let message = '';
      try {
        numbers(scaled.add(1));
      } catch (error) {
        expect(error).toBeInstanceOf(StaleValueError);
        message = (error as Error).message;
      }
      const lines = message.match(/hard-cases\.test\.ts:\d+/g) ?? [];
      // The matmul needs its operand in memory, so it may have been written after all; then reading it is fine.
      if (message !== '') expect(lines.length).toBe(2);
    });
  });

  test('StaleValueError: the value was never written and its input is gone', () => {
    run(() => {
      const w = new nn.Parameter(tensor([1, 2, 3, 4]));
      const opt = new optim.SGD([w], { lr: 1 });
      const hidden = w.mul(3);
      const loss = hidden.add(1).sum();
      loss.backward();
      opt.step();
      expect(numbers(w)).toEqual([-2, -1, 0, 1]);
      let caught: unknown = null;
      try {
        hidden.dataSync();
      } catch (error) {
        caught = error;
      }
      expect(caught).toBeInstanceOf(StaleValueError);
      const { message } = caught as Error;
      expect(message).toContain('.keep()');
      expect(message.match(/hard-cases\.test\.ts:\d+/g)?.length, message).toBe(2);
      // Building on it fails at that line, not later.
      expect(() => hidden.add(1)).toThrow(StaleValueError);
      // The engine goes on.
      expect(numbers(w.mul(2))).toEqual([-4, -2, 0, 2]);
    });
  });

  test('keep() writes a value that would be fused away', () => {
    run(() => {
      const w = new nn.Parameter(tensor([1, 2, 3, 4]));
      const opt = new optim.SGD([w], { lr: 1 });
      const hidden = w.mul(3).keep();
      hidden.add(1).sum().backward();
      opt.step();
      expect(numbers(hidden)).toEqual([3, 6, 9, 12]);
    });
  });

  test('the same tensor twice as operand', () => {
    run(() => {
      const x = tensor(
        [
          [1, 2],
          [3, 4],
        ],
        { requiresGrad: true },
      );
      const y = x.mul(x).add(x.matmul(x)).sub(x.div(x));
      expect(numbers(y)).toEqual([1 + 7 - 1, 4 + 10 - 1, 9 + 15 - 1, 16 + 22 - 1]);
      y.sum().backward();
      // d(x*x) = 2x; d(x@x) = rows and columns sums; d(x/x) = 0.
      const grad = numbers(x.grad as Tensor);
      const expected = [2 + 3 + 4, 4 + 7 + 4, 6 + 3 + 6, 8 + 7 + 6];
      grad.forEach((g, i) => {
        expect(g).toBeCloseTo(expected[i], 4);
      });
    });
  });

  test('tied weights get the sum of both gradients and stay one', () => {
    run(() => {
      class Tied extends nn.Module {
        encode = new nn.Linear(3, 3, { bias: false });
        decode = new nn.Linear(3, 3, { bias: false });
        constructor() {
          super();
          this.decode.weight = this.encode.weight;
        }
        override forward(x: Tensor): Tensor {
          return this.decode.forward(this.encode.forward(x));
        }
      }
      manualSeed(5);
      const net = new Tied();
      expect([...net.parameters()].length).toBe(1);
      const w = net.encode.weight;
      const opt = new optim.SGD(net.parameters(), { lr: 0.1 });
      const x = randn([4, 3]);
      // Two separate copies as the independent formula.
      const a = tensor(w.tolistSync(), { requiresGrad: true });
      const b = tensor(w.tolistSync(), { requiresGrad: true });
      F.linear(F.linear(x, a), b).sum().backward();
      net.forward(x).sum().backward();
      const sum = numbers(a.grad as Tensor).map((g, i) => g + numbers(b.grad as Tensor)[i]);
      numbers(w.grad as Tensor).forEach((g, i) => {
        expect(g).toBeCloseTo(sum[i], 4);
      });
      opt.step();
      expect(numbers(net.decode.weight)).toEqual(numbers(net.encode.weight));
    });
  });

  test('gradients of two backward passes accumulate', () => {
    run(() => {
      const s = setup();
      const loss = () => F.crossEntropy(s.net.forward(s.x), s.y);
      loss().backward();
      const once = [...s.net.parameters()].map((p) => numbers(p.grad as Tensor));
      loss().backward();
      const twice = [...s.net.parameters()].map((p) => numbers(p.grad as Tensor));
      twice.forEach((g, i) => {
        expect(g).toEqual(once[i].map((v) => Math.fround(v + v)));
      });
      s.opt.zeroGrad();
      expect([...s.net.parameters()].every((p) => p.grad === null)).toBe(true);
    });
  });

  test('accumulation without reading in between', () => {
    run(() => {
      const [a, b] = [setup(), setup()];
      const loss = (s: typeof a) => F.crossEntropy(s.net.forward(s.x), s.y);
      loss(a).backward();
      loss(a).backward();
      a.opt.step();
      loss(b).backward();
      loss(b).itemSync();
      loss(b).backward();
      b.opt.step();
      expect([...a.net.parameters()].map(numbers)).toEqual([...b.net.parameters()].map(numbers));
    });
  });

  test('second derivatives', () => {
    run(() => {
      const x = tensor([0.5, -1, 2], { requiresGrad: true });
      const y = x.tanh().mul(x.exp()).sum();
      const [dy] = autograd.grad([y], [x], { createGraph: true });
      const [d2y] = autograd.grad([dy.sum()], [x]);
      const expected = [0.5, -1, 2].map((v) => {
        const t = Math.tanh(v);
        const s = 1 - t * t;
        return Math.exp(v) * (t + 2 * s - 2 * t * s);
      });
      numbers(d2y).forEach((v, i) => {
        expect(v).toBeCloseTo(expected[i], 4);
      });
    });
  });

  test('a gradient penalty trains through a network', () => {
    run(() => {
      const s = setup();
      const x = randn([8, 6]).requiresGrad_();
      const out = s.net.forward(x).tanh().sum();
      const [gx] = autograd.grad([out], [x], { createGraph: true });
      const penalty = gx.mul(gx).sum();
      penalty.backward();
      const w = s.net.hidden.weight;
      const analytic = numbers(w.grad as Tensor)[5];
      const at = (delta: number): number => {
        noGrad(() => w.detach().index(0, 5).add_(delta));
        const o = s.net.forward(x).tanh().sum();
        const [g] = autograd.grad([o], [x]);
        const p = Number(g.mul(g).sum().itemSync());
        noGrad(() => w.detach().index(0, 5).sub_(delta));
        return p;
      };
      const h = 1e-2;
      expect(analytic).toBeCloseTo((at(h) - at(-h)) / (2 * h), 1);
    });
  });

  test('a value needed for a gradient that was changed in place is an AutogradError with both versions', () => {
    run(() => {
      const x = tensor([1, 2, 3], { requiresGrad: true });
      const y = x.exp();
      const z = y.mul(2);
      y.add_(1);
      expect(() => z.sum().add(y.sum()).backward()).toThrow(/version 1, expected version 0/);
    });
  });

  test('going back twice needs retainGraph', () => {
    run(() => {
      const x = tensor([1, 2], { requiresGrad: true });
      const y = x.mul(x).sum();
      y.backward(undefined, { retainGraph: true });
      y.backward();
      expect(numbers(x.grad as Tensor)).toEqual([4, 8]);
      expect(() => y.backward()).toThrow(/retainGraph/);
    });
  });

  test('tensors of equal content do not share memory that is written to', () => {
    run(() => {
      const [a, b, c] = [zeros([4]), zeros([4]), tensor([1, 1, 1, 1])];
      const d = tensor([0, 0, 0, 0]).copy_(c);
      a.add_(1);
      c.mul_(5);
      expect([a, b, c, d].map(numbers)).toEqual([
        [1, 1, 1, 1],
        [0, 0, 0, 0],
        [5, 5, 5, 5],
        [1, 1, 1, 1],
      ]);
      d.sub_(1);
      expect([c, d].map(numbers)).toEqual([
        [5, 5, 5, 5],
        [0, 0, 0, 0],
      ]);
    });
  });

  test('a value computed from a buffer before it is overwritten keeps the old contents', () => {
    run(() => {
      const x = tensor([1, 2, 3]);
      const doubled = x.mul(2);
      const copy = x.clone();
      x.add_(100);
      expect(numbers(doubled)).toEqual([2, 4, 6]);
      expect(numbers(copy)).toEqual([1, 2, 3]);
      expect(numbers(x)).toEqual([101, 102, 103]);
      // The new value depends on a reduction of the old one.
      x.sub_(x.sum());
      expect(numbers(x)).toEqual([-205, -204, -203]);
      const m = tensor([
        [1, 2],
        [3, 4],
      ]);
      m.copy_(m.t());
      expect(numbers(m)).toEqual([1, 3, 2, 4]);
    });
  });

  test('shape errors come from the line that caused them', () => {
    run(() => {
      const [a, b] = [zeros([2, 3]), zeros([4, 3])];
      expect(() => a.add(b)).toThrow(ShapeError);
      expect(() => a.add(b)).toThrow(/add: shapes \[2, 3\] and \[4, 3\]/);
      expect(() => a.matmul(b)).toThrow(/transpos/);
      expect(() => F.crossEntropy(zeros([4, 3]), zeros([4]))).toThrow(/int64/);
    });
  });
  void name;
});

onEveryEngine('config.debug', ({ run, space }) => {
  test('runs every op at once, with the same results', () => {
    run(() => {
      const [a, b] = [setup(), setup()];
      step(a);
      config.debug = true;
      try {
        const { runs } = space.engine.statistics;
        numbers(b.x);
        const y = b.x.mul(2).add(1);
        expect(space.engine.statistics.runs).toBe(runs + 2);
        expect(space.engine.isIdle).toBe(true);
        numbers(y);
        expect(space.engine.statistics.runs).toBe(runs + 2);
        step(b);
      } finally {
        config.debug = false;
      }
      expect([...b.net.parameters()].map(numbers)).toEqual([...a.net.parameters()].map(numbers));
    });
  });
});

onEveryEngine('numerics do not depend on fusion', ({ run }) => {
  test('a sum over rows has the same bits whether its input is laid out along them or not', () => {
    run(() => {
      for (const n of [5, 16, 37, 100, 333]) {
        const x = randn([7, n]);
        const across = tensor(x.t().tolistSync());
        const plain = numbers(x.mul(3).sum(1));
        expect(numbers(across.t().mul(3).sum(1))).toEqual(plain);
        const stored = x.mul(3).keep();
        numbers(stored);
        expect(numbers(stored.sum(1))).toEqual(plain);
        expect(numbers(across.t().softmax(1))).toEqual(numbers(x.softmax(1)));
      }
    });
  });
});

onEveryEngine('fusion by explain', ({ run }) => {
  test('x.mul(2).add(b).relu() is one kernel', () => {
    run(() => {
      const [x, b] = [randn([32, 64]), randn([64])];
      numbers(x);
      numbers(b);
      expect(explain(x.mul(2).add(b).relu()).kernels.length).toBe(1);
    });
  });

  test('softmax is one kernel', () => {
    run(() => {
      const x = randn([32, 64]);
      expect(explain(x.softmax(1)).kernels.length).toBe(1);
      expect(explain(x.softmax(0)).kernels.length).toBe(1);
      expect(explain(x.logSoftmax(-1)).kernels.length).toBe(1);
    });
  });

  test('Linear + GELU is one kernel', () => {
    run(() => {
      const layer = new nn.Linear(64, 32);
      const x = randn([16, 64]);
      numbers(layer.weight);
      if (layer.bias) numbers(layer.bias);
      const e = explain(F.gelu(layer.forward(x)));
      expect(e.kernels.length).toBe(1);
      expect(e.kernels[0].name).toContain('gemm');
      expect(explain(F.gelu(layer.forward(x), { approximate: 'tanh' })).kernels.length).toBe(1);
    });
  });

  test('AdamW over all parameters is one launch', () => {
    run(() => {
      const s = setup();
      step(s);
      step(s);
      const updates = explain().kernels.filter((k) => k.name.includes('sqrt'));
      expect(updates.map((k) => k.blocks)).toEqual([4]);
      expect(explain().kernels.at(-1)).toEqual(updates[0]);
    });
  });
});

onEveryEngine('an update in place of what a gradient needs', ({ run }) => {
  test('leaves the old value where it was, whether it was read or not', () =>
    run(() => {
      for (const isRead of [false, true]) {
        const x = tensor([8, -4, 2]);
        const divisor = tensor(2, { requiresGrad: true });
        numbers(x);
        x.div_(divisor);
        if (isRead) expect(numbers(x)).toEqual([4, -2, 1]);
        x.sum().backward();
        expect(divisor.grad?.itemSync()).toBe(-1.5);
        expect(numbers(x)).toEqual([4, -2, 1]);
      }
    }));
});
