/** Steps that change a tensor, and with it all views of its memory. */
import { fitsInto, isFloat as isFloatDType } from '../../../src/base/dtype.js';
import type { DType } from '../../../src/index.js';
import type { Slot, StepRule, WeightedRule } from './builder.js';
import { broadcastsTo, isFloat, numel, pick, promote, realOf, scalar } from './builder.js';
import { canWriteAt, tensorIndex, writesAt } from './lookups.js';

const operations = [
  'add_',
  'mul_',
  'copy_',
  'sub_',
  'div_',
  'remainder_',
  'fmod_',
  'floorDivide_',
  'pow_',
  'atan2_',
  'bitwiseAnd_',
  'bitwiseXor_',
  'logicalAnd_',
] as const;

type Operation = (typeof operations)[number];

/** The dtype that an op gives for operands that promote to `dtype`; null if there is no such op. */
function resultOf(name: Operation, dtype: DType, s: Slot, t: Slot): DType | null {
  switch (name) {
    case 'div_':
    case 'atan2_':
      return realOf(dtype);
    case 'sub_':
      return s.dtype === 'bool' || t.dtype === 'bool' ? null : dtype;
    case 'remainder_':
    case 'fmod_':
    case 'floorDivide_':
    case 'pow_':
      return dtype === 'bool' ? null : dtype;
    case 'bitwiseAnd_':
    case 'bitwiseXor_':
      return isFloatDType(dtype) ? null : dtype;
    case 'logicalAnd_':
      return 'bool';
    case 'copy_':
      // What a float outside of an integer's range becomes is not defined.
      return isFloat(t) && !isFloat(s) ? null : s.dtype;
    default:
      return dtype;
  }
}

const withTensor: StepRule = (p, a, b, c) => {
  const x = p.chooseTarget(a, () => true);
  if (x === null) return;
  const s = p.slots[x];
  const name = pick(operations, c);
  const fits = (t: Slot): boolean => {
    if (!broadcastsTo(t.shape, s.shape)) return false;
    const result = resultOf(name, promote(s, t), s, t);
    return result !== null && fitsInto(result, s.dtype);
  };
  // PyTorch refuses an operand that overlaps with what is written.
  const y = p.choose(b, (t, i) => fits(t) && (i === x || t.storage !== s.storage));
  if (y !== null) p.update(name, [x, y], []);
};

const numbersOnly = ['mul_', 'add_', 'fill_'] as const;
const ofNumbers = ['zero_', 'neg_', 'relu_', 'abs_', 'square_', 'sign_', 'floor_', 'round_'] as const;
const ofFloats = ['tanh_', 'exp_', 'sqrt_', 'sin_', 'sigmoid_', 'frac_', 'reciprocal_', 'atan_'] as const;

const withNumber: StepRule = (p, a, b, c) => {
  const x = p.chooseTarget(a, (s) => s.dtype !== 'bool');
  if (x === null) return;
  const { dtype } = p.slots[x];
  const n = scalar(dtype, b);
  if (c % 5 === 4)
    p.update(
      'clamp_',
      [x],
      pick(
        [
          [n, n + 2],
          [null, n],
          [n, null],
        ],
        c,
      ),
    );
  else if (c % 5 === 3) p.update('pow_', [x], [isFloatDType(dtype) ? n : Math.abs(n)]);
  else p.update(pick(numbersOnly, c), [x], [n]);
};

const ofOne: StepRule = (p, a, _b, c) => {
  const name = pick([...ofNumbers, ...ofFloats], c);
  const isReal = (ofFloats as readonly string[]).includes(name);
  const x = p.chooseTarget(a, (s) => (isReal ? isFloat(s) : s.dtype !== 'bool'));
  if (x !== null) p.update(name, [x], []);
};

const ofThree: StepRule = (p, a, b, c, d) => {
  const x = p.chooseTarget(a, isFloat);
  if (x === null) return;
  const s = p.slots[x];
  const fits = (n: number): number | null =>
    p.choose(n, (t) => t.dtype === s.dtype && t.storage !== s.storage && broadcastsTo(t.shape, s.shape));
  const [y, z] = [fits(b), fits(c)];
  if (y === null || z === null) return;
  const name = pick(['lerp_', 'addcmul_', 'addcdiv_'], d);
  if (name === 'lerp_') p.update(name, [x, y], [pick([0.25, 0.75, 1], c)]);
  else p.update(name, [x, y, z], [pick([1, 0.5, -2], c)]);
};

const masked: StepRule = (p, a, b, c) => {
  const x = p.chooseTarget(a, () => true);
  if (x === null) return;
  const s = p.slots[x];
  const mask = p.choose(
    b,
    (t) => t.dtype === 'bool' && t.storage !== s.storage && broadcastsTo(t.shape, s.shape),
  );
  if (mask !== null) p.update('maskedFill_', [x, mask], [scalar(s.dtype, c)]);
};

const triangle: StepRule = (p, a, b, c) => {
  const x = p.chooseTarget(a, (s) => s.shape.length >= 2);
  if (x !== null) p.update(pick(['tril_', 'triu_'], b), [x], [(c % 5) - 2]);
};

const atPositions: StepRule = (p, a, b, c, d) => {
  const name = pick(['scatter', 'scatterAdd', 'indexAdd', 'indexFill'] as const, b);
  const x = p.chooseTarget(a, (s) => canWriteAt(name, s));
  if (x === null) return;
  const { operands, parameters } = writesAt[name](p, x, c, d);
  p.update(`${name}_`, operands, name === 'indexAdd' ? parameters.slice(0, 1) : parameters);
};

const byIndex: StepRule = (p, a, b, c, d) => {
  const x = p.chooseTarget(a, (s) => s.shape.length > 0 && numel(s.shape) > 0);
  if (x === null) return;
  const s = p.slots[x];
  const add = d % 2 === 1 && s.dtype !== 'bool';
  const { operands, items, shape } = tensorIndex(p, s, { kind: b, seed: c, distinct: !add });
  const name = add ? 'indexPut_' : 'setIndex_';
  const value = p.choose(
    d,
    (t) => t.dtype === s.dtype && t.storage !== s.storage && broadcastsTo(t.shape, shape),
  );
  if (value === null) p.update(name, [x, ...operands], [scalar(s.dtype, c), ...items]);
  else p.update(name, [x, value, ...operands], ['t', ...items]);
};

export const inPlaceRules: readonly WeightedRule[] = [
  { weight: 5, rule: withTensor },
  { weight: 2, rule: withNumber },
  { weight: 3, rule: ofOne },
  { weight: 1, rule: ofThree },
  { weight: 1, rule: masked },
  { weight: 1, rule: triangle },
  { weight: 2, rule: atPositions },
  { weight: 2, rule: byIndex },
];
