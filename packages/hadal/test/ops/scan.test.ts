/** scan against the loop that it stands for: values, gradients of everything, second gradients, on every engine. */
import { describe, expect, test } from 'vitest';
import { autograd, scan, stack, type Tensor, tensor, where } from '../../src/index.js';
import { onEveryEngine } from '../support/engines.js';

type Step = (carry: Tensor[], x: Tensor[]) => readonly [carry: Tensor[], output: Tensor[]];

/** What scan means. */
function loop(step: Step, init: Tensor[], xs: Tensor[], length: number, reverse: boolean) {
  let carry = init;
  const outputs: Tensor[][] = [];
  for (let i = 0; i < length; i++) {
    const t = reverse ? length - 1 - i : i;
    const [next, output] = step(
      carry,
      xs.map((x) => x.select(0, t)),
    );
    carry = next;
    outputs[t] = output;
  }
  return { carry, outputs: (outputs[0] ?? []).map((_, k) => stack(outputs.map((o) => o[k]))) };
}

let seed = 1;
/** Numbers that look random and are the same each time. */
function numbers(shape: readonly number[], dtype: 'float32' | 'float64' = 'float32'): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  const data = Array.from({ length: count }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return (seed >>> 8) / 2 ** 23 - 1;
  });
  return tensor(data, { dtype }).reshape(shape);
}

function close(a: Tensor, b: Tensor, tolerance: number, what: string): void {
  expect(a.shape, what).toEqual(b.shape);
  expect(a.dtype, what).toBe(b.dtype);
  const [x, y] = [a, b].map((t) => Array.from(t.dataSync(), Number));
  x.forEach((v, i) => {
    if (!(Math.abs(v - y[i]) <= tolerance * (1 + Math.abs(y[i]))))
      throw new Error(`${what}: element ${i} is ${v}, the loop gives ${y[i]}`);
  });
}

interface Case {
  readonly title: string;
  readonly init: () => Tensor[];
  readonly xs: () => Tensor[];
  /** Tensors from outside. */
  readonly weights: () => Tensor[];
  readonly step: (w: readonly Tensor[]) => Step;
  readonly length: number;
}

const cases: readonly Case[] = [
  {
    title: 'a running sum',
    init: () => [numbers([5])],
    xs: () => [numbers([4, 5])],
    weights: () => [],
    step:
      () =>
      ([s], [x]) => [[s.add(x)], [s]],
    length: 4,
  },
  {
    title: 'a plain recurrent network',
    init: () => [numbers([3, 20])],
    xs: () => [numbers([5, 3, 20])],
    weights: () => [numbers([20, 20]), numbers([20])],
    step:
      ([w, b]) =>
      ([h], [x]) => {
        const next = x.add(h.matmul(w.t()).add(b)).tanh();
        return [[next], [next]];
      },
    length: 5,
  },
  {
    title: 'two carries, gates and several outputs',
    init: () => [numbers([2, 7]), numbers([2, 7])],
    xs: () => [numbers([3, 2, 28])],
    weights: () => [numbers([28, 7]), numbers([28])],
    step:
      ([w, b]) =>
      ([h, c], [x]) => {
        const z = x.add(h.matmul(w.t()).add(b));
        const [i, f, g, o] = [0, 1, 2, 3].map((k) => z.narrow(1, 7 * k, 7));
        const cell = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()));
        const hidden = o.sigmoid().mul(cell.tanh());
        return [
          [hidden, cell],
          [hidden, cell.sum(1)],
        ];
      },
    length: 3,
  },
  {
    title: 'weights used pointwise, in sums and by views',
    init: () => [numbers([4])],
    xs: () => [numbers([6, 4]), numbers([6, 3, 4])],
    weights: () => [numbers([4]), numbers([2, 4]), numbers([])],
    step:
      ([v, m, s]) =>
      ([h], [x, y]) => {
        const next = h
          .mul(v)
          .add(x.mul(m.select(0, 1)))
          .add(y.sum(0))
          .mul(s)
          .sigmoid();
        return [[next], [next.sum().mul(x), y.mul(m.flip(0).select(0, 0))]];
      },
    length: 6,
  },
  {
    title: 'a product of what the steps give themselves',
    init: () => [numbers([3, 3])],
    xs: () => [numbers([4, 3, 3])],
    weights: () => [numbers([3, 3])],
    step:
      ([w]) =>
      ([a], [x]) => [[a.matmul(x).mul(0.5).add(w)], [x.matmul(a), w]],
    length: 4,
  },
  {
    title: 'choices, maxima and a carry that is never changed',
    init: () => [numbers([5]), numbers([5])],
    xs: () => [numbers([3, 5])],
    weights: () => [numbers([5])],
    step:
      ([w]) =>
      ([h, fixed], [x]) => {
        const next = where(x.gt(0), h.mul(w), h.sub(x).maximum(fixed)).relu();
        return [[next, fixed], [next.softmax(0)]];
      },
    length: 3,
  },
  {
    title: 'one step',
    init: () => [numbers([2, 3])],
    xs: () => [numbers([1, 2, 3])],
    weights: () => [numbers([3, 3])],
    step:
      ([w]) =>
      ([h], [x]) => [[h.matmul(w).add(x)], [h.exp()]],
    length: 1,
  },
];

