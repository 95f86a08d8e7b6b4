/** Normalisation and pooling of 16-bit values whose squares and sums do not fit them; expected values are PyTorch's. */
import { expect, test } from 'vitest';
import { functional as F, full, optim, tensor, zeros } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

forEachEngine('float16 values of hundreds', (space) => {
  test('layerNorm', () => {
    withWorkspace(space, () => {
      const y = F.layerNorm(tensor([[300, 400, -200, 250]], { dtype: 'float16' }), [4]);
      const expected = [0.489, 0.923, -1.68, 0.271];
      Array.from(y.dataSync(), Number).forEach((v, i) => {
        expect(v).toBeCloseTo(expected[i], 2);
      });
      expect(y.dtype).toBe('float16');
    });
  });

  test('avgPool2d', () => {
    withWorkspace(space, () => {
      const y = F.avgPool2d(full([1, 1, 2, 2], 30000, { dtype: 'float16' }), 2);
      expect(y.itemSync()).toBe(30000);
    });
  });
});

test('OneCycleLR whose rise has no steps starts at its peak and ends at its end', () => {
  const opt = new optim.SGD([tensor([1], { requiresGrad: true })], { lr: 1 });
  const schedule = new optim.lrScheduler.OneCycleLR(opt, 1, {
    totalSteps: 5,
    pctStart: 0.2,
    cycleMomentum: false,
  });
  const rates = [opt.lr];
  for (let i = 0; i < 5; i++) {
    schedule.step();
    rates.push(opt.lr);
  }
  expect(rates.every(Number.isFinite)).toBe(true);
  expect(rates[5]).toBeCloseTo(rates[4], 12);
});

test('sizes that are no array are an error that says so', () => {
  expect(() => zeros(3 as never)).toThrow(/a shape is an array of sizes/);
});
