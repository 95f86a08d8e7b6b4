/** Products, convolutions, pooling, normalisation, a loss. */
import type { Slot, StepRule, WeightedRule } from './builder.js';
import { broadcast, isFloat, numel, pick } from './builder.js';

const matmul: StepRule = (p, a, b) => {
  const x = p.choose(a, (s) => isFloat(s) && s.shape.length >= 1 && s.shape.length <= 3);
  if (x === null) return;
  const left = p.slots[x].shape;
  const k = left[left.length - 1];
  const result = (right: readonly number[]): number[] | null => {
    if (right.length === 0 || right[Math.max(right.length - 2, 0)] !== k) return null;
    const batch = broadcast(left.slice(0, -2), right.slice(0, -2));
    if (batch === null) return null;
    return [
      ...batch,
      ...(left.length > 1 ? [left[left.length - 2]] : []),
      ...(right.length > 1 ? [right[right.length - 1]] : []),
    ];
  };
  const y = p.choose(
    b,
    (s) => s.dtype === p.slots[x].dtype && s.shape.length <= 3 && result(s.shape) !== null,
  );
  if (y === null) return;
  const shape = result(p.slots[y].shape);
  if (shape !== null) p.emit('matmul', [x, y], [], shape, p.slots[x].dtype);
};

// Each has a product or a sum in it: what only moves dimensions is a view in PyTorch.
const equations = [
  'ij,jk->ik',
  'ij,ij->i',
  'ij,kj->ik',
  'i,j->ij',
  'bij,bjk->bik',
  'bij,j->bi',
  'ij,ij->',
  'ij,ik->kj',
  'bij,bkj->kb',
  'bij,ij->jb',
] as const;

/** The size of each letter, or null where two differ. */
function sizesOf(
  terms: readonly string[],
  shapes: readonly (readonly number[])[],
): Map<string, number> | null {
  const sizes = new Map<string, number>();
  for (const [i, term] of terms.entries()) {
    if (term.length !== shapes[i].length) return null;
    for (const [d, letter] of [...term].entries()) {
      if ((sizes.get(letter) ?? shapes[i][d]) !== shapes[i][d]) return null;
      sizes.set(letter, shapes[i][d]);
    }
  }
  return sizes;
}

const einsum: StepRule = (p, a, b, c) => {
  const equation = pick(equations, c);
  const [left, result] = equation.split('->');
  const [first, second] = left.split(',');
  const x = p.choose(a, (s) => isFloat(s) && s.shape.length === first.length);
  if (x === null) return;
  const s = p.slots[x];
  const sizes = (t: Slot): Map<string, number> | null => sizesOf([first, second], [s.shape, t.shape]);
  const y = p.choose(b, (t) => t.dtype === s.dtype && sizes(t) !== null);
  if (y === null) return;
  const of = sizes(p.slots[y]);
  if (of !== null)
    p.emit(
      'einsum',
      [x, y],
      [equation],
      [...result].map((l) => of.get(l) ?? 1),
      s.dtype,
    );
};

/** Keys and values of another tensor, or of the step's own; masked, causal or neither. */
const attention: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, (s) => isFloat(s) && s.shape.length >= 2 && numel(s.shape) > 0);
  if (x === null) return;
  const { shape, dtype } = p.slots[x];
  const [queries, features] = shape.slice(-2);
  const own = b % 3 === 0 ? p.choose(b, (s) => s.dtype === dtype && isKeys(s.shape, shape)) : null;
  const keys = own === null ? 1 + (c % 7) : p.slots[own].shape[shape.length - 2];
  const lead = shape.slice(0, -2);
  const key = own ?? p.weightInput([...(c % 2 === 0 ? lead : []), keys, features], dtype, c);
  const value = p.weightInput([...lead, keys, 1 + (d % 5)], dtype, d);
  // Scores of millions differ by less than float32 can hold, and which key wins is then chance.
  p.emit('tanh', [x], [], shape, dtype);
  // A product of its own has the noise of a run reach what the gradient makes of the scores.
  p.emit('mul', [p.slots.length - 1], [3], shape, dtype);
  const query = p.slots.length - 1;
  const mask = d % 3 === 1 ? [p.maskInput([queries, keys], c)] : [];
  const isCausal = d % 3 === 2;
  p.emit(
    'attention',
    [query, key, value, ...mask],
    [isCausal, 0.5, false],
    [...shape.slice(0, -1), 1 + (d % 5)],
    dtype,
  );
};

function isKeys(of: readonly number[], queries: readonly number[]): boolean {
  return (
    of.length === queries.length &&
    of.every((s, d) => d === of.length - 2 || s === queries[d]) &&
    numel(of) > 0
  );
}

/** How many windows of `reach` fit into `size`, `stride` apart. */
const windowsIn = (size: number, reach: number, stride: number): number =>
  Math.floor((size - reach) / stride) + 1;

