/** Graphs that keep changing run in pieces: the same numbers, few plans, and memory that goes when nothing reads it any more. */
import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { Novelty, type PlanPolicy } from '../../src/engine/novelty.js';
import { ReferenceBackend } from '../../src/engine/reference.js';
import { arange, functional as F, nn, noGrad, optim, stack, type Tensor, zeros } from '../../src/index.js';
import { Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import { openWorkspace, testEngines } from '../support/open-engines.js';

class Cell extends nn.Module {
  readonly input = new nn.Linear(3, 8);
  readonly hidden = new nn.Linear(8, 8);
  readonly out = new nn.Linear(8, 2);

  override forward(x: Tensor, h: Tensor): Tensor {
    return this.input.forward(x).add(this.hidden.forward(h)).tanh();
  }
}

/** A number between -1 and 1 for each position, the same on every engine. */
function values(shape: readonly number[], from: number): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  return arange(count).add(from).mul(0.7).sin().reshape(shape);
}

/** Trains on sequences of these lengths; the last loss and all weights. */
function train(lengths: readonly number[]): number[] {
  const cell = new Cell();
  noGrad(() => {
    [...cell.parameters()].forEach((p, i) => {
      p.copy_(values(p.shape, i).mul(0.3));
    });
  });
  const optimizer = new optim.Adam(cell.parameters(), { lr: 0.01 });
  let last = 0;
  for (const length of lengths) {
    const xs = values([length, 4, 3], length);
    let h = zeros([4, 8]);
    const outputs: Tensor[] = [];
    for (let t = 0; t < length; t++) {
      h = cell.forward(xs.index(t), h);
      outputs.push(cell.out.forward(h));
    }
    const loss = F.mseLoss(stack(outputs), values([length, 4, 2], 5));
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    last = Number(loss.itemSync());
  }
  return [last, ...[...cell.parameters()].flatMap((p) => [...p.dataSync()].map(Number))];
}

for (const name of testEngines) {
  const opened = openWorkspace(name);
  const apart = openWorkspace(name, true);
  if (!opened.ok || !apart.ok) {
    test.skip(`${name}: ${opened.ok ? '' : opened.reason}`, () => {});
    continue;
  }
  const [whole, pieces] = [opened.space, apart.space];

  describe(name, () => {
    test('a training on sequences of many lengths is the same to the bit', () => {
      const lengths = [3, 9, 4, 7, 5, 3, 8];
      const expected = withWorkspace(whole, () => train(lengths));
      expect(withWorkspace(pieces, () => train(lengths))).toEqual(expected);
    });

    test('sequences of new lengths find the pieces of shorter ones', () => {
      const { statistics } = pieces.engine;
      withWorkspace(pieces, () => train([10, 11]));
      const { plans, runs } = statistics;
      withWorkspace(pieces, () => train([12]));
      expect(statistics.runs - runs).toBeGreaterThan(80);
      expect(statistics.plans - plans).toBeLessThan((statistics.runs - runs) / 3);
    });

    test('which part of a value is taken makes no plan', () => {
      const { statistics } = pieces.engine;
      /** The sum of one element each of some vectors, which are computed in the same run. */
      const picked = (choices: readonly number[]): number[] => {
        const vectors = choices.map((_, i) => values([2], i).keep());
        for (const v of vectors) v.dataSync();
        const w = choices.map((choice, i) => vectors[i].add(vectors[0]).index(choice));
        return [...stack(w).mul(2).dataSync()].map(Number);
      };
      const all = Array.from({ length: 40 }, () => 0);
      const pattern = all.map((_, i) => ((i * 7) % 3) % 2);
      const expected = withWorkspace(whole, () => picked(pattern));
      withWorkspace(pieces, () => picked(all));
      const { plans } = statistics;
      expect(withWorkspace(pieces, () => picked(pattern))).toEqual(expected);
      expect(statistics.plans).toBe(plans);
    });

    test('a list that is one longer is joined by the plans of the shorter one but for its end', () => {
      const { statistics } = pieces.engine;
      const joined = (length: number): number[] => {
        const parts = Array.from({ length }, (_, i) => values([2], i).keep());
        for (const part of parts) part.dataSync();
        return [...stack(parts).dataSync()].map(Number);
      };
      withWorkspace(pieces, () => joined(34));
      const { plans } = statistics;
      expect(withWorkspace(pieces, () => joined(50))).toEqual(withWorkspace(whole, () => joined(50)));
      // The last two are known too; how many rounds there are is new.
      expect(statistics.plans - plans).toBe(1);
    });

    test('what overwrites memory comes after what reads it, and parts of it are read where they lie', () => {
      const program = (): number[] => {
        const w = values([6, 4], 1);
        w.dataSync();
        const before = w.mul(2).exp();
        const part = w.index(2).add(1).tanh();
        w.add_(1);
        const between = w.index(3).mul(w.index(5));
        w.index(1).copy_(w.index(4).add(part));
        w.mul_(part.sum());
        const all = [before, part, between, w, w.index(1).add(before.index(2))];
        return all.flatMap((t) => [...t.dataSync()].map(Number));
      };
      expect(withWorkspace(pieces, program)).toEqual(withWorkspace(whole, program));
    });

    test('gradients of which one op computes several, and nobody reads all', () => {
      const program = (): number[] => {
        const [q, k, v] = [1, 2, 3].map((from) => values([2, 3], from));
        v.requiresGrad_();
        F.scaledDotProductAttention(q, k, v).sum().backward();
        return [...(v.grad?.dataSync() ?? [])].map(Number);
      };
      expect(withWorkspace(pieces, program)).toEqual(withWorkspace(whole, program));
    });

    test('gradients, and small values that an update would take away, can be read after the step', () => {
      const program = (): number[] => {
        const layer = new nn.Linear(3, 4);
        noGrad(() => {
          for (const p of layer.parameters()) p.copy_(values(p.shape, 2));
        });
        const optimizer = new optim.Adam(layer.parameters());
        const out = layer.forward(values([5, 3], 1));
        const inner = out.mul(2).sum();
        inner.square().mean().backward();
        optimizer.step();
        const read = [...layer.parameters()].flatMap((p) => [...(p.grad?.dataSync() ?? [])].map(Number));
        const number = Number(inner.itemSync());
        return [...read, number];
      };
      expect(withWorkspace(pieces, program)).toEqual(withWorkspace(whole, program));
    });

    test('values on the way are given back', () => {
      const { backend } = pieces.engine;
      const alive = new Set<object>();
      let taken = 0;
      const { allocate, release } = backend;
      backend.allocate = (bytes) => {
        const memory = allocate.call(backend, bytes);
        taken++;
        alive.add(memory);
        return memory;
      };
      backend.release = (memory) => {
        alive.delete(memory);
        release.call(backend, memory);
      };
      try {
        withWorkspace(pieces, () => train([20]));
      } finally {
        backend.allocate = allocate;
        backend.release = release;
      }
      // At each step back the gradient of the state, which three read.
      expect(taken - alive.size).toBeGreaterThan(20);
    });
  });
}

