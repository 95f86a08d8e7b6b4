/**
 * Plans of typical graphs, checked stage by stage on each kind of target: the graph, the kernels as loops (L2), the kernels as vector
 * code (L3), and what all of them look like in print.
 */
import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { ReferenceBackend } from '../../src/engine/reference.js';
import type { Node } from '../../src/graph/node.js';
import { decompose } from '../../src/graph/rewrites/decompose.js';
import type { Root, Template } from '../../src/graph/template.js';
import { capture, printTemplate, templateOf, verifyTemplate } from '../../src/graph/template.js';
import { functional as F, fromTypedArray, nn, noGrad, slice, type Tensor } from '../../src/index.js';
import type { Kernel, LoweredKernel } from '../../src/kernel/l2.js';
import { variableSizes, verifyKernel } from '../../src/kernel/l2.js';
import { printKernel } from '../../src/kernel/l2-print.js';
import type { L3Function } from '../../src/kernel/l3.js';
import { printL3 } from '../../src/kernel/l3-print.js';
import { verifyL3 } from '../../src/kernel/l3-verify.js';
import { lower } from '../../src/kernel/lower.js';
import type { Target } from '../../src/kernel/target.js';
import { avx2Target, avx512Target } from '../../src/runtime/native/targets.js';
import { wasmTarget } from '../../src/runtime/wasm/target.js';
import { MemoryReport } from '../../src/schedule/memory-report.js';
import type { ExplainedPlan } from '../../src/schedule/plan.js';
import { printPlan, schedule } from '../../src/schedule/plan.js';
import { Workspace, withWorkspace } from '../../src/tensor/workspace.js';

const targets: readonly Target[] = [avx512Target, avx2Target, wasmTarget];

