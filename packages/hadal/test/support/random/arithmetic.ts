/** Steps that work element by element. */
import { isFloat as isFloatDType } from '../../../src/base/dtype.js';
import type { DType } from '../../../src/index.js';
import type { StepRule, WeightedRule } from './builder.js';
import { broadcast, broadcastsTo, dtypes, isFloat, pick, promote, realOf, scalar } from './builder.js';

const ofReals = ['exp', 'tanh', 'sigmoid', 'sqrt', 'erf', 'log', 'reciprocal'] as const;
const moreOfReals = [
  'sin',
  'cos',
  'atan',
  'expm1',
  'log1p',
  'tan',
  'exp2',
  'log2',
  'log10',
  'rsqrt',
  'asin',
  'acos',
  'sinh',
  'cosh',
  'asinh',
  'acosh',
  'atanh',
  'erfc',
  'erfinv',
  'sinc',
  'deg2rad',
] as const;
const ofNumbers = ['neg', 'abs', 'relu', 'square', 'clone', 'sign'] as const;
const roundings = ['floor', 'ceil', 'round', 'trunc'] as const;
const ofFloats = ['frac', 'gelu', 'silu', 'softplus', 'leakyRelu'] as const;
const tests = ['isnan', 'isinf', 'isfinite', 'signbit'] as const;
const comparisons = ['lt', 'eq', 'ge', 'ne', 'gt', 'le'] as const;

const parametersOf: { readonly [name: string]: readonly (number | string)[] } = {
  gelu: ['tanh'],
  softplus: [1, 20],
  leakyRelu: [0.25],
};

interface Binary {
  readonly names: readonly string[];
  readonly result: (dtype: DType, name: string) => DType;
  /** Whether an op between elements of these dtypes, which promote to `dtype`, has a meaning. */
  readonly takes?: (dtype: DType, name: string, x: DType, y: DType) => boolean;
}

const binaryRule =
  ({ names, result, takes = () => true }: Binary): StepRule =>
  (p, a, b, c) => {
    const x = p.choose(a, () => true);
    if (x === null) return;
    const name = pick(names, c);
    const left = p.slots[x];
    const y = p.choose(
      b,
      (s) => broadcast(left.shape, s.shape) !== null && takes(promote(left, s), name, left.dtype, s.dtype),
    );
    if (y === null) return;
    const shape = broadcast(left.shape, p.slots[y].shape);
    if (shape !== null) p.emit(name, [x, y], [], shape, result(promote(left, p.slots[y]), name));
  };

const unaryRule =
  (
    names: readonly string[],
    takes: (dtype: DType) => boolean,
    result: (dtype: DType) => DType = (d) => d,
  ): StepRule =>
  (p, a, _b, c) => {
    const x = p.choose(a, (s) => takes(s.dtype));
    const name = pick(names, c);
    if (x !== null) p.emit(name, [x], parametersOf[name] ?? [], p.slots[x].shape, result(p.slots[x].dtype));
  };

const whole = (dtype: DType): boolean => !isFloatDType(dtype);
const isNumber = (dtype: DType): boolean => dtype !== 'bool';

const withNumber: StepRule = (p, a, _b, c, d) => {
  const x = p.choose(a, () => true);
  if (x === null) return;
  const { dtype, shape } = p.slots[x];
  const name = pick(['add', 'mul', 'sub', 'div', 'remainder', 'fmod', 'floorDivide', 'pow', 'clamp'], c);
  if (name === 'sub' && dtype === 'bool') return;
  const n = scalar(dtype, d);
  if (name === 'clamp') {
    if (dtype !== 'bool')
      p.emit(
        name,
        [x],
        pick(
          [
            [n, n + 2],
            [null, n],
            [n, null],
          ],
          d,
        ),
        shape,
        dtype,
      );
    return;
  }
  if (name === 'pow' ? dtype === 'bool' || (whole(dtype) && n < 0) : name.length > 3 && n === 0) return;
  const result = name === 'div' ? realOf(dtype) : dtype === 'bool' ? 'int64' : dtype;
  p.emit(name, [x], [n], shape, result);
};

const shift: StepRule = (p, a, b, c) => {
  const x = p.choose(a, (s) => whole(s.dtype) && s.dtype !== 'bool');
  if (x !== null)
    p.emit(
      pick(['bitwiseLeftShift', 'bitwiseRightShift'], b),
      [x],
      [c % 4],
      p.slots[x].shape,
      p.slots[x].dtype,
    );
};

const dividing: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, (s) => s.dtype !== 'bool');
  if (x === null) return;
  const left = p.slots[x];
  // Rounded down it is constant to the tape, cut off it has a gradient of zero.
  const mode = p.requires(x) ? 'trunc' : pick(['trunc', 'floor'], d);
  const y = p.choose(
    b,
    (s, i) =>
      s.dtype !== 'bool' && (mode === 'trunc' || !p.requires(i)) && broadcast(left.shape, s.shape) !== null,
  );
  if (y === null) return;
  const shape = broadcast(left.shape, p.slots[y].shape);
  if (shape === null) return;
  if (c % 2 === 0) p.emit('divide', [x, y], [mode], shape, promote(left, p.slots[y]));
  else p.emit('divide', [x], [mode, pick([2, 3, 1], c)], left.shape, left.dtype);
};

