/** Steps that read or write at positions. */
import type { Builder, Slot, StepRule, WeightedRule } from './builder.js';
import { isFloat, numel, pick, resized } from './builder.js';

const hasElements = (s: Slot): boolean => s.shape.length > 0 && numel(s.shape) > 0;

const gather: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, hasElements);
  if (x === null) return;
  const { shape, dtype } = p.slots[x];
  const dim = d % shape.length;
  const wanted = shape.map((s, i) => (i === dim ? 1 + (c % 6) : b % 5 === 0 ? Math.max(1, s - 1) : s));
  const index = p.indexInput(wanted, shape[dim], c, b % 2 === 0 ? 'int64' : 'int32');
  p.emit('gather', [x, index], [dim], wanted, dtype);
};

const select: StepRule = (p, a, b, c, d) => {
  const x = p.choose(a, hasElements);
  if (x === null) return;
  const { shape, dtype } = p.slots[x];
  const dim = d % shape.length;
  const count = c % 6;
  const index = p.indexInput([count], shape[dim], c, b % 2 === 0 ? 'int64' : 'int32');
  p.emit('indexSelect', [x, index], [dim], resized(shape, dim, count), dtype);
};

/** A source that has the dtype of `x` and at least these sizes: a slot, or numbers of its own. */
function sourceFor(p: Builder, s: Slot, shape: readonly number[], n: number): number {
  const found = p.choose(
    n,
    (t) =>
      t.dtype === s.dtype &&
      t.storage !== s.storage &&
      t.shape.length === shape.length &&
      t.shape.every((size, i) => size === shape[i]),
  );
  return found ?? p.weightInput(shape, 'float32', n);
}

export const writesAt: {
  readonly [K in 'scatter' | 'scatterAdd' | 'indexAdd' | 'indexCopy' | 'indexFill']: (
    p: Builder,
    x: number,
    n: number,
    d: number,
  ) => { readonly operands: number[]; readonly parameters: number[] };
} = {
  scatter: (p, x, n, d) => {
    const s = p.slots[x];
    const dim = d % s.shape.length;
    const shape = resized(s.shape, dim, 1 + (n % s.shape[dim]));
    const index = p.distinctIndexInput(shape, dim, s.shape[dim], n);
    if (n % 3 === 0 || s.dtype !== 'float32')
      return { operands: [x, index], parameters: [dim, pick([2, 1, 3], n)] };
    return { operands: [x, index, sourceFor(p, s, shape, n)], parameters: [dim] };
  },
  scatterAdd: (p, x, n, d) => {
    const s = p.slots[x];
    const dim = d % s.shape.length;
    const shape = resized(s.shape, dim, 1 + (n % 6));
    const index = p.indexInput(shape, s.shape[dim], n, 'int64');
    return { operands: [x, index, sourceFor(p, s, shape, n)], parameters: [dim] };
  },
  indexAdd: (p, x, n, d) => {
    const s = p.slots[x];
    const dim = d % s.shape.length;
    const count = n % 6;
    const index = p.indexInput([count], s.shape[dim], n, n % 2 === 0 ? 'int64' : 'int32');
    return {
      operands: [x, index, sourceFor(p, s, resized(s.shape, dim, count), n)],
      parameters: [dim, pick([1, 2, -0.5], n)],
    };
  },
  indexCopy: (p, x, n, d) => {
    const s = p.slots[x];
    const dim = d % s.shape.length;
    const count = 1 + (n % s.shape[dim]);
    const index = p.distinctIndexInput([count], 0, s.shape[dim], n);
    return { operands: [x, index, sourceFor(p, s, resized(s.shape, dim, count), n)], parameters: [dim] };
  },
  indexFill: (p, x, n, d) => {
    const s = p.slots[x];
    const dim = d % s.shape.length;
    const index = p.indexInput([n % 4], s.shape[dim], n, 'int64');
    return { operands: [x, index], parameters: [dim, pick([2, 1, 3], n)] };
  },
};

/** Whether a write has a source of floats, which numbers of its own can be. */
const takesSource = { scatter: false, scatterAdd: true, indexAdd: true, indexCopy: true, indexFill: false };
const writes = Object.keys(writesAt) as (keyof typeof writesAt)[];

export function canWriteAt(name: keyof typeof writesAt, s: Slot): boolean {
  return hasElements(s) && (takesSource[name] ? s.dtype === 'float32' : s.dtype !== 'bool');
}