describe('which graphs get a plan', () => {
  const large = { nodes: 100, bytes: 1e4 };

  /** A policy whose plans were all in vain. */
  function spent(): Novelty {
    const policy = new Novelty();
    while (!policy.wantsSteps(0, large)) policy.planned(large.nodes);
    return policy;
  }

  test('those of a program whose graphs come again', () => {
    const policy = new Novelty();
    for (let i = 0; i < 100; i++) {
      expect(policy.wantsSteps(i, large)).toBe(false);
      policy.planned(large.nodes);
      policy.repeated(large.nodes);
    }
  });

  test('only small and those whose values are large, once plans did not pay', () => {
    const policy = spent();
    expect(policy.wantsSteps(1, large)).toBe(true);
    expect(policy.wantsSteps(2, { ...large, nodes: 10 })).toBe(false);
    expect(policy.wantsSteps(3, { ...large, bytes: 1e9 })).toBe(false);
  });

  test('those that came again and again, and sooner where others did', () => {
    const policy = spent();
    /** How often a graph runs in pieces, all of which are known. */
    const runsOf = (hash: number): number => {
      let runs = 0;
      for (; policy.wantsSteps(hash, large); runs++) policy.stepped(hash, large, 0);
      return runs;
    };
    const runs = runsOf(1);
    expect(runs).toBeGreaterThan(6);
    expect(runs).toBeLessThan(40);
    expect(policy.wantsSteps(2, large)).toBe(true);
    policy.repeated(large.nodes);
    const sooner = runsOf(3);
    expect(sooner).toBeGreaterThan(2);
    expect(sooner).toBeLessThan(runs);
  });

  test('those whose pieces are as new as they are, until that was long ago', () => {
    const policy = spent();
    for (let hash = 1; hash < 9; hash++) policy.stepped(hash, large, large.nodes);
    policy.repeated(large.nodes);
    expect(policy.wantsSteps(9, large)).toBe(false);
    let plans = 0;
    for (; !policy.wantsSteps(9, large); plans++) {
      policy.planned(large.nodes);
      policy.repeated(large.nodes);
    }
    expect(plans).toBeGreaterThan(3);
    expect(plans).toBeLessThan(40);
  });

  test('an engine tells the policy which pieces it had to plan', () => {
    const told: number[] = [];
    const policy: PlanPolicy = {
      wantsSteps: () => true,
      stepped: (_, __, planned) => void told.push(planned),
      planned: () => {},
      repeated: () => {},
    };
    withWorkspace(new Workspace(new Engine(new ReferenceBackend(), policy)), () => {
      const x = values([3, 4], 1);
      x.dataSync();
      told.length = 0;
      for (let i = 0; i < 2; i++) x.matmul(x.transpose(0, 1)).exp().matmul(x).sum().itemSync();
    });
    expect(told).toEqual([expect.any(Number), 0]);
    expect(told[0]).toBeGreaterThan(3);
  });
});
