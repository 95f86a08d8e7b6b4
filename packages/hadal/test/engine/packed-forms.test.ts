/** Matrices that are read again and again are packed once: results are the same bits, and follow what is written to them. */
import { expect, test } from 'vitest';
import type { Buffer } from '../../src/graph/buffer.js';
import { functional as F, nn, noGrad, optim, type Tensor } from '../../src/index.js';
import { onEveryEngine } from '../support/engines.js';
import { inMemory, numbers } from '../support/tensors.js';

function bufferOf(t: Tensor): Buffer {
  const { buffer } = t.storage.node;
  if (buffer === null) throw new Error('not in memory');
  return buffer;
}

onEveryEngine('matrices that are packed once', ({ run, name }) => {
  const packs = name !== 'reference';

  test.each([
    ['of a block of k', 20, 700, 100],
    ['of several blocks of k', 33, 200, 1100],
    ['wider than a block', 12, 3300, 40],
  ])('%s give the same bits', (_, rows, columns, depth) =>
    run(() => {
      const [x, w, bias] = [inMemory(rows, depth), inMemory(columns, depth), inMemory(columns)];
      const first = numbers(F.linear(x, w, bias).relu());
      expect(bufferOf(w).packed).toBeNull();
      for (let i = 0; i < 4; i++) expect(numbers(F.linear(x, w, bias).relu())).toEqual(first);
      if (packs) expect(bufferOf(w).packed?.memory.bytes).toBeGreaterThanOrEqual(4 * columns * depth);
      else expect(bufferOf(w).packed).toBeNull();
      // Another batch uses the same form.
      const form = bufferOf(w).packed;
      const fewer = numbers(F.linear(x.narrow(0, 0, rows - 1).contiguous(), w, bias).relu());
      expect(fewer).toEqual(first.slice(0, (rows - 1) * columns));
      expect(bufferOf(w).packed).toBe(form);
    }),
  );

  test('kernels of convolutions over few positions give the same bits', () =>
    run(() => {
      const [x, w] = [inMemory(1, 64, 5, 7), inMemory(96, 64, 3, 3)];
      const first = numbers(F.conv2d(x, w, null, { padding: 1 }).relu());
      for (let i = 0; i < 4; i++) expect(numbers(F.conv2d(x, w, null, { padding: 1 }).relu())).toEqual(first);
      if (name === 'native AVX-512') expect(bufferOf(w).packed).not.toBeNull();
      // For each image the product is the other way around, of the same sums.
      const many = inMemory(40, 64, 5, 7);
      noGrad(() => {
        many.narrow(0, 7, 1).copy_(x);
      });
      expect(numbers(F.conv2d(many, w, null, { padding: 1 }).relu().index(7))).toEqual(first);
    }));

  test('that are overwritten give their form back, and are read as they are', () =>
    run(() => {
      const [x, w] = [inMemory(20, 100), inMemory(700, 100)];
      const before = numbers(F.linear(x, w));
      for (let i = 0; i < 4; i++) F.linear(x, w).dataSync();
      expect(bufferOf(w).packed !== null).toBe(packs);
      noGrad(() => {
        w.mul_(2);
      });
      w.dataSync();
      expect(bufferOf(w).packed).toBeNull();
      for (let i = 0; i < 5; i++) expect(numbers(F.linear(x, w))).toEqual(before.map((v) => 2 * v));
      expect(bufferOf(w).packed !== null).toBe(packs);
    }));

  test('that are trained are never packed', () =>
    run(() => {
      const layer = new nn.Linear(100, 700);
      const optimizer = new optim.SGD(layer.parameters(), { lr: 0.01 });
      for (let i = 0; i < 6; i++) {
        optimizer.zeroGrad();
        const loss = layer.forward(inMemory(20, 100)).square().mean();
        loss.itemSync();
        loss.backward();
        optimizer.step();
        expect(bufferOf(layer.weight).packed).toBeNull();
      }
    }));

  test('that are parts of one memory are told apart', () =>
    run(() => {
      const [x, w] = [inMemory(20, 100), inMemory(1200, 100)];
      const [top, bottom] = [w.narrow(0, 0, 600), w.narrow(0, 600, 600)];
      const both = (): number[][] => {
        const [a, b] = [F.linear(x, top), F.linear(x, bottom).relu()];
        return [a, b].map(numbers);
      };
      const one = (part: Tensor): number[] => numbers(F.linear(x, part));
      const [first, alone] = [both(), [one(top), one(bottom)]];
      for (let i = 0; i < 30; i++) {
        expect(both()).toEqual(first);
        expect([one(top), one(bottom)]).toEqual(alone);
      }
    }));

  test('are not packed where products have many rows, or the matrix next to none', () =>
    run(() => {
      const [many, w] = [inMemory(129, 100), inMemory(700, 100)];
      const [x, small] = [inMemory(20, 100), inMemory(30, 100)];
      for (let i = 0; i < 5; i++) {
        F.linear(many, w).dataSync();
        F.linear(x, small).dataSync();
      }
      expect(bufferOf(w).packed).toBeNull();
      expect(bufferOf(small).packed).toBeNull();
    }));
});
