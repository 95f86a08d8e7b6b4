/** Steps that put elements elsewhere: joining, mirroring, shifting, repeating, padding, triangles. */
import type { StepRule, WeightedRule } from './builder.js';
import { numel, pick, resized, same } from './builder.js';

const join: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, (s) => s.shape.length > 0);
  if (x === null) return;
  const { shape, dtype } = p.slots[x];
  const dim = d % shape.length;
  const fits = (n: number): number | null =>
    p.choose(
      n,
      (s) =>
        s.dtype === dtype &&
        s.shape.length === shape.length &&
        same(resized(s.shape, dim, 0), resized(shape, dim, 0)),
    );
  const others = [fits(b), ...(c % 2 === 0 ? [fits(c)] : [])].filter((i) => i !== null);
  const all = [x, ...others];
  const size = all.reduce((n, i) => n + p.slots[i].shape[dim], 0);
  p.emit('cat', all, [dim], resized(shape, dim, size), dtype);
};

const stack: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, () => true);
  if (x === null) return;
  const { shape, dtype } = p.slots[x];
  const fits = (n: number): number | null => p.choose(n, (s) => s.dtype === dtype && same(s.shape, shape));
  const others = [fits(b), ...(c % 2 === 0 ? [fits(c)] : [])].filter((i) => i !== null);
  const dim = d % (shape.length + 1);
  const to = [...shape.slice(0, dim), 1 + others.length, ...shape.slice(dim)];
  p.emit('stack', [x, ...others], [dim], to, dtype);
};

const turn: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, (s) => s.shape.length > 0);
  if (x === null) return;
  const { shape, dtype } = p.slots[x];
  const dim = d % shape.length;
  if (b % 3 === 0) {
    const dims = c % 2 === 0 ? [dim] : shape.map((_, i) => i);
    p.emit('flip', [x], [dims], shape, dtype);
  } else if (b % 3 === 1) p.emit('roll', [x], [[(c % 7) - 3], [dim]], shape, dtype);
  else p.emit('roll', [x], [[(c % 7) - 3]], shape, dtype);
};

const repeat: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, () => true);
  if (x === null) return;
  const { shape, dtype } = p.slots[x];
  if (b % 2 === 0 && shape.length > 0) {
    const dim = d % shape.length;
    const times = c % 4;
    p.emit('repeatInterleave', [x], [times, dim], resized(shape, dim, shape[dim] * times), dtype);
    return;
  }
  const times = [...(d % 3 === 0 ? [2] : []), ...shape.map((_, i) => 1 + ((c >> i) & 1))];
  const own = [...(d % 3 === 0 ? [1] : []), ...shape];
  p.emit(
    'repeat',
    [x],
    [times],
    own.map((s, i) => s * times[i]),
    dtype,
  );
};

const pad: StepRule = (p, a, b, c, d) => {
  const mode = pick(['constant', 'constant', 'replicate', 'circular', 'reflect'], b);
  // PyTorch pads one dimension of these in tensors of two or three.
  const x = p.choose(a, (s) =>
    mode === 'constant'
      ? s.shape.length > 0 && s.dtype !== 'bool'
      : (s.shape.length === 2 || s.shape.length === 3) && numel(s.shape) > 0 && s.dtype !== 'bool',
  );
  if (x === null) return;
  const { shape, dtype } = p.slots[x];
  const last = shape.length - 1;
  const size = shape[last];
  if (mode !== 'constant') {
    const most = mode === 'circular' ? size : mode === 'reflect' ? size - 1 : 3;
    const amounts = [Math.min(c % 3, most), Math.min(d % 3, most)];
    p.emit('pad', [x], [amounts, mode, 0], resized(shape, last, size + amounts[0] + amounts[1]), dtype);
    return;
  }
  const low = Math.max((c % 5) - 2, -size);
  const high = Math.max((d % 5) - 2, -size - Math.min(low, 0));
  const two = last > 0 && b % 2 === 1;
  const wide = resized(shape, last, size + low + high);
  p.emit(
    'pad',
    [x],
    [two ? [low, high, 1, c % 2] : [low, high], mode, pick([0, 2, 1], c)],
    two ? resized(wide, last - 1, shape[last - 1] + 1 + (c % 2)) : wide,
    dtype,
  );
};

const triangle: StepRule = (p, a, b, c) => {
  const x = p.choose(a, (s) => s.shape.length >= 2);
  if (x !== null) p.emit(pick(['tril', 'triu'], b), [x], [(c % 5) - 2], p.slots[x].shape, p.slots[x].dtype);
};

const onDiagonal: StepRule = (p, a, _b, c) => {
  const x = p.choose(a, (s) => s.shape.length > 0 && s.shape[s.shape.length - 1] < 8);
  if (x === null) return;
  const { shape, dtype } = p.slots[x];
  const offset = (c % 3) - 1;
  const n = shape[shape.length - 1] + Math.abs(offset);
  p.emit('diagEmbed', [x], [offset, -2, -1], [...shape.slice(0, -1), n, n], dtype);
};

export const arrangingRules: readonly WeightedRule[] = [
  { weight: 2, rule: join },
  { weight: 1, rule: stack },
  { weight: 2, rule: turn },
  { weight: 1, rule: repeat },
  { weight: 2, rule: pad },
  { weight: 1, rule: triangle },
  { weight: 1, rule: onDiagonal },
];
