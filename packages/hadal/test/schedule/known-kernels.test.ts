/** Kernels of groups that were seen before are those that would be built. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { ReferenceBackend } from '../../src/engine/reference.js';
import type { Template } from '../../src/graph/template.js';
import { functional as F, fromTypedArray, nn, optim, slice, type Tensor } from '../../src/index.js';
import type { Kernel } from '../../src/kernel/l2.js';
import { avx512Target } from '../../src/runtime/native/targets.js';
import { forgetKernels } from '../../src/schedule/known-kernels.js';
import type { Plan } from '../../src/schedule/plan.js';
import { printPlan, schedule } from '../../src/schedule/plan.js';
import { Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import { runProgram } from '../support/program.js';
import { programs } from '../support/random-program.js';

/** Notes the templates of all plans that a function's graphs are run by. */
function templatesOf(run: (space: Workspace) => void): Template[] {
  const backend = new ReferenceBackend();
  const templates: Template[] = [];
  const prepare = backend.prepare.bind(backend);
  backend.prepare = (plan) => {
    templates.push(plan.template);
    return prepare(plan);
  };
  run(new Workspace(new Engine(backend)));
  return templates;
}

/** All that a plan says, in words. */
function described(plan: Plan): string {
  const launches = plan.launches.map(({ key, abstract, blocks, shares, usesStatus }) => ({
    key,
    variables: abstract.variableSlots,
    indices: [...abstract.indexSlots],
    guards: [...abstract.guardSlots.values()],
    blocks: blocks.map(({ kernel: _, ...block }) => block),
    shares,
    usesStatus,
  }));
  const { outputs, updates, arena, where, packable } = plan;
  return JSON.stringify([printPlan(plan), launches, outputs, updates, arena, [...where], packable]);
}

function some(...shape: number[]): Tensor {
  return fromTypedArray(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5), shape);
}

function planOf(template: Template): Plan {
  return schedule(template, avx512Target);
}

/** The kernels of one plan's blocks. */
function kernelsOf(run: () => Tensor): Kernel[] {
  const templates = templatesOf((space) =>
    withWorkspace(space, () => {
      run().dataSync();
    }),
  );
  return templates.flatMap((t) => planOf(t).launches.flatMap((l) => l.blocks.map((b) => b.kernel)));
}

describe('kernels that are known', () => {
  test('are what would be built, whatever was planned before', () => {
    forgetKernels();
    const templates = templatesOf((space) =>
      fc.assert(
        fc.property(programs(30), (program) => {
          runProgram(space, program);
        }),
        { numRuns: 300, seed: 51 },
      ),
    );
    const plans = templates.map(planOf);
    const known = plans.map(described);
    const seen = new Set<Kernel>();
    let again = 0;
    for (const { launches } of plans)
      for (const { blocks } of launches)
        for (const { kernel } of blocks) {
          if (seen.has(kernel)) again++;
          seen.add(kernel);
        }
    expect(again).toBeGreaterThan(50);
    const built = templates.map((template) => {
      forgetKernels();
      return described(planOf(template));
    });
    expect(known).toEqual(built);
  }, 60_000);

  test('are shared by the steps of a loop', () => {
    const kernels = kernelsOf(() => {
      const weight = some(8, 8);
      let h = some(4, 8);
      for (let t = 0; t < 6; t++) h = h.matmul(weight).tanh();
      return h;
    });
    expect(kernels).toHaveLength(6);
    expect(new Set(kernels).size).toBe(1);
  });

  test.each<[string, () => Tensor, () => Tensor]>([
    ['sizes', () => some(4, 8).exp().sum(1), () => some(4, 9).exp().sum(1)],
    ['what is reduced', () => some(4, 4).exp().sum(1), () => some(4, 4).exp().sum(0)],
    [
      'which elements are read',
      () => some(9).index(slice(1, 5)).exp(),
      () => some(9).index(slice(2, 6)).exp(),
    ],
    [
      'constants',
      () => some(4).clamp(0).add(some(4).maximum(1)),
      () => some(4).clamp(0).add(some(4).minimum(1)),
    ],
    ['which of two it is', () => some(4).div(some(4).exp()), () => some(4).exp().div(some(4))],
    ['whether one is both', () => some(4).div(some(4)), () => ((x) => x.div(x))(some(4))],
    ['dtypes', () => some(4).neg(), () => some(4).double().neg()],
  ])('differ where groups differ: %s', (_, first, second) => {
    forgetKernels();
    const [a, b] = [kernelsOf(first), kernelsOf(second)];
    expect(a.length).toBeGreaterThan(0);
    for (const kernel of b) expect(a).not.toContain(kernel);
  });

  test('are right where the memory of what is read is taken over', () => {
    const templates = templatesOf((space) =>
      withWorkspace(space, () => {
        const x = some(6, 6);
        x.dataSync();
        x.add_(x.transpose(0, 1));
        x.dataSync();
        x.add_(x);
        x.dataSync();
        x.index(slice(1, 3)).mul_(2);
        x.dataSync();
        x.index(slice(2, 4)).mul_(2);
        x.dataSync();
        const net = new nn.Linear(6, 6);
        const optimizer = new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9 });
        for (let i = 0; i < 3; i++) {
          optimizer.zeroGrad();
          F.mseLoss(net.forward(x), x.detach()).backward();
          optimizer.step();
        }
      }),
    );
    const known = templates.map((t) => described(planOf(t)));
    const built = templates.map((t) => {
      forgetKernels();
      return described(planOf(t));
    });
    expect(known).toEqual(built);
    expect(templates.length).toBeGreaterThan(4);
  });
});