/** Three floats of one dtype, the others no larger than the first. */
const ofThree: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, isFloat);
  if (x === null) return;
  const { shape, dtype } = p.slots[x];
  const fits = (n: number): number | null =>
    p.choose(n, (s) => s.dtype === dtype && broadcastsTo(s.shape, shape));
  const [y, z] = [fits(b), fits(c)];
  if (y === null || z === null) return;
  const name = pick(['lerp', 'addcmul', 'addcdiv'], d);
  if (name === 'lerp') p.emit(name, [x, y], [pick([0.25, 0.75, 1], c)], shape, dtype);
  else p.emit(name, [x, y, z], [pick([1, 0.5, -2], c)], shape, dtype);
};

const clampBetween: StepRule = (p, a, b, c) => {
  const x = p.choose(a, (s) => s.dtype !== 'bool');
  if (x === null) return;
  const { shape, dtype } = p.slots[x];
  const fits = (n: number): number | null =>
    p.choose(n, (s) => s.dtype === dtype && broadcastsTo(s.shape, shape));
  const [low, high] = [fits(b), fits(c)];
  if (low !== null && high !== null) p.emit('clamp', [x, low, high], ['t', 't'], shape, dtype);
};

const choosing: StepRule = (p, a, b, c, d) => {
  const condition = p.choose(a, (s) => s.dtype === 'bool');
  if (condition === null) return;
  const x = p.choose(b, (s) => broadcast(p.slots[condition].shape, s.shape) !== null);
  if (x === null) return;
  const first = broadcast(p.slots[condition].shape, p.slots[x].shape);
  if (first === null) return;
  const { dtype } = p.slots[x];
  if (d % 3 === 0) {
    const n = scalar(dtype, c);
    if (d % 2 === 1) p.emit('maskedFill', [x, condition], [n], first, dtype);
    else if (dtype !== 'bool') p.emit('where', [condition, x], [n], first, dtype);
    return;
  }
  const y = p.choose(c, (s) => broadcast(first, s.shape) !== null);
  if (y === null) return;
  const shape = broadcast(first, p.slots[y].shape);
  // The condition comes first in the program, as in PyTorch.
  if (shape !== null) p.emit('where', [condition, x, y], [], shape, promote(p.slots[x], p.slots[y]));
};

const convert: StepRule = (p, a, _b, c) => {
  const x = p.choose(a, () => true);
  if (x === null) return;
  const dtype = pick(dtypes, c);
  // What a float outside of an integer's range becomes is not defined.
  if (isFloat(p.slots[x]) && !isFloatDType(dtype)) return;
  if (dtype !== p.slots[x].dtype) p.emit('to', [x], [dtype], p.slots[x].shape, dtype);
};

export const arithmeticRules: readonly WeightedRule[] = [
  {
    weight: 5,
    rule: binaryRule({
      names: ['add', 'mul', 'sub', 'maximum', 'minimum', 'div'],
      result: (d, name) => (name === 'div' ? realOf(d) : d),
      takes: (_, name, x, y) => name !== 'sub' || (x !== 'bool' && y !== 'bool'),
    }),
  },
  { weight: 2, rule: binaryRule({ names: comparisons, result: () => 'bool' }) },
  {
    weight: 1,
    rule: binaryRule({ names: ['logicalAnd', 'logicalOr', 'logicalXor'], result: () => 'bool' }),
  },
  {
    weight: 2,
    rule: binaryRule({
      names: ['pow', 'fmod', 'remainder', 'floorDivide'],
      result: (d) => d,
      takes: isNumber,
    }),
  },
  {
    weight: 1,
    rule: binaryRule({ names: ['bitwiseAnd', 'bitwiseOr', 'bitwiseXor'], result: (d) => d, takes: whole }),
  },
  { weight: 1, rule: binaryRule({ names: ['atan2', 'copysign', 'xlogy'], result: realOf }) },
  {
    weight: 1,
    rule: binaryRule({
      names: ['hypot', 'logaddexp', 'fmax', 'fmin'],
      result: (d) => d,
      takes: isFloatDType,
    }),
  },
  { weight: 4, rule: withNumber },
  { weight: 1, rule: shift },
  { weight: 1, rule: dividing },
  { weight: 1, rule: ofThree },
  { weight: 1, rule: clampBetween },
  { weight: 3, rule: unaryRule(ofNumbers, isNumber) },
  { weight: 2, rule: unaryRule(roundings, isNumber) },
  { weight: 1, rule: unaryRule(['bitwiseNot'], whole) },
  { weight: 1, rule: unaryRule(ofFloats, isFloatDType) },
  {
    weight: 1,
    rule: unaryRule(
      tests,
      () => true,
      () => 'bool',
    ),
  },
  { weight: 3, rule: unaryRule(ofReals, () => true, realOf) },
  { weight: 3, rule: unaryRule(moreOfReals, () => true, realOf) },
  { weight: 2, rule: choosing },
  { weight: 2, rule: convert },
];
