/** What `compile` promises beside equal numbers: when it traces again, what it takes and gives, and what it refuses. */
import { describe, expect, test, vi } from 'vitest';
import {
  ArgumentError,
  AutogradError,
  autograd,
  CompileError,
  compile,
  config,
  functional as F,
  full,
  HadalError,
  IndexError,
  manualSeed,
  nn,
  noGrad,
  ones,
  optim,
  rand,
  randint,
  randperm,
  ShapeError,
  Tensor,
  tensor,
  zeros,
} from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine, openWorkspace } from '../support/engines.js';

const engines = ['reference', 'wasm', 'native AVX-512'] as const;

function errorOf(body: () => unknown): HadalError {
  try {
    body();
  } catch (error) {
    if (error instanceof HadalError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

forEachEngine(
  'compile',
  (space) => {
    const on = (name: string, body: () => void): void => test(name, () => withWorkspace(space, body));

    describe('traces again', () => {
      on('for other shapes, dtypes and plain arguments, and not for other values', () => {
        let calls = 0;
        const f = compile((x: Tensor, how: { scale: number; name: string | null }) => {
          calls++;
          return x.mul(how.scale);
        });
        expect(f(tensor([1, 2]), { scale: 2, name: null }).tolistSync()).toEqual([2, 4]);
        expect(f(tensor([3, 4]), { scale: 2, name: null }).tolistSync()).toEqual([6, 8]);
        expect(calls).toBe(1);
        expect(f(tensor([3, 4, 5]), { scale: 2, name: null }).tolistSync()).toEqual([6, 8, 10]);
        expect(f(tensor([3, 4]), { scale: 3, name: null }).tolistSync()).toEqual([9, 12]);
        expect(f(tensor([3, 4]), { scale: 3, name: 'a' }).tolistSync()).toEqual([9, 12]);
        expect(f(tensor([3, 4], { dtype: 'float64' }), { scale: 3, name: 'a' }).dtype).toBe('float64');
        expect(calls).toBe(5);
        expect(f.traces).toBe(5);
        f(tensor([0, 0]), { scale: 2, name: null });
        expect(calls).toBe(5);
      });

      on('for the grad mode, and for modules in another mode', () => {
        const drop = new nn.Dropout(0.5);
        const f = compile((x: Tensor) => drop.forward(x));
        const x = ones([64]);
        expect(f(x).sum().itemSync()).not.toBe(64);
        drop.eval();
        expect(f(x).tolistSync()).toEqual(ones([64]).tolistSync());
        drop.train();
        const [a, b] = [f(x).tolistSync(), f(x).tolistSync()];
        expect(a).not.toEqual(b);
        expect(f.traces).toBe(2);
        noGrad(() => f(x));
        expect(f.traces).toBe(3);
      });

      on('for a setting of an optimizer that changes the update, not for one that is a number of it', () => {
        const [w, v] = [ones([3]).requiresGrad_(), ones([3]).requiresGrad_()];
        const [optW, optV] = [new optim.SGD([w], { lr: 0.1 }), new optim.SGD([v], { lr: 0.1 })];
        const body = (p: Tensor, opt: optim.SGD) => (x: Tensor) => {
          opt.zeroGrad();
          p.mul(x).sum().backward();
          opt.step();
        };
        const [plain, compiled] = [body(v, optV), compile(body(w, optW))];
        const set = (change: (opt: optim.SGD) => void): void => {
          change(optW);
          change(optV);
        };
        const both = (): void => {
          plain(tensor([1, 2, 3]));
          compiled(tensor([1, 2, 3]));
          expect(w.tolistSync()).toEqual(v.tolistSync());
        };
        both();
        set((opt) => {
          opt.lr = 0.5;
        });
        both();
        expect(compiled.traces).toBe(1);
        set((opt) => {
          opt.paramGroups[0].weightDecay = 0.1;
        });
        both();
        expect(compiled.traces).toBe(2);
        set((opt) => {
          opt.paramGroups[0].weightDecay = 0.2;
        });
        both();
        expect(compiled.traces).toBe(2);
      });

      on('keeping no more than maxTraces, with one warning', () => {
        const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
        try {
          const f = compile((x: Tensor) => x.add(1), { maxTraces: 2 });
          for (const n of [1, 2, 3, 4, 3, 4, 1])
            expect(
              f(zeros([n]))
                .sum()
                .itemSync(),
            ).toBe(n);
          expect(f.traces).toBe(5);
          expect(warn).toHaveBeenCalledTimes(1);
        } finally {
          warn.mockRestore();
        }
      });

      on('when a parameter is frozen or converted', () => {
        const net = new nn.Linear(2, 2);
        const f = compile((x: Tensor) => net.forward(x));
        const x = ones([1, 2]);
        expect(f(x).requiresGrad).toBe(true);
        net.requiresGrad_(false);
        expect(f(x).requiresGrad).toBe(false);
        net.double();
        expect(f(ones([1, 2], { dtype: 'float64' })).dtype).toBe('float64');
        expect(f.traces).toBe(3);
      });
    });

    describe('takes and gives', () => {
      on('lists and objects of tensors and plain values', () => {
        const f = compile((x: { a: Tensor; rest: readonly Tensor[] }, flag: boolean) => ({
          sum: x.rest.reduce((s, t) => s.add(t), x.a),
          parts: [x.a.mul(2), null, flag, 'text', undefined],
          top: x.a.topk(1),
        }));
        for (let i = 1; i <= 3; i++) {
          const r = f({ a: tensor([1, i]), rest: [tensor([2, 2]), tensor([i, 1])] }, true);
          expect(r.sum.tolistSync()).toEqual([3 + i, i + 3]);
          expect((r.parts[0] as Tensor).tolistSync()).toEqual([2, 2 * i]);
          expect(r.parts.slice(1)).toEqual([null, true, 'text', undefined]);
          const [values, indices] = r.top;
          expect([values.itemSync(), indices.itemSync()]).toEqual([i, i === 1 ? 0 : 1]);
        }
        expect(f.traces).toBe(1);
      });

      on('its arguments and tensors around it, as they are', () => {
        const around = tensor([1, 2]);
        const f = compile((x: Tensor) => ({ x, around, view: x.reshape([2, 1]) }));
        for (let i = 0; i < 3; i++) {
          const x = tensor([i, 1]);
          const r = f(x);
          expect(r.x).toBe(x);
          expect(r.around).toBe(around);
          expect(r.view.tolistSync()).toEqual([[i], [1]]);
        }
      });

      on('views, results of pending work, and the same tensor twice', () => {
        const f = compile((x: Tensor, y: Tensor) => x.matmul(y).sum());
        const g = (x: Tensor, y: Tensor): unknown => x.matmul(y).sum().itemSync();
        for (let i = 0; i < 3; i++) {
          const base = rand([4, 4]);
          const pending = base.add(1).mul(2);
          expect(f(base.t(), pending).itemSync()).toBe(g(base.t(), pending));
          expect(f(base, base).itemSync()).toBe(g(base, base));
          expect(f(base.narrow(0, 1, 2), base).itemSync()).toBe(g(base.narrow(0, 1, 2), base));
        }
        expect(f.traces).toBe(3);
      });

      on('empty tensors', () => {
        const f = compile((x: Tensor) => [x.sum(), x.mul(2)]);
        for (let i = 0; i < 3; i++) {
          const [sum, twice] = f(zeros([0, 3]));
          expect(sum.itemSync()).toBe(0);
          expect(twice.shape).toEqual([0, 3]);
        }
      });

      on('results that later calls leave alone', () => {
        const f = compile((x: Tensor) => x.mul(2));
        const results = [1, 2, 3, 4].map((i) => f(full([5], i)));
        expect(results.map((t) => t.sum().itemSync())).toEqual([10, 20, 30, 40]);
      });

      on('arguments and tensors around it that it changes in place', () => {
        const total = zeros([2]);
        const f = compile((x: Tensor) => {
          x.mul_(2);
          total.add_(x);
          x.add_(1);
        });
        const kept: Tensor[] = [];
        for (let i = 1; i <= 4; i++) {
          const x = tensor([1, i]);
          f(x);
          kept.push(x);
          expect(x.storage.version).toBe(2);
        }
        expect(kept.map((x) => x.tolistSync())).toEqual([1, 2, 3, 4].map((i) => [3, 2 * i + 1]));
        expect(total.tolistSync()).toEqual([8, 20]);
        expect(f.traces).toBe(1);
      });

      on('an update in place of memory that another tensor has as well', () => {
        const f = compile((x: Tensor) => void x.add_(1));
        f(zeros([3]));
        const [x, y] = [zeros([3]), ones([3])];
        y.copy_(x);
        f(x);
        expect([x.tolistSync(), y.tolistSync()]).toEqual([
          [1, 1, 1],
          [0, 0, 0],
        ]);
      });

      on('constants that it changes in place', () => {
        const f = compile((x: Tensor) => {
          const sum = tensor([1, 2]);
          sum.add_(x);
          return sum;
        });
        for (let i = 0; i < 4; i++) expect(f(tensor([i, 0])).tolistSync()).toEqual([1 + i, 2]);
      });

      on(
        'constants and tensors around it as results, which stay what they are when a result is changed',
        () => {
          const w = tensor([1, 2]);
          const f = compile((x: Tensor) => [
            tensor([5, 6]),
            w.reshape([2]),
            w.reshape([1, 2]),
            x.reshape([1, 2]),
          ]);
          const x = tensor([3, 4]);
          for (let i = 0; i < 3; i++) {
            const results = f(x);
            expect(results.map((t) => t.flatten().tolistSync())).toEqual([
              [5, 6],
              [1, 2],
              [1, 2],
              [3, 4],
            ]);
            results[0].add_(1);
          }
          f(x)[3].add_(1);
          expect(x.tolistSync()).toEqual([3, 4]);
          expect(w.tolistSync()).toEqual([1, 2]);
        },
      );

      on('another compiled function, which becomes a part of it', () => {
        const inner = compile((x: Tensor) => x.mul(3));
        const outer = compile((x: Tensor) => inner(x).add(1));
        for (let i = 0; i < 3; i++) expect(outer(tensor([i])).tolistSync()).toEqual([3 * i + 1]);
        expect([inner.traces, outer.traces]).toEqual([0, 1]);
      });

      on('tensors drawn on the host, anew at each call', () => {
        const body = (): Tensor =>
          randperm(5)
            .mul(10)
            .add(randint(10, [5]))
            .add(rand([5]));
        const f = compile(body);
        manualSeed(3);
        const plain = [body(), body(), body()].map((t) => t.tolistSync());
        manualSeed(3);
        expect([f(), f(), f()].map((t) => t.tolistSync())).toEqual(plain);
      });
    });

    describe('on the tape', () => {
      on('gradients through a replay are those of the function', () => {
        const net = new nn.Sequential(
          new nn.Linear(3, 4),
          new nn.Tanh(),
          new nn.Dropout(0.3),
          new nn.Linear(4, 2),
        );
        const f = compile((x: Tensor) => net.forward(x));
        const gradients = (call: (x: Tensor) => Tensor): unknown[] => {
          manualSeed(5);
          const out: unknown[] = [];
          for (let i = 0; i < 3; i++) {
            net.zeroGrad();
            const x = rand([2, 3]).requiresGrad_();
            const scaled = x.mul(2);
            call(scaled).square().sum().backward();
            out.push(x.grad?.tolistSync(), ...[...net.parameters()].map((p) => p.grad?.tolistSync()));
          }
          return out;
        };
        expect(gradients(f)).toEqual(gradients((x) => net.forward(x)));
        expect(f.traces).toBe(1);
      });

      on('second derivatives, hooks and retained graphs', () => {
        const f = compile((x: Tensor) => x.mul(x).mul(x).sum());
        f(tensor([1, 1], { requiresGrad: true }));
        const x = tensor([2, 3], { requiresGrad: true });
        let seen = 0;
        x.registerHook(() => void seen++);
        const y = f(x);
        const [dx] = autograd.grad(y, x, { createGraph: true });
        expect(dx.tolistSync()).toEqual([12, 27]);
        const [dxx] = autograd.grad(dx.sum(), x);
        expect(dxx.tolistSync()).toEqual([12, 18]);
        const z = f(x);
        seen = 0;
        z.backward(null, { retainGraph: true });
        expect(seen).toBe(1);
        z.backward();
        expect(x.grad?.tolistSync()).toEqual([24, 54]);
        expect(() => z.backward()).toThrow(AutogradError);
      });

      on('a replay whose parameters were changed before its backward says so', () => {
        const w = ones([2]).requiresGrad_();
        const f = compile((x: Tensor) => x.mul(w).sum());
        f(ones([2]));
        const y = f(tensor([1, 2], { requiresGrad: true }));
        noGrad(() => w.mul_(2));
        expect(() => y.backward()).toThrow(AutogradError);
      });

      on(
        'several results, in-place changes and tensors that carry a gradient from one call to the next',
        () => {
          const run = (
            wrap: (fn: (x: Tensor, h: Tensor) => Tensor[]) => (x: Tensor, h: Tensor) => Tensor[],
          ): unknown => {
            const w = full([2, 2], 0.5).requiresGrad_();
            const cell = wrap((x, h) => {
              const next = x.matmul(w).add(h).tanh();
              return [next, next.mul(2)];
            });
            let h = zeros([1, 2]);
            let total = zeros([]);
            for (let i = 0; i < 4; i++) {
              const [next, out] = cell(full([1, 2], i), h);
              h = next;
              total = total.add(out.sum());
            }
            total.backward();
            return [total.itemSync(), w.grad?.tolistSync()];
          };
          expect(run(compile)).toEqual(run((fn) => fn));
        },
      );

      on('an argument that is a parameter used inside as well', () => {
        const w = tensor([2, 3], { requiresGrad: true });
        const f = compile((x: Tensor) => x.mul(w).sum());
        expect(f(tensor([1, 1])).itemSync()).toBe(5);
        expect(f(w.detach()).itemSync()).toBe(13);
        expect(f(tensor([1, 1], { requiresGrad: true })).itemSync()).toBe(5);
        const z = f(w);
        expect(f.traces).toBe(3);
        z.backward();
        expect(w.grad?.tolistSync()).toEqual([4, 6]);
        const step = compile((x: Tensor) => noGrad(() => void w.add_(x)));
        step(ones([2]));
        expect(errorOf(() => step(w))).toBeInstanceOf(CompileError);
      });
    });

    describe('refuses', () => {
      on('an index out of range in a replay, and goes on afterwards', () => {
        const table = tensor([1, 2, 3]);
        const f = compile((i: Tensor) => table.indexSelect(0, i));
        const at = (...i: number[]): Tensor => tensor(i, { dtype: 'int64' });
        expect(f(at(0, 1)).tolistSync()).toEqual([1, 2]);
        expect(errorOf(() => f(at(0, 9)))).toBeInstanceOf(IndexError);
        expect(f(at(2, 1)).tolistSync()).toEqual([3, 2]);
      });

      on('functions with gradients of their own on the tape of a result', () => {
        class Square extends autograd.Function {
          static forward(c: autograd.Context, x: Tensor): Tensor {
            c.saveForBackward(x);
            return x.mul(x);
          }
          static backward(c: autograd.Context, grad: Tensor): Tensor {
            return grad.mul(c.savedTensors[0]).mul(2);
          }
        }
        const w = ones([2]).requiresGrad_();
        const outside = compile((x: Tensor) => Square.apply(w.mul(x)));
        expect(errorOf(() => outside(ones([2])))).toBeInstanceOf(CompileError);
        const inside = compile((x: Tensor) => {
          w.clearGrad();
          (Square.apply(w.mul(x)) as Tensor).sum().backward();
        });
        for (let i = 1; i <= 3; i++) {
          inside(tensor([1, i]));
          expect(w.grad?.tolistSync()).toEqual([2, 2 * i * i]);
        }
      });

      on('values that are read while tracing, with the line', () => {
        const f = compile((x: Tensor) => (Number(x.sum().itemSync()) > 0 ? x : x.neg()));
        const error = errorOf(() => f(ones([2])));
        expect(error).toBeInstanceOf(CompileError);
        expect(error.message).toContain('contract.test.ts');
        expect(error.message).toContain('where()');
        for (const read of [
          (x: Tensor) => x.tolistSync(),
          (x: Tensor) => x.nonzero(),
          (x: Tensor) => x.dataSync(),
        ])
          expect(errorOf(() => compile((x: Tensor) => void read(x))(ones([2])))).toBeInstanceOf(CompileError);
      });

      on('asynchronous functions', () => {
        expect(errorOf(() => compile(async (x: Tensor) => x))).toBeInstanceOf(CompileError);
        expect(errorOf(() => compile((x: Tensor) => Promise.resolve(x))(ones([1])))).toBeInstanceOf(
          CompileError,
        );
      });

      on('arguments and results of other kinds', () => {
        const f = compile((x: unknown) => (x instanceof Tensor ? x : null));
        for (const x of [new Map(), new nn.Linear(1, 1), () => 1, Float32Array.of(1), Symbol('s')])
          expect(errorOf(() => f(x))).toBeInstanceOf(ArgumentError);
        const cycle: unknown[] = [];
        cycle.push(cycle);
        expect(errorOf(() => f(cycle))).toBeInstanceOf(ArgumentError);
        expect(errorOf(() => compile(() => new Map())())).toBeInstanceOf(CompileError);
        const endless: unknown[] = [];
        endless.push(endless);
        expect(errorOf(() => compile(() => endless)())).toBeInstanceOf(CompileError);
        const more = { a: 1, [Symbol.iterator]: () => [1, 2].values() };
        expect(errorOf(() => compile(() => more)())).toBeInstanceOf(CompileError);
        // @ts-expect-error no function
        expect(errorOf(() => compile(3))).toBeInstanceOf(ArgumentError);
        expect(errorOf(() => compile((x: Tensor) => x, { maxTraces: 0 }))).toBeInstanceOf(ArgumentError);
      });

      on('gradients of what was recorded before the call', () => {
        const w = ones([2]).requiresGrad_();
        const f = compile((y: Tensor) => y.sum().backward());
        expect(errorOf(() => f(w.mul(2)))).toBeInstanceOf(CompileError);
      });

      on('changes in place of views', () => {
        const f = compile((x: Tensor) => void x.add_(1));
        expect(errorOf(() => f(zeros([4]).narrow(0, 1, 2)))).toBeInstanceOf(CompileError);
      });

      on('tensors of two engines', () => {
        const other = openWorkspace('reference');
        if (!other.ok) throw new Error(other.reason);
        const foreign = withWorkspace(other.space, () => ones([2]));
        expect(errorOf(() => compile((x: Tensor, y: Tensor) => [x, y])(ones([2]), foreign))).toBeInstanceOf(
          CompileError,
        );
        expect(errorOf(() => compile((x: Tensor) => [x.add(1), foreign.add(1)])(ones([2])))).toBeInstanceOf(
          CompileError,
        );
      });

      on('nothing for good: after an error all is as it was', () => {
        let fail = true;
        const w = ones([2]);
        const f = compile((x: Tensor) => {
          const y = x.mul(w);
          if (fail) throw new ShapeError('mine');
          return y.add(1);
        });
        const x = tensor([1, 2]);
        expect(errorOf(() => f(x)).message).toBe('mine');
        expect(x.add(w).tolistSync()).toEqual([2, 3]);
        fail = false;
        expect(f(x).tolistSync()).toEqual([2, 3]);
        expect(f(tensor([5, 6])).tolistSync()).toEqual([6, 7]);
      });
    });

    on('config.debug runs the function itself', () => {
      let calls = 0;
      const f = compile((x: Tensor) => {
        calls++;
        return x.add(1);
      });
      config.debug = true;
      try {
        expect(f(zeros([1])).tolistSync()).toEqual([1]);
        expect(f(zeros([1])).tolistSync()).toEqual([1]);
      } finally {
        config.debug = false;
      }
      expect([calls, f.traces]).toEqual([2, 0]);
    });

    on('explain shows the kernels of a call', () => {
      const f = compile((x: Tensor) => x.mul(2).add(1).relu());
      expect(errorOf(() => f.explain())).toBeInstanceOf(CompileError);
      f(ones([4]));
      expect(f.explain().kernels).toHaveLength(1);
      expect(String(f.explain(zeros([4])))).toContain('launches (1)');
      expect(errorOf(() => f.explain(zeros([5])))).toBeInstanceOf(CompileError);
    });

    describe('check', () => {
      const fails = (make: () => (x: Tensor) => unknown, what: string): void => {
        const f = compile(make(), { check: true });
        f(ones([3]));
        const error = errorOf(() => f(ones([3])));
        expect(error).toBeInstanceOf(CompileError);
        expect(error.message).toContain(what);
      };

      on('lets through what does the same', () => {
        const w = ones([3]).requiresGrad_();
        const opt = new optim.AdamW([w]);
        const f = compile(
          (x: Tensor) => {
            opt.zeroGrad();
            const loss = F.dropout(x.mul(w), 0.5).sum();
            loss.backward();
            opt.step();
            return loss;
          },
          { check: true },
        );
        for (let i = 0; i < 4; i++) f(full([3], i));
        expect(f.traces).toBe(4);
      });

      on('finds a number, an op, an output and a tensor that change', () => {
        fails(() => {
          let i = 0;
          return (x) => x.mul(i++);
        }, 'an operand of mul) was 0 and is now 1');
        fails(() => {
          let i = 0;
          return (x) => (i++ === 0 ? x.sin() : x.cos());
        }, 'was sin');
        fails(() => {
          let i = 0;
          return (x) => [x.add(1), i++];
        }, 'output');
        fails(() => {
          let i = 0;
          return (x) => x.add(tensor([i++, 0, 0]));
        }, 'contents');
        fails(() => {
          const around = [ones([3]), zeros([3])];
          let i = 0;
          return (x) => x.add(around[i++]);
        }, 'around the function');
      });
    });
  },
  engines,
);
