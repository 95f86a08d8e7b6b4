/** Steps that read, go back over the tape, or take a step of gradient descent. */
import type { StepRule, WeightedRule } from './builder.js';

const read: StepRule = (p, a) => {
  const x = p.choose(a, () => true);
  if (x !== null) p.statement('read', x);
};

const backward: StepRule = (p, a) => {
  const x = p.choose(a, (_, i) => p.requires(i));
  if (x !== null) p.statement('backward', x);
};

const descend: StepRule = (p, a, b) => {
  const x = p.choose(a, (s, i) => i < p.inputs.length && p.storages[s.storage].leaf);
  if (x !== null) p.statement(b % 4 === 0 ? 'zeroGrad' : 'update', x, ...(b % 4 === 0 ? [] : [0.5]));
};

export const tapeRules: readonly WeightedRule[] = [
  { weight: 2, rule: read },
  { weight: 6, rule: backward },
  { weight: 2, rule: descend },
];
