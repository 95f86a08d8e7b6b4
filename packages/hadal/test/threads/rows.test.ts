/** Which loops over steps are cut along rows, and that they give the same bits then. */
import { describe, expect, it } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { nativeBackend, wasmBackend } from '../../src/engine/select.js';
import { fromTypedArray, scan, type Tensor } from '../../src/index.js';
import { Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import { bitsOf, some } from './cases.js';

const ROWS = 19;
const FEATURES = 32;
const STEPS = 6;

type Step = (h: Tensor, x: Tensor, w: Tensor) => readonly [carry: Tensor, output: Tensor];

function loop(step: Step, rows = ROWS, features = FEATURES) {
  return () => {
    const [h, x, w] = [some(1, rows, features), some(2, STEPS, rows, features), some(3, features, features)];
    const { carry, outputs } = scan((now: Tensor, at: Tensor) => step(now, at, w), h, x);
    carry
      .mul(some(4, rows, features))
      .sum()
      .add(outputs.square().sum())
      .backward();
    return { results: [carry, outputs], inputs: [h, x, w] };
  };
}

const both = (h: Tensor): readonly [Tensor, Tensor] => [h, h];

const cut: { readonly [name: string]: ReturnType<typeof loop> } = {
  'a recurrent layer': loop((h, x, w) => both(h.matmul(w).add(x).tanh())),
  'a gated one': loop((h, x, w) => {
    const gate = h.matmul(w).add(x).sigmoid();
    return both(h.mul(gate).add(x.mul(gate.neg().add(1))));
  }),
  'a product deeper than a cache block': loop((h, x, w) => both(h.matmul(w).mul(0.1).add(x)), 5, 528),
  'rows that are normalised': loop((h, x) => both(h.add(x).softmax(-1))),
  'rows that read one row of an input': loop((h, x, w) => both(h.mul(x).add(w.select(0, 5)))),
};

const whole: { readonly [name: string]: ReturnType<typeof loop> } = {
  'columns that are normalised': loop((h, x) => both(h.add(x).softmax(0))),
  'rows in turn': loop((h, x) => both(h.flip([0]).add(x))),
  'a product from the left': loop((h, x) => both(x.mul(0.1).matmul(h.transpose(0, 1)).matmul(h))),
  'rows that are no whole vectors': loop((h, x, w) => both(h.matmul(w).add(x).tanh()), 6, 21),
  'rows of all carries': loop((h, x) =>
    both(
      h
        .mul(0.5)
        .add(h.sum(0, { keepdim: true }))
        .mul(x),
    ),
  ),
};

const engines = {
  native: (count: number) => nativeBackend({ shares: { count, leastShareNs: 0 } }),
  wasm: (count: number) => wasmBackend({ threaded: false, shares: { count, leastShareNs: 0 } }),
} as const;

describe.each(Object.entries(engines))('loops over steps on %s', (_, open) => {
  const opened = [1, 2, 3, 8].map(open);
  const spaces = opened.flatMap((o) => (o.ok ? [new Workspace(new Engine(o.backend))] : []));
  const reason = opened[0].ok ? undefined : opened[0].reason;

  /** Launches of loops over steps in the forward pass that run on several threads, and all of them. */
  function launches(make: ReturnType<typeof loop>): readonly (readonly string[])[] {
    return withWorkspace(spaces[2], () => {
      make().results[0].dataSync();
      const all = spaces[2].engine.explainLast().plan.match(/launch \d+: scan_.*/g) ?? [];
      return [all.filter((l) => l.includes(' on 3 threads')), all];
    });
  }

  describe.each(Object.entries({ ...cut, ...whole }))('%s', (name, make) => {
    it('has the same bits for any number of threads', ({ skip }) => {
      if (reason !== undefined) skip(reason);
      const [one, ...others] = spaces.map((space) => withWorkspace(space, () => bitsOf(make)));
      for (const bits of others) expect(bits).toEqual(one);
    });

    it(name in cut ? 'is cut along rows' : 'is not cut', ({ skip }) => {
      if (reason !== undefined) skip(reason);
      const [several, all] = launches(make);
      expect(all.length).toBeGreaterThan(0);
      expect(several.length).toBe(name in cut ? all.length : 0);
    });
  });

  it('does not cut what may have an error to tell', ({ skip }) => {
    if (reason !== undefined) skip(reason);
    const make = () => {
      const at = fromTypedArray(new BigInt64Array(ROWS * FEATURES).fill(3n), [ROWS, FEATURES]);
      const h = some(1, ROWS, FEATURES);
      const { carry } = scan(
        (now: Tensor, i: Tensor) => [now.gather(1, i.mul(at)), now] as const,
        h,
        fromTypedArray(new BigInt64Array(STEPS).fill(2n), [STEPS]),
      );
      return { results: [carry], inputs: [] };
    };
    const [several, all] = launches(make);
    expect([several.length, all.length]).toEqual([0, 1]);
  });
});
