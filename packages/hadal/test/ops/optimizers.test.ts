import { expect, test } from 'vitest';
import { functional as F, fromTypedArray, optim, type Tensor } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';
import { differenceFrom, readFixture } from '../support/fixtures.js';
import type { Element, Plain } from '../support/program.js';
import { decode } from '../support/program.js';

interface Case {
  readonly kind: 'SGD' | 'AdamW';
  readonly options: { readonly [name: string]: unknown };
  /** The learning rate of each step, where it changes. */
  readonly rates?: readonly number[];
  readonly losses: readonly Element[];
  readonly weights: readonly Plain[];
}

const { parameters, x, y, cases } = readFixture('optimizers') as {
  readonly parameters: readonly Plain[];
  readonly x: Plain;
  readonly y: Plain;
  readonly cases: readonly Case[];
};

function toTensor(p: Plain, requiresGrad = false): Tensor {
  return fromTypedArray(decode(p), p.shape, { dtype: p.dtype, requiresGrad });
}

// AdamW divides by the root of a mean square: where a gradient is small its rounding is carried into the weights whole.
const tolerance = { rtol: 1e-5, atol: 5e-6 };

forEachEngine('five steps of an optimizer, as in PyTorch', (space) => {
  test.each(
    cases.map((c) => {
      const rates = c.rates ? ` at rates ${c.rates.join(', ')}` : '';
      return [`${c.kind} ${JSON.stringify(c.options)}${rates}`, c] as const;
    }),
  )('%s', (_, c) => {
    withWorkspace(space, () => {
      const weights = parameters.map((p) => toTensor(p, true));
      const [w1, b1, w2, b2] = weights;
      const opt = new optim[c.kind](weights, c.options as optim.SGDOptions & optim.AdamWOptions);
      const [inputs, targets] = [toTensor(x), toTensor(y)];
      const losses = Array.from({ length: 5 }, (_, step) => {
        opt.lr = c.rates?.[step] ?? opt.lr;
        const hidden = F.linear(inputs, w1, b1).relu();
        const loss = F.crossEntropy(F.linear(hidden, w2, b2), targets);
        opt.zeroGrad();
        loss.backward();
        opt.step();
        return loss;
      });
      const given = Float32Array.from(losses, (l) => Number(l.itemSync()));
      const expected = Float32Array.from(c.losses, Number);
      expect(differenceFrom(expected, given, tolerance), 'losses').toBeNull();
      weights.forEach((w, i) => {
        const difference = differenceFrom(decode(c.weights[i]), w.dataSync(), tolerance);
        expect(difference, `weight ${i}`).toBeNull();
      });
    });
  });
});
