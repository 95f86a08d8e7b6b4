/** What `explain` says of a plan: what was fused, what keeps kernels apart, and where values lie. */
import { describe, expect, test } from 'vitest';
import type { BoundaryReason } from '../../src/index.js';
import {
  type Explanation,
  explain,
  functional as F,
  nn,
  noGrad,
  optim,
  type Tensor,
} from '../../src/index.js';
import { findOverlap } from '../../src/schedule/memory.js';
import { inMemory, labels } from '../support/tensors.js';

function trained(): Explanation {
  const net = new nn.Sequential(
    new nn.Linear(16, 32),
    new nn.ReLU(),
    new nn.LayerNorm(32),
    new nn.Linear(32, 10),
  );
  const opt = new optim.AdamW(net.parameters());
  for (const p of net.parameters()) p.dataSync();
  const [x, y] = [inMemory(8, 16), labels(8, 2)];
  y.dataSync();
  F.crossEntropy(net.forward(x), y).backward();
  opt.step();
  return explain();
}

describe('explain', () => {
  test('names what was fused into each kernel, what it reads and what it writes', () => {
    const [x, w, b] = [inMemory(4, 8), inMemory(8, 16), inMemory(16)];
    const e = explain(x.matmul(w).add(b).relu());
    expect(e.kernels).toMatchObject([
      {
        name: 'gemm_add_relu',
        kind: 'gemm',
        size: '4 x 16 x 8',
        blocks: 1,
        cost: { flops: 2 * 4 * 16 * 8 + 2 * 64 },
      },
    ]);
    const [k] = e.kernels;
    expect(k.ops.filter((op) => ['dot', 'add', 'relu'].includes(op))).toEqual(['dot', 'add', 'relu']);
    expect([k.reads.length, k.writes.length, k.again.length]).toEqual([3, 1, 0]);
    expect(e.graph.split('\n').length).toBeGreaterThan(Math.max(...k.nodes));
    expect(e.boundaries).toEqual([]);
    expect(e.fusion).toMatch(/fuses {3}dot n\d+, add n\d+, relu n\d+/);
  });

  test('of what is in memory says so', () => {
    const e = explain(inMemory(4));
    expect(e.kernels).toEqual([]);
    expect(e.boundaries).toEqual([]);
    expect(e.memory.values).toEqual([]);
    expect(e.memory.toString()).toContain('nothing in between');
    expect(e.toString()).toContain('nothing is pending');
    expect(e.memory.svg()).toMatch(/^<svg /);
  });

  test('marks what is computed again rather than read', () => {
    const x = inMemory(8, 32);
    // Sums over rows and over columns are two kernels; the product is cheaper to repeat than to store.
    const product = noGrad(() => x.mul(x).neg());
    const e = explain(product.sum(1), product.sum(0));
    expect(e.kernels.length).toBe(2);
    expect(e.kernels.flatMap((k) => k.again.map((id) => k.ops[k.nodes.indexOf(id)]))).toContain('mul');
    expect(e.fusion).toContain('(again)');
  });
});

const x = inMemory(8, 8);
const w = inMemory(8, 8);

function gradient(): Tensor {
  const p = inMemory(8).requiresGrad_();
  p.exp().sum().backward();
  if (p.grad === null) throw new Error('there is no gradient');
  return p.grad;
}

const apart: readonly [BoundaryReason, string, () => Tensor, RegExp][] = [
  [
    'line',
    'attention',
    () => F.scaledDotProductAttention(x, x, x).matmul(w),
    /the attention of attention n\d+ goes over whole lines/,
  ],
  ['line', 'a sort', () => x.sort(1).values.matmul(w), /the sort of sort n\d+ goes over whole lines/],
  ['operand', 'an operand of a product', () => x.exp().matmul(w), /operands many times/],
  ['written', 'a gradient', () => gradient().add(1), /written before anything reads it/],
  ['reduction', 'a reduction over a product', () => x.matmul(w).sum(1), /needs whole rows/],
  [
    'reduction',
    'rows that are read across',
    () => x.sum(1).exp().unsqueeze(0).add(x),
    /is done when|across rows/,
  ],
  ['reduction', 'rows and columns', () => x.sub(x.softmax(1).softmax(0)), /one reduces dimension/],
  [
    'place',
    'a transpose',
    () => x.mul(2).exp().log().exp().log().matmul(w).add(0).t().relu(),
    /other positions|one computes/,
  ],
];

