/** Steps whose result shares the memory of its operand. */
import type { StepRule, WeightedRule } from './builder.js';
import { numel, pick, resized, without } from './builder.js';

const sizes = [2, 3, 1, 5, 7, 4, 17, 33, 0] as const;

const reshape: StepRule = (p, a, b, c) => {
  const x = p.choose(a, () => true);
  if (x === null) return;
  const { shape } = p.slots[x];
  const n = numel(shape);
  if (shape.length > 1 && b % 3 === 0) {
    const [i, j] = [c % shape.length, Math.floor(c / 7) % shape.length].sort((q, r) => q - r);
    p.view('flatten', x, [i, j], [...shape.slice(0, i), numel(shape.slice(i, j + 1)), ...shape.slice(j + 1)]);
  } else if (b % 3 === 1) {
    const at = c % (shape.length + 1);
    p.view('unsqueeze', x, [at], [...shape.slice(0, at), 1, ...shape.slice(at)]);
  } else {
    const by = [2, 3, 5, 7, 4].find((f) => n % f === 0 && n > 0) ?? 1;
    const to = c % 2 === 0 ? [by, n / by] : [n / by, by];
    p.view('reshape', x, [to], to);
  }
};

const permute: StepRule = (p, a, b, c) => {
  const x = p.choose(a, (s) => s.shape.length >= 2);
  if (x === null) return;
  const { shape } = p.slots[x];
  if (b % 2 === 0) {
    const [i, j] = [c % shape.length, Math.floor(c / 5) % shape.length];
    p.view(
      'transpose',
      x,
      [i, j],
      shape.map((_, d) => shape[d === i ? j : d === j ? i : d]),
    );
  } else {
    const order = shape.map((_, d) => (d + 1 + (c % shape.length)) % shape.length);
    p.view(
      'permute',
      x,
      [order],
      order.map((d) => shape[d]),
    );
  }
};

const expand: StepRule = (p, a, b, c) => {
  const x = p.choose(a, () => true);
  if (x === null) return;
  const { shape } = p.slots[x];
  const to = [
    ...(b % 2 === 0 ? [pick(sizes, c)] : []),
    ...shape.map((s, d) => (s === 1 ? pick(sizes, c + d) : s)),
  ];
  p.view('expand', x, [to], to, { writable: false });
};

const cut: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, (s) => s.shape.length > 0 && numel(s.shape) > 0);
  if (x === null) return;
  const { shape } = p.slots[x];
  const dim = d % shape.length;
  const size = shape[dim];
  const start = c % size;
  if (b % 3 === 0) {
    const length = 1 + (Math.floor(c / 8) % (size - start));
    p.view('narrow', x, [dim, start, length], resized(shape, dim, length));
  } else if (b % 3 === 1) {
    p.view('select', x, [dim, d % 2 === 0 ? start : start - size], without(shape, dim));
  } else {
    const step = 1 + (Math.floor(c / 8) % 3);
    const count = Math.ceil((size - start) / step);
    p.view(
      'index',
      x,
      [...shape.slice(0, dim).map(() => ':'), [start, null, step]],
      resized(shape, dim, count),
    );
  }
};

/** One of the pieces that a dimension is cut into. */
const piece: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, (s) => s.shape.length > 0 && numel(s.shape) > 0);
  if (x === null) return;
  const { shape } = p.slots[x];
  const dim = d % shape.length;
  const size = shape[dim];
  if (b % 3 === 0) return p.view('unbindPart', x, [dim, c % size], without(shape, dim));
  const length = b % 3 === 1 ? 1 + (c % size) : Math.ceil(size / (1 + (c % 4)));
  const count = Math.ceil(size / length);
  const i = Math.floor(c / 5) % count;
  const to = resized(shape, dim, Math.min(length, size - i * length));
  if (b % 3 === 1) p.view('splitPart', x, [length, dim, i], to);
  else p.view('chunkPart', x, [1 + (c % 4), dim, i], to);
};

const diagonal: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, (s) => s.shape.length >= 2);
  if (x === null) return;
  const { shape } = p.slots[x];
  const i = c % shape.length;
  const j = (i + 1 + (d % (shape.length - 1))) % shape.length;
  const offset = (b % 3) - 1;
  const count = Math.max(0, Math.min(shape[i] - Math.max(-offset, 0), shape[j] - Math.max(offset, 0)));
  p.view('diagonal', x, [offset, i, j], [...shape.filter((_, n) => n !== i && n !== j), count]);
};

const unfold: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, (s) => s.shape.length > 0 && numel(s.shape) > 0);
  if (x === null) return;
  const { shape } = p.slots[x];
  const dim = d % shape.length;
  const length = 1 + (c % Math.min(shape[dim], 4));
  const step = 1 + (b % 4);
  const count = Math.floor((shape[dim] - length) / step) + 1;
  p.view('unfold', x, [dim, length, step], [...resized(shape, dim, count), length], {
    // Windows with gaps between them are not written through.
    writable: step === length,
  });
};

const squeeze: StepRule = (p, a, b, c) => {
  const x = p.choose(a, (s) => s.shape.includes(1));
  if (x === null) return;
  const { shape } = p.slots[x];
  const dim = shape.indexOf(1);
  if (b % 3 === 0) p.view('squeeze', x, [dim], without(shape, dim));
  else if (b % 3 === 1)
    p.view(
      'squeeze',
      x,
      [],
      shape.filter((s) => s !== 1),
    );
  else {
    const to = c % shape.length;
    const rest = without(shape, dim);
    p.view('movedim', x, [dim, to], [...rest.slice(0, to), 1, ...rest.slice(to)]);
  }
};

const detach: StepRule = (p, a) => {
  const x = p.choose(a, () => true);
  if (x !== null) p.view('detach', x, [], p.slots[x].shape, { detached: true });
};

export const viewRules: readonly WeightedRule[] = [
  { weight: 2, rule: reshape },
  { weight: 2, rule: permute },
  { weight: 1, rule: expand },
  { weight: 3, rule: cut },
  { weight: 1, rule: piece },
  { weight: 1, rule: diagonal },
  { weight: 1, rule: unfold },
  { weight: 1, rule: squeeze },
  { weight: 1, rule: detach },
];