const convolution: StepRule = (p, a, b, c, d) => {
  const rank = 1 + (b % 2);
  const x = p.choose(
    a,
    (s) => isFloat(s) && (s.shape.length === rank + 2 || s.shape.length === rank + 1) && numel(s.shape) > 0,
  );
  if (x === null) return;
  const { shape, dtype } = p.slots[x];
  const space = shape.slice(-rank);
  const channels = shape[shape.length - rank - 1];
  const [features, stride, padding] = [1 + (c % 3), 1 + (d % 2), Math.floor(d / 2) % 2];
  const groups = c % 4 === 3 ? channels : 1;
  const kernel = space.map((size, i) => Math.min(1 + ((c >> i) % 3), size + 2 * padding));
  const weight = p.weightInput([features * groups, channels / groups, ...kernel], dtype, c);
  const bias = d % 3 === 0 ? [p.weightInput([features * groups], dtype, d)] : [];
  const out = space.map((size, i) => windowsIn(size + 2 * padding, kernel[i], stride));
  p.emit(
    rank === 1 ? 'conv1d' : 'conv2d',
    [x, weight, ...bias],
    [{ stride, padding, groups }],
    [...shape.slice(0, -rank - 1), features * groups, ...out],
    dtype,
  );
};

const transposed: StepRule = (p, a, _b, c, d) => {
  const x = p.choose(
    a,
    (s) => isFloat(s) && (s.shape.length === 3 || s.shape.length === 2) && numel(s.shape) > 0,
  );
  if (x === null) return;
  const { shape, dtype } = p.slots[x];
  const [channels, size] = shape.slice(-2);
  const [features, stride, kernel] = [1 + (c % 3), 1 + (d % 3), 1 + (c % 4)];
  const weight = p.weightInput([channels, features, kernel], dtype, c);
  const length = (size - 1) * stride + kernel;
  p.emit('convTranspose1d', [x, weight], [{ stride }], [...shape.slice(0, -2), features, length], dtype);
};

const pooling: StepRule = (p, a, b, c, d) => {
  const rank = 1 + (b % 2);
  const x = p.choose(
    a,
    (s) => isFloat(s) && (s.shape.length === rank + 2 || s.shape.length === rank + 1) && numel(s.shape) > 0,
  );
  if (x === null) return;
  const { shape, dtype } = p.slots[x];
  const space = shape.slice(-rank);
  const padding = c % 5 === 0 && d % 2 === 0 ? 1 : 0;
  const size = space.map((s, i) => Math.min(1 + padding + ((c >> i) % 3), s + 2 * padding));
  const stride = 1 + (d % 3);
  const max = Math.floor(b / 2) % 2 === 0;
  if (size.some((k) => padding > k / 2)) return;
  const out = space.map((s, i) => windowsIn(s + 2 * padding, size[i], stride));
  p.emit(
    `${max ? 'max' : 'avg'}Pool${rank}d`,
    [x],
    [size, { stride, padding }],
    [...shape.slice(0, -rank), ...out],
    dtype,
  );
};

/** An eps this large keeps rows of equal numbers from being all rounding. */
const EPSILON = 0.5;

const normalisation: StepRule = (p, a, b, c) => {
  const x = p.choose(a, (s) => isFloat(s) && s.shape.length > 0 && numel(s.shape) > 0);
  if (x === null) return;
  const { shape, dtype } = p.slots[x];
  const over = shape.slice(-(1 + (c % shape.length)));
  const affine = b % 2 === 0 ? [p.weightInput(over, dtype, c), p.weightInput(over, dtype, c + 1)] : [];
  if (b % 3 === 2) p.emit('rmsNorm', [x, ...affine.slice(0, 1)], [over, EPSILON], shape, dtype);
  else p.emit('layerNorm', [x, ...affine], [over, EPSILON], shape, dtype);
};

const loss: StepRule = (p, a, b, c) => {
  const x = p.choose(a, (s) => isFloat(s) && s.shape.length === 2 && numel(s.shape) > 0);
  if (x === null) return;
  const [n, classes] = p.slots[x].shape;
  const reduction = pick(['mean', 'sum', 'none'], b);
  // PyTorch wants int64 classes.
  const target = p.indexInput([n], classes, c, 'int64');
  p.emit('crossEntropy', [x, target], [reduction], reduction === 'none' ? [n] : [], p.slots[x].dtype);
};

export const layerRules: readonly WeightedRule[] = [
  { weight: 3, rule: matmul },
  { weight: 2, rule: einsum },
  { weight: 2, rule: attention },
  { weight: 2, rule: convolution },
  { weight: 1, rule: transposed },
  { weight: 2, rule: pooling },
  { weight: 1, rule: normalisation },
  { weight: 1, rule: loss },
];
