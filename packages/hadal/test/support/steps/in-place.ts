/** Methods with an underscore that the suites of their functions do not cover. */
import type { Rule } from './parameters.js';
import { num, other, silent } from './parameters.js';

const unary = ['abs_', 'sign_', 'round_', 'reciprocal_', 'atan_'] as const;
const binary = [
  'remainder_',
  'fmod_',
  'floorDivide_',
  'atan2_',
  'bitwiseAnd_',
  'bitwiseXor_',
  'logicalAnd_',
] as const;

export const inPlaceSteps: { readonly [name: string]: Rule } = {
  ...Object.fromEntries(unary.map((name): [string, Rule] => [name, silent(([x]) => x[name]())])),
  ...Object.fromEntries(
    binary.map((name): [string, Rule] => [name, silent((t, p) => t[0][name](other(t, p)))]),
  ),
  tril_: silent(([x], [k]) => x.tril_(num(k))),
  triu_: silent(([x], [k]) => x.triu_(num(k))),
};
