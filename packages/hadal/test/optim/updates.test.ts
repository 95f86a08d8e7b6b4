import { expect, test } from 'vitest';
import { type DType, functional as F, fromTypedArray, optim, type Tensor } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';
import { differenceFrom, readFixture } from '../support/fixtures.js';
import type { Element, Plain } from '../support/program.js';
import { decode } from '../support/program.js';

interface Options {
  readonly lr?: number;
}

interface Case {
  readonly kind: keyof typeof makers;
  readonly options: Options;
  /** Options of a second group, which has the last two parameters. */
  readonly second?: Options;
  /** The learning rate of each step, where it changes. */
  readonly rates?: readonly number[];
  readonly dtype: DType;
  readonly losses: readonly Element[];
  readonly weights: readonly Plain[];
}

const makers = {
  SGD: (p: optim.OptimizedParameters<optim.SGDSettings>, o: Options) => new optim.SGD(p, o),
  Adam: (p: optim.OptimizedParameters<optim.AdamSettings>, o: Options) => new optim.Adam(p, o),
  AdamW: (p: optim.OptimizedParameters<optim.AdamSettings>, o: Options) => new optim.AdamW(p, o),
  RMSprop: (p: optim.OptimizedParameters<optim.RMSpropSettings>, o: Options) => new optim.RMSprop(p, o),
  Adagrad: (p: optim.OptimizedParameters<optim.AdagradSettings>, o: Options) => new optim.Adagrad(p, o),
  Adadelta: (p: optim.OptimizedParameters<optim.AdadeltaSettings>, o: Options) => new optim.Adadelta(p, o),
  Adamax: (p: optim.OptimizedParameters<optim.AdamaxSettings>, o: Options) => new optim.Adamax(p, o),
  ASGD: (p: optim.OptimizedParameters<optim.ASGDSettings>, o: Options) => new optim.ASGD(p, o),
  Lion: (p: optim.OptimizedParameters<optim.LionSettings>, o: Options) => new optim.Lion(p, o),
  NAdam: (p: optim.OptimizedParameters<optim.NAdamSettings>, o: Options) => new optim.NAdam(p, o),
  RAdam: (p: optim.OptimizedParameters<optim.RAdamSettings>, o: Options) => new optim.RAdam(p, o),
  Rprop: (p: optim.OptimizedParameters<optim.RpropSettings>, o: Options) => new optim.Rprop(p, o),
};

const { parameters, x, y, cases } = readFixture('optimizers') as {
  readonly parameters: readonly Plain[];
  readonly x: Plain;
  readonly y: Plain;
  readonly cases: readonly Case[];
};

function toTensor(p: Plain, dtype: DType = p.dtype, requiresGrad = false): Tensor {
  return fromTypedArray(decode({ ...p, dtype }), p.shape, { dtype, requiresGrad });
}

// Adam and its like divide by the root of a mean square: where a gradient is small its rounding is carried into the weights whole.
const tolerances = {
  float32: { rtol: 1e-5, atol: 5e-6 },
  float64: { rtol: 1e-11, atol: 1e-11 },
};

forEachEngine('five steps of an optimizer, as in PyTorch', (space) => {
  test.each(
    cases.map((c) => {
      const rates = c.rates ? ` at rates ${c.rates.join(', ')}` : '';
      const second = c.second ? ` and ${JSON.stringify(c.second)}` : '';
      return [`${c.kind} ${JSON.stringify(c.options)}${second}${rates} of ${c.dtype}`, c] as const;
    }),
  )('%s', (_, c) => {
    withWorkspace(space, () => {
      const tolerance = tolerances[c.dtype === 'float64' ? 'float64' : 'float32'];
      const weights = parameters.map((p) => toTensor(p, c.dtype, true));
      const [w1, b1, w2, b2] = weights;
      const groups = c.second
        ? [{ params: weights.slice(0, 2) }, { params: weights.slice(2), ...c.second }]
        : weights;
      const opt: optim.Optimizer = makers[c.kind](groups as readonly Tensor[], c.options);
      const [inputs, targets] = [toTensor(x, c.dtype), toTensor(y)];
      const losses = Array.from({ length: 5 }, (_, step) => {
        if (c.rates) opt.lr = c.rates[step];
        const hidden = F.linear(inputs, w1, b1).relu();
        const loss = F.crossEntropy(F.linear(hidden, w2, b2), targets);
        opt.zeroGrad();
        loss.backward();
        opt.step();
        return loss;
      });
      const given = Float64Array.from(losses, (l) => Number(l.itemSync()));
      const expected = Float64Array.from(c.losses, Number);
      expect(differenceFrom(expected, given, c.dtype, tolerance), 'losses').toBeNull();
      weights.forEach((w, i) => {
        const difference = differenceFrom(decode(c.weights[i]), w.dataSync(), c.dtype, tolerance);
        expect(difference, `weight ${i}`).toBeNull();
      });
    });
  });
});