const write: StepRule = (p, a, b, c, d) => {
  const name = pick(writes, b);
  const x = p.choose(a, (s) => canWriteAt(name, s));
  if (x === null) return;
  const { operands, parameters } = writesAt[name](p, x, c, d);
  p.emit(name, operands, parameters, p.slots[x].shape, p.slots[x].dtype);
};

/** Items of an index with tensors of positions or a mask: operands, items, and the shape they select. */
export interface TensorIndex {
  readonly operands: readonly number[];
  readonly items: readonly (string | number | readonly (number | null)[])[];
  readonly shape: readonly number[];
}

export function tensorIndex(
  p: Builder,
  s: Slot,
  { kind, seed, distinct }: { kind: number; seed: number; distinct: boolean },
): TensorIndex {
  const { shape } = s;
  const rank = shape.length;
  const positions = (size: number, of: readonly number[]): number =>
    distinct
      ? p.distinctIndexInput(of, 0, size, seed)
      : p.indexInput(of, size, seed, 'int64', seed % 2 === 0 ? 0 : -size);
  const count = distinct ? 1 + (seed % Math.min(...shape)) : 1 + (seed % 4);
  if (kind % 4 === 1 && rank >= 2) {
    // Two neighbours, or with something between them if there is a third.
    const apart = rank > 2 && seed % 2 === 1;
    const second = apart ? 2 : 1;
    const operands = [positions(shape[0], [count]), positions(shape[second], [count])];
    const rest = shape.filter((_, d) => d !== 0 && d !== second);
    return { operands, items: apart ? ['t', ':', 't'] : ['t', 't'], shape: [count, ...rest] };
  }
  if (kind % 4 === 2) {
    const dims = 1 + (seed % rank);
    const mask = p.maskInput(shape.slice(0, dims), seed);
    return { operands: [mask], items: ['t'], shape: [p.countHolding(mask), ...shape.slice(dims)] };
  }
  if (kind % 4 === 3 && rank >= 2) {
    const cut = 1 + (seed % shape[0]);
    const index = positions(shape[1], [count]);
    return { operands: [index], items: [[0, cut], 't'], shape: [cut, count, ...shape.slice(2)] };
  }
  const grid = distinct ? [count] : [count, 2];
  return { operands: [positions(shape[0], grid)], items: ['t'], shape: [...grid, ...shape.slice(1)] };
}

const advanced: StepRule = (p, a, b, c) => {
  const x = p.choose(a, hasElements);
  if (x === null) return;
  const { operands, items, shape } = tensorIndex(p, p.slots[x], { kind: b, seed: c, distinct: false });
  p.emit('indexTensors', [x, ...operands], items, shape, p.slots[x].dtype);
};

const take: StepRule = (p, a, b, c) => {
  const x = p.choose(a, hasElements);
  if (x === null) return;
  const s = p.slots[x];
  if (b % 2 === 0) {
    const index = p.indexInput([2, 1 + (c % 4)], numel(s.shape), c, 'int64');
    p.emit('take', [x, index], [], [2, 1 + (c % 4)], s.dtype);
  } else {
    const mask = p.maskInput(s.shape, c);
    p.emit('maskedSelect', [x, mask], [], [p.countHolding(mask)], s.dtype);
  }
};

const embedding: StepRule = (p, a, b, c) => {
  const table = p.choose(a, (s) => isFloat(s) && s.shape.length === 2 && numel(s.shape) > 0);
  if (table === null) return;
  const { shape, dtype } = p.slots[table];
  const of = b % 2 === 0 ? [1 + (c % 4)] : [2, c % 4];
  const index = p.indexInput(of, shape[0], c, b % 4 < 2 ? 'int64' : 'int32');
  const padding = b % 3 === 0 ? c % shape[0] : null;
  p.emit('embedding', [index, table], [padding], [...of, shape[1]], dtype);
};

const oneHot: StepRule = (p, _a, b, c) => {
  const of = pick([[3], [2, 3], [0], []], b);
  const classes = 1 + (c % 5);
  p.emit('oneHot', [p.indexInput(of, classes, c, 'int64')], [classes], [...of, classes], 'int64');
};

export const lookupRules: readonly WeightedRule[] = [
  { weight: 2, rule: gather },
  { weight: 1, rule: select },
  { weight: 2, rule: write },
  { weight: 2, rule: advanced },
  { weight: 1, rule: take },
  { weight: 1, rule: embedding },
  { weight: 1, rule: oneHot },
];