for (const c of cases) {
  onEveryEngine(c.title, ({ run }) => {
    for (const reverse of [false, true]) {
      test(reverse ? 'backwards' : 'forwards', () =>
        run(() => {
          const [init, xs, weights] = [c.init(), c.xs(), c.weights()];
          const all = [...init, ...xs, ...weights].map((t) => t.requiresGrad_());
          const step = c.step(weights);
          const ours = scan(step, init, xs, { reverse });
          const theirs = loop(step, init, xs, c.length, reverse);
          const flat = (r: { carry: Tensor[]; outputs: Tensor[] }): Tensor[] => [...r.carry, ...r.outputs];
          const [mine, wanted] = [flat(ours), flat(theirs)];
          mine.forEach((t, i) => close(t, wanted[i], 1e-5, `result ${i}`));
          const loss = (results: readonly Tensor[]): Tensor =>
            results
              .map((t, i) =>
                t
                  .mul(t)
                  .mul(i + 1)
                  .sum(),
              )
              .reduce((a, b) => a.add(b));
          const grads = autograd.grad(loss(flat(scan(step, init, xs, { reverse }))), all, {
            materializeGrads: true,
          });
          const expected = autograd.grad(loss(wanted), all, { materializeGrads: true });
          grads.forEach((g, i) => close(g, expected[i], 2e-5, `gradient ${i}`));
        }),
      );
    }
  });
}

describe('second gradients', () => {
  for (const c of cases) {
    test(c.title, () => {
      const wide = (ts: Tensor[]): Tensor[] => ts.map((t) => t.to('float64').requiresGrad_());
      const [init, xs, weights] = [wide(c.init()), wide(c.xs()), wide(c.weights())];
      const all = [...init, ...xs, ...weights];
      const second = (results: readonly Tensor[]): Tensor[] => {
        const loss = results
          .map((t, i) =>
            t
              .mul(t)
              .mul(i + 1)
              .sum(),
          )
          .reduce((a, b) => a.add(b));
        const first = autograd.grad(loss, all, { createGraph: true, materializeGrads: true });
        const sum = first
          .map((g, i) =>
            g
              .mul(g)
              .mul(0.5 + i)
              .sum(),
          )
          .reduce((a, b) => a.add(b));
        return autograd.grad(sum, all, { materializeGrads: true });
      };
      const step = c.step(weights);
      const ours = scan(step, init, xs);
      const theirs = loop(step, init, xs, c.length, false);
      const [mine, wanted] = [
        second([...ours.carry, ...ours.outputs]),
        second([...theirs.carry, ...theirs.outputs]),
      ];
      mine.forEach((g, i) => close(g, wanted[i], 1e-9, `second gradient ${i}`));
    });
  }
});