describe('what keeps kernels apart', () => {
  test.each(apart)('%s: %s', (reason, _, build, text) => {
    const { boundaries, kernels } = explain(build());
    expect(kernels.length).toBeGreaterThan(1);
    const found = boundaries.filter((b) => b.reason === reason);
    expect(found.length, JSON.stringify(boundaries)).toBeGreaterThan(0);
    for (const b of found) expect(b.text).toMatch(text);
    for (const b of boundaries) {
      expect(b.from).toBeLessThan(b.to);
      expect(kernels[b.from].writes).toContain(b.node);
      expect(kernels[b.to].reads).toContain(b.node);
    }
  });

  test('a kernel that needs the one and is needed by the other', () => {
    const h = x.matmul(w).relu();
    const { boundaries } = explain(h.matmul(w).add(h));
    // The second product takes the sum as its epilogue, so h is read from memory by one kernel only.
    expect(boundaries.map((b) => b.reason)).toEqual(['operand']);
    const y = x.exp();
    const around = explain(y.matmul(w).sum(1, { keepdim: true }).add(y).add(y.t().matmul(w))).boundaries;
    expect(around.length).toBeGreaterThan(0);
  });

  test('every boundary of a training step has a reason of its own, and the text tells it', () => {
    const e = trained();
    const reads = e.kernels.flatMap((k, to) =>
      k.reads.filter((id) => e.kernels.some((other, from) => from !== to && other.writes.includes(id))),
    );
    expect(e.boundaries.length).toBe(reads.length);
    for (const b of e.boundaries) expect(b.text.length).toBeGreaterThan(20);
    expect(e.boundaries.filter((b) => b.reason === 'order')).toEqual([]);
    const text = e.fusion;
    for (const b of e.boundaries) expect(text).toContain(`apart from launch ${b.to}: `);
  });
});

describe('the memory report', () => {
  test('has every value with its place, its size and its life', () => {
    const { memory, kernels } = trained();
    const inArena = memory.values.filter((v) => v.place === 'arena');
    const lives = inArena.map((v) => ({ bytes: v.bytes, from: v.from, to: v.to }));
    const offsets = inArena.map((v) => v.byteOffset ?? Number.NaN);
    expect(
      findOverlap(lives, { offsets, bytes: memory.arenaBytes, unshared: memory.unsharedBytes }),
    ).toBeNull();
    expect(Math.max(...inArena.map((v, i) => offsets[i] + v.bytes))).toBeLessThanOrEqual(memory.arenaBytes);
    expect(memory.leastBytes).toBeLessThanOrEqual(memory.arenaBytes);
    expect(memory.arenaBytes).toBeLessThan(memory.unsharedBytes);
    expect(memory.savedBytes).toBe(memory.unsharedBytes - memory.arenaBytes);
    expect(memory.alive.length).toBe(kernels.length);
    const named = memory.values.filter((v) => v.node !== null).map((v) => v.node);
    expect(new Set(named)).toEqual(new Set(kernels.flatMap((k) => k.writes)));
    const updates = memory.values.filter((v) => v.place === 'update');
    // Six parameters with two moments each.
    expect(updates.length).toBe(18);
    for (const v of memory.values)
      expect(kernels[v.from].writes.includes(v.node ?? -1) || v.node === null).toBe(true);
  });

  test('a chain of products needs two buffers at a time, and the picture shows it', () => {
    let h = inMemory(64, 64);
    const m = inMemory(64, 64);
    noGrad(() => {
      for (let i = 0; i < 6; i++) h = h.matmul(m);
    });
    const { memory } = explain(h);
    expect(memory.toString()).toMatch(/saved by sharing; at least/);
    const lines = memory.picture().split('\n');
    expect(lines.length).toBe(1 + memory.values.filter((v) => v.place === 'arena').length);
    expect(lines[0]).toMatch(/offset +size +\|-{6}\| launches 0 to 5/);
    for (const line of lines.slice(1)) expect(line).toMatch(/^ +\d+ +[\d.]+ (B|KiB) +\| *#+ *\| /);
    const boxes = memory.svg().match(/<rect /g) ?? [];
    expect(boxes.length).toBe(lines.length - 1);
  });

  test('is part of the explanation as data', () => {
    const data = JSON.parse(JSON.stringify(trained()));
    expect(data.kernels.length).toBeGreaterThan(3);
    expect(data.boundaries[0]).toMatchObject({ reason: expect.any(String), text: expect.any(String) });
    expect(data.memory.arenaBytes).toBeGreaterThan(0);
  });
});
