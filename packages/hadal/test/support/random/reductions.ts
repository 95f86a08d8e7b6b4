/** Steps that reduce, accumulate or order along dimensions. */
import type { Slot, StepRule, WeightedRule } from './builder.js';
import { isFloat, numel, pick, resized, without } from './builder.js';

function dimsOf(rank: number, c: number, d: number): number | number[] | null {
  if (rank === 0 || c % 4 === 0) return null;
  if (c % 4 === 3) {
    const some = Array.from({ length: rank }, (_, i) => i).filter((i) => ((d >> i) & 1) === 1);
    return some.length === 0 ? [d % rank] : some;
  }
  const dim = d % rank;
  return c % 4 === 1 ? dim : dim - rank;
}

function reducedShape(shape: readonly number[], dims: number | number[] | null, keepdim: boolean): number[] {
  const list =
    dims === null
      ? shape.map((_, i) => i)
      : (typeof dims === 'number' ? [dims] : dims).map((x) => (x < 0 ? x + shape.length : x));
  return shape.flatMap((s, i) => (list.includes(i) ? (keepdim ? [1] : []) : [s]));
}

const hasOrder = (s: Slot): boolean => s.dtype !== 'bool' && numel(s.shape) > 0;

const sum: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, () => true);
  if (x === null) return;
  const s = p.slots[x];
  const dims = dimsOf(s.shape.length, c, d);
  const keepdim = b % 2 === 1;
  const shape = reducedShape(s.shape, dims, keepdim);
  if (b % 3 === 2 && isFloat(s)) p.emit('mean', [x], [dims, keepdim], shape, s.dtype);
  else p.emit('sum', [x], [dims, keepdim], shape, isFloat(s) ? s.dtype : 'int64');
};

const extremum: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, hasOrder);
  if (x === null) return;
  const s = p.slots[x];
  const dims = dimsOf(s.shape.length, c, d);
  const keepdim = b % 2 === 1;
  p.emit(b % 4 < 2 ? 'amax' : 'amin', [x], [dims, keepdim], reducedShape(s.shape, dims, keepdim), s.dtype);
};

const position: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, hasOrder);
  if (x === null) return;
  const s = p.slots[x];
  const dim = s.shape.length === 0 || c % 4 === 0 ? null : d % s.shape.length;
  const keepdim = b % 2 === 1;
  const name = pick(['argmax', 'argmin'], Math.floor(b / 2));
  p.emit(name, [x], [dim, keepdim], reducedShape(s.shape, dim, keepdim), 'int64');
};

/** Extremes with their positions, or the product: one dimension each. */
const alongOne: StepRule = (p, a, b, c, d) => {
  const name = pick(['maxValues', 'minValues', 'maxIndices', 'minIndices', 'prod'], c);
  const x = p.choose(a, (s) => s.shape.length > 0 && (name === 'prod' || hasOrder(s)));
  if (x === null) return;
  const s = p.slots[x];
  const dim = d % s.shape.length;
  const keepdim = b % 2 === 1;
  const dtype = name.endsWith('Indices') || (name === 'prod' && !isFloat(s)) ? 'int64' : s.dtype;
  p.emit(name, [x], [dim, keepdim], reducedShape(s.shape, dim, keepdim), dtype);
};

const truth: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, () => true);
  if (x === null) return;
  const s = p.slots[x];
  const dims = dimsOf(s.shape.length, c, d);
  const keepdim = b % 2 === 1;
  const name = pick(['any', 'all', 'countNonzero'], Math.floor(b / 2));
  if (name === 'countNonzero') p.emit(name, [x], [dims], reducedShape(s.shape, dims, false), 'int64');
  else if (dims === null) p.emit(name, [x], [null], [], s.dtype === 'uint8' ? 'uint8' : 'bool');
  else
    p.emit(
      name,
      [x],
      [dims, keepdim],
      reducedShape(s.shape, dims, keepdim),
      s.dtype === 'uint8' ? 'uint8' : 'bool',
    );
};

const spread: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, isFloat);
  if (x === null) return;
  const s = p.slots[x];
  const dims = dimsOf(s.shape.length, c, d);
  const keepdim = b % 2 === 1;
  const shape = reducedShape(s.shape, dims, keepdim);
  const name = pick(['var', 'std', 'norm', 'logsumexp'], Math.floor(b / 2));
  if (name === 'norm') p.emit(name, [x], [pick([2, 1, 3], d), dims, keepdim], shape, s.dtype);
  else if (name !== 'logsumexp') p.emit(name, [x], [dims, d % 2, keepdim], shape, s.dtype);
  else if (dims !== null && numel(s.shape) > 0) p.emit(name, [x], [dims, keepdim], shape, s.dtype);
};

const running: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, (s) => s.shape.length > 0);
  if (x === null) return;
  const s = p.slots[x];
  if (hasOrder(s) && b % 3 === 0) {
    const which = pick(['cummaxValues', 'cumminValues', 'cummaxIndices', 'cumminIndices'], c);
    const isValue = which.endsWith('Values');
    p.emit(which, [x], [d % s.shape.length], s.shape, isValue ? s.dtype : 'int64');
    return;
  }
  const name = b % 5 === 4 ? 'cumprod' : b % 5 === 3 && isFloat(s) ? 'logcumsumexp' : 'cumsum';
  p.emit(name, [x], [d % s.shape.length], s.shape, isFloat(s) ? s.dtype : 'int64');
};

const order: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, (s) => s.shape.length > 0);
  if (x === null) return;
  const s = p.slots[x];
  const dim = d % s.shape.length;
  const down = b % 2 === 1;
  const name = pick(['sortValues', 'argsort', 'sortIndices', 'topkValues'], c);
  if (name === 'topkValues') {
    // Which of equal elements it takes is not defined; only gradients and positions tell.
    if (p.requires(x) || s.dtype === 'bool') return;
    const k = Math.floor(c / 4) % (s.shape[dim] + 1);
    p.emit(name, [x], [k, dim, down], resized(s.shape, dim, k), s.dtype);
  } else p.emit(name, [x], [dim, down], s.shape, name === 'sortValues' ? s.dtype : 'int64');
};

const ranked: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, (s) => s.shape.length > 0 && hasOrder(s));
  if (x === null || p.requires(x)) return;
  const s = p.slots[x];
  const dim = d % s.shape.length;
  const keepdim = b % 2 === 1;
  const shape = keepdim ? resized(s.shape, dim, 1) : without(s.shape, dim);
  if (c % 2 === 0) p.emit('medianValues', [x], [dim, keepdim], shape, s.dtype);
  else p.emit('kthvalueValues', [x], [1 + (c % s.shape[dim]), dim, keepdim], shape, s.dtype);
};

const softmax: StepRule = (p, a, b, c) => {
  const x = p.choose(a, (s) => isFloat(s) && s.shape.length > 0);
  if (x === null) return;
  const { shape } = p.slots[x];
  p.emit(
    b % 2 === 0 ? 'softmax' : 'logSoftmax',
    [x],
    [(c % (2 * shape.length)) - shape.length],
    shape,
    p.slots[x].dtype,
  );
};

export const reductionRules: readonly WeightedRule[] = [
  { weight: 3, rule: sum },
  { weight: 2, rule: extremum },
  { weight: 2, rule: position },
  { weight: 2, rule: alongOne },
  { weight: 1, rule: truth },
  { weight: 2, rule: spread },
  { weight: 2, rule: running },
  { weight: 2, rule: order },
  { weight: 1, rule: ranked },
  { weight: 2, rule: softmax },
];
