/** How large a kernel may become: what it reads, the numbers it holds, its ops; and that results do not depend on it. */
import { describe, expect, test } from 'vitest';
import { explain, fromTypedArray, setEngine, type Tensor } from '../../src/index.js';
import { MAX_NUMBERS, MAX_READS } from '../../src/schedule/group-bounds.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

await setEngine('reference');

function inputs(count: number, size = 5): Tensor[] {
  return Array.from({ length: count }, (_, i) =>
    fromTypedArray(
      Float32Array.from({ length: size }, (_x, j) => Math.sin(i * 7 + j)),
      [size],
    ),
  );
}

const sum = (x: readonly Tensor[]): Tensor => x.reduce((a, b) => a.add(b));
const tree = (x: readonly Tensor[]): Tensor =>
  x.length === 1 ? x[0] : tree(x.slice(0, x.length >> 1)).add(tree(x.slice(x.length >> 1)));
/** Each step with a number of its own. */
const chain = (x: Tensor, length: number): Tensor => {
  let y = x;
  for (let i = 0; i < length; i++) y = i % 2 === 0 ? y.mul(1 + i / 64) : y.sub(i / 64);
  return y;
};

describe('a kernel', () => {
  test.each([2, 16, 17, 40, 100, 200])('reads at most so many tensors: a sum of %i', (count) => {
    const { kernels, boundaries } = explain(sum(inputs(count)));
    for (const k of kernels) expect(k.reads.length / k.blocks).toBeLessThanOrEqual(MAX_READS);
    // Each kernel but the first takes one value from the one before.
    expect(kernels.length).toBe(Math.max(1, Math.ceil((count - 1) / (MAX_READS - 1))));
    for (const b of boundaries)
      expect(b).toMatchObject({ reason: 'size', text: /more than 16/.exec(b.text) ? b.text : '' });
  });

  test('reads at most so many tensors: a tree of 128', () => {
    const { kernels } = explain(tree(inputs(128)));
    for (const k of kernels) expect(k.reads.length / k.blocks).toBeLessThanOrEqual(MAX_READS);
  });

  test.each([16, 17, 96, 200])('holds at most so many numbers: a chain of %i', (length) => {
    const { kernels } = explain(chain(inputs(1)[0], length));
    expect(kernels.length).toBe(Math.ceil(length / MAX_NUMBERS));
  });

  test('of many parts side by side reads them all', () => {
    const { kernels } = explain(sum(inputs(3)).exp().add(inputs(1)[0]));
    expect(kernels.length).toBe(1);
  });
});

forEachEngine('results do not depend on where kernels end', (space) => {
  test('sums, trees and chains', () => {
    withWorkspace(space, () => {
      const x = inputs(70, 19);
      const plain = x.map((t) => Array.from(t.dataSync(), Number));
      const columns = Array.from({ length: 19 }, (_, j) => plain.map((row) => row[j]));
      const added = columns.map((c) => c.reduce((a, b) => Math.fround(a + b)));
      expect(Array.from(sum(x).dataSync(), Number)).toEqual(added);
      const folded = (c: readonly number[]): number =>
        c.length === 1
          ? c[0]
          : Math.fround(folded(c.slice(0, c.length >> 1)) + folded(c.slice(c.length >> 1)));
      expect(Array.from(tree(x).dataSync(), Number)).toEqual(columns.map(folded));
      const stepwise = plain[0].map((v) => {
        let y = v;
        for (let i = 0; i < 60; i++) y = Math.fround(i % 2 === 0 ? y * (1 + i / 64) : y - i / 64);
        return y;
      });
      expect(Array.from(chain(x[0], 60).dataSync(), Number)).toEqual(stepwise);
    });
  });
});