/** A tensor in memory; what is in it does not matter to a plan. */
function some(...shape: number[]): Tensor {
  return fromTypedArray(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
}

function labels(n: number): Tensor {
  return fromTypedArray(new BigInt64Array(n), [n]);
}

function node(t: Tensor): Node {
  return t.value.node;
}

function roots(...tensors: Tensor[]): Root[] {
  return tensors.map((t) => ({ node: node(t), into: null }));
}

/** Forward, backward and an update in place of every parameter. */
function trainingStep(batch: number): Root[] {
  const model = [new nn.Linear(20, 33), new nn.Linear(33, 10)];
  const [hidden, out] = model;
  const parameters = model.flatMap((m) => [...m.parameters()]);
  for (const p of parameters) p.dataSync();
  const logits = out.forward(F.gelu(hidden.forward(some(batch, 20))));
  const loss = F.crossEntropy(logits, labels(batch));
  loss.backward();
  const updates = parameters.map((p): Root => {
    const { grad } = p;
    if (grad === null) throw new Error('a parameter has no gradient');
    return { node: node(noGrad(() => p.sub(grad.mul(0.1)))), into: p.storage.node };
  });
  return [...roots(loss), ...updates];
}

const graphs: { readonly [name: string]: (batch: number) => Root[] } = {
  'a training step': trainingStep,
  'a chain of elementwise ops': (n) => roots(some(n, 7).mul(2).add(some(7)).relu()),
  softmax: (n) => roots(some(n, 19).softmax(1)),
  'softmax down the columns': (n) => roots(some(n, 19).softmax(0)),
  gelu: (n) => roots(F.gelu(some(n, 5)), F.gelu(some(n, 5), { approximate: 'tanh' })),
  gather: (n) => roots(some(n, 9).gather(1, labels(n).unsqueeze(1)).mul(2)),
  'gather, backwards': (n) => {
    const x = some(n, 9).requiresGrad_();
    x.gather(1, labels(n).unsqueeze(1).expand([n, 4]).clone())
      .exp()
      .sum()
      .backward();
    return x.grad === null ? [] : roots(x.grad);
  },
  'a gathered operand of a product': (n) => {
    const rows = labels(n).unsqueeze(1).expand([n, 6]);
    return roots(some(40, 6).gather(0, rows).matmul(some(6, 3)));
  },
  views: (n) => {
    const x = some(n, 6);
    return roots(
      x
        .t()
        .index(slice(1, 5, 2))
        .reshape([n * 2])
        .mul(3),
      x.unsqueeze(1).expand([n, 4, 6]).permute([2, 0, 1]).add(1),
    );
  },
  'an update through a view': (n) => {
    const x = some(n, 6);
    x.index(':', slice(1, 6, 2)).mul_(2);
    return roots(x);
  },
  'products of stacks': (n) =>
    roots(
      some(n, 1, 5, 4)
        .matmul(some(3, 4, 2))
        .add(some(2))
        .relu(),
    ),
  integers: (n) => {
    const x = labels(n);
    return roots(x.mul(3).sum(), x.to('uint8').add(7), x.gt(2).sum(), x.argmax(0), x.to('int32').amax());
  },
  'dropout and reductions': (n) => {
    const x = F.dropout(some(n, 8), 0.5);
    return roots(x.mean(1), x.amax(0), x.sub(x.mean()).square().mean().sqrt());
  },
};

/** Graphs with a kernel that has no vector form: int64, gathered or strided elements. */
const partlyScalar = new Set(['gather', 'views', 'an update through a view', 'integers']);

/** Vectors of a target's length, or single elements where a kernel has no vector form. */
function lanesOf(name: string, target: Target): number[] {
  return partlyScalar.has(name) ? [1, target.lanes] : [target.lanes];
}

interface Planned {
  readonly captured: Template;
  readonly plan: ExplainedPlan;
}

function planned(graph: (batch: number) => Root[], batch: number, target: Target): Planned {
  const space = new Workspace(new Engine(new ReferenceBackend()));
  return withWorkspace(space, () => {
    const captured = templateOf(capture(graph(batch)));
    return { captured, plan: schedule(decompose(captured, target), target) };
  });
}

function blocks(plan: ExplainedPlan): Kernel[] {
  return plan.launches.flatMap((l) => l.blocks.map((b) => b.kernel));
}

/** The kernel of a launch that is compiled. */
function compiledKernel({ kernel }: ExplainedPlan['launches'][number]): LoweredKernel {
  if (kernel.kind === 'host') throw new Error('a host kernel is not lowered');
  return kernel;
}

function lowered(plan: ExplainedPlan, target: Target): L3Function[] {
  return plan.launches.flatMap((l) =>
    l.kernel.kind === 'host' ? [] : [lower(l.kernel, l.abstract, target)],
  );
}

describe.each(targets.map((t) => [`${t.id} (${t.lanes} lanes)`, t] as const))('plans for %s', (_, target) => {
  test.each(Object.entries(graphs))('%s: every stage is well formed', (name, graph) => {
    const { captured, plan } = planned(graph, 12, target);
    verifyTemplate(captured);
    verifyTemplate(plan.template);
    const kernels = blocks(plan);
    expect(kernels.length).toBeGreaterThan(0);
    for (const kernel of kernels) verifyKernel(kernel);
    for (const fn of lowered(plan, target)) {
      verifyL3(fn);
      expect(fn.wide ? [target.wideLanes] : lanesOf(name, target)).toContain(fn.lanes);
    }
  });

  test.each(Object.entries(graphs))('%s: all that is wanted is written once', (_, graph) => {
    const { captured, plan } = planned(graph, 12, target);
    const wanted = captured.nodes.flatMap((n, i) => (n.root ? [i] : []));
    const settled = [...plan.outputs, ...plan.updates].map((o) => o.node);
    expect(new Set(settled).size).toBe(settled.length);
    expect(settled).toEqual(expect.arrayContaining(wanted));
    const writes = plan.launches.flatMap((l) => l.blocks.flatMap((b) => b.writes));
    expect(new Set(writes).size).toBe(writes.length);
  });

  test.each(Object.entries(graphs))('%s: print shows kernels, loops and memory', (_, graph) => {
    const { captured, plan } = planned(graph, 12, target);
    const text = printPlan(plan);
    expect(text).toContain(`launches (${plan.launches.length})`);
    plan.launches.forEach((l, i) => {
      expect(text).toContain(`launch ${i}: ${l.kernel.name}`);
      expect(text).toContain(`kernel ${l.kernel.name}:`);
    });
    const memory = new MemoryReport(plan);
    expect(memory.arenaBytes).toBe(plan.arena.bytes);
    for (const v of memory.values.filter(({ place }) => place === 'arena'))
      expect(memory.toString()).toContain(v.node === null ? 'workspace' : `n${v.node} ${v.name}`);
    for (const kernel of blocks(plan)) {
      const printed = printKernel(kernel);
      for (const size of variableSizes(kernel)) expect(printed).toContain(`< ${size}`);
      for (const s of kernel.stores) expect(printed).toContain(`b${s.buffer}[`);
    }
    for (const fn of lowered(plan, target)) {
      const printed = printL3(fn);
      expect(printed).toContain(`kernel ${fn.name}(`);
      expect(printed).toContain(`lanes ${fn.lanes} {`);
      expect(printed).toMatch(/for %\d+ in %\d+\.\.%\d+ by \d+/);
      expect(printed).toMatch(/store \w+ b\d+\[/);
    }
    const printed = printTemplate(captured);
    captured.nodes.forEach((n, i) => {
      const what = n.leaf >= 0 ? `leaf ${n.leaf}` : n.argument >= 0 ? `argument ${n.argument}` : n.op.name;
      expect(printed).toContain(`n${i}: ${n.dtype}[${n.shape.join(', ')}] = ${what}`);
    });
  });
});

describe('kernel keys', () => {
  const keys = (graph: (batch: number) => Root[], batch: number, target: Target): string[] =>
    planned(graph, batch, target).plan.launches.map((l) => l.key);

  test.each(Object.entries(graphs))('%s: the same at batch 128, 96 and 97', (_, graph) => {
    for (const target of targets) {
      const full = keys(graph, 128, target);
      expect(keys(graph, 96, target)).toEqual(full);
      expect(keys(graph, 97, target)).toEqual(full);
    }
  });

  test.each(Object.entries(graphs))('%s: only the numbers of a launch change with the batch', (_, graph) => {
    const numbers = (batch: number): number[][] =>
      planned(graph, batch, wasmTarget).plan.launches.flatMap((l) => l.blocks.map((b) => [...b.sizes]));
    const [full, last] = [numbers(128), numbers(96)];
    expect(last.map((s) => s.length)).toEqual(full.map((s) => s.length));
    expect(last).not.toEqual(full);
  });

  const different: { readonly [name: string]: () => Root[] } = {
    relu: () => roots(some(8, 6).relu()),
    neg: () => roots(some(8, 6).neg()),
    'neg of int64': () => roots(labels(48).neg()),
    'relu of a transpose': () => roots(some(6, 8).t().relu()),
    'relu of every second column': () =>
      roots(
        some(8, 12)
          .index(':', slice(0, 12, 2))
          .relu(),
      ),
    'relu of a repeated row': () => roots(some(1, 6).expand([8, 6]).relu()),
    'relu of a repeated column': () => roots(some(8, 1).expand([8, 6]).relu()),
    'neg of relu': () => roots(some(8, 6).relu().neg()),
    'relu of neg': () => roots(some(8, 6).neg().relu()),
    'x + y': () => roots(some(8, 6).add(some(8, 6))),
    'x - y': () => roots(some(8, 6).sub(some(8, 6))),
    'x + x': () => {
      const x = some(8, 6);
      return roots(x.add(x));
    },
    'x + 2': () => roots(some(8, 6).add(2)),
    'sum of rows': () => roots(some(8, 6).sum(1)),
    'sum of columns': () => roots(some(8, 6).sum(0)),
    'largest of rows': () => roots(some(8, 6).amax(1)),
    'place of the largest of rows': () => roots(some(8, 6).argmax(1)),
    softmax: () => roots(some(8, 6).softmax(1)),
    logSoftmax: () => roots(some(8, 6).logSoftmax(1)),
    'x y': () => roots(some(8, 6).matmul(some(6, 5))),
    'x y, y transposed': () => roots(some(8, 6).matmul(some(5, 6).t())),
    'x y + b': () => roots(some(8, 6).matmul(some(6, 5)).add(some(5))),
    'relu(x y)': () => roots(some(8, 6).matmul(some(6, 5)).relu()),
    'stacks of x y': () => roots(some(3, 8, 6).matmul(some(3, 6, 5))),
  };

  test('differ between structures', () => {
    const owner = new Map<string, string>();
    for (const [name, graph] of Object.entries(different)) {
      const [key, ...more] = keys(graph, 0, wasmTarget);
      expect(more, `${name} is one kernel`).toEqual([]);
      expect(owner.get(key), `${name} has the key of another`).toBeUndefined();
      owner.set(key, name);
    }
  });
});

describe('verifiers refuse what is not well formed', () => {
  const { captured, plan } = planned(graphs.softmax, 4, wasmTarget);
  const [launch] = plan.launches;

  test('a graph in which a node reads a later one', () => {
    const nodes = captured.nodes.map((n) =>
      n.inputs.length > 0 ? { ...n, inputs: [captured.nodes.length] } : n,
    );
    expect(() => verifyTemplate({ ...captured, nodes })).toThrow(/which comes later/);
  });

  test('a graph in which an op has too few inputs', () => {
    const nodes = captured.nodes.map((n) => (n.op.name === 'div' ? { ...n, inputs: n.inputs.slice(1) } : n));
    expect(() => verifyTemplate({ ...captured, nodes })).toThrow(/div takes 2 inputs, has 1/);
  });

  test('a kernel that stores to memory it only reads', () => {
    const buffers = launch.kernel.buffers.map((b) => ({ ...b, access: 'read' as const }));
    expect(() => verifyKernel({ ...launch.kernel, buffers })).toThrow(/not for writing/);
  });

  test('a kernel that stores another dtype than the memory holds', () => {
    const buffers = launch.kernel.buffers.map((b) =>
      b.access === 'write' ? { ...b, dtype: 'int64' as const } : b,
    );
    expect(() => verifyKernel({ ...launch.kernel, buffers })).toThrow(/stores float32 to int64 memory/);
  });

  test('code that defines a value twice', () => {
    const fn = lower(compiledKernel(launch), launch.abstract, wasmTarget);
    const first = fn.body.find((i) => i.op === 'const' || i.op === 'size');
    if (first === undefined) throw new Error('no constant and no size');
    expect(() => verifyL3({ ...fn, body: [first, ...fn.body] })).toThrow(/defined twice/);
  });

  test('code that uses a value before it is there', () => {
    const fn = lower(compiledKernel(launch), launch.abstract, wasmTarget);
    expect(() => verifyL3({ ...fn, body: [...fn.body].reverse() })).toThrow(/L3/);
  });

  test('code that uses a slot that is not there', () => {
    const fn = lower(compiledKernel(launch), launch.abstract, wasmTarget);
    expect(() => verifyL3({ ...fn, sizes: 0 })).toThrow(/size/);
  });
});
