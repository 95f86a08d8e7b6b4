/** Functions of one element, or of two. */
import type { Rule } from './parameters.js';
import { other } from './parameters.js';

const functions = [
  'exp2',
  'expm1',
  'log2',
  'log10',
  'log1p',
  'sin',
  'cos',
  'tan',
  'asin',
  'acos',
  'atan',
  'sinh',
  'cosh',
  'asinh',
  'acosh',
  'atanh',
  'erfc',
  'erfinv',
  'rsqrt',
  'floor',
  'ceil',
  'round',
  'trunc',
  'sign',
  'bitwiseNot',
] as const;
const operations = [
  'pow',
  'atan2',
  'fmod',
  'remainder',
  'floorDivide',
  'bitwiseAnd',
  'bitwiseOr',
  'bitwiseXor',
] as const;

export const elementwiseSteps: { readonly [name: string]: Rule } = {
  ...Object.fromEntries(functions.map((name): [string, Rule] => [name, ([x]) => x[name]()])),
  ...Object.fromEntries(operations.map((name): [string, Rule] => [name, (t, p) => t[0][name](other(t, p))])),
};
