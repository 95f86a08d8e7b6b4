/**
 * Random programs. A program is built from a list of choices, each five numbers that are read modulo what is possible at that point:
 * every list gives a valid program, so fast-check can drop and shrink choices freely.
 */
import fc from 'fast-check';
import { fitsInto, isFloat as isFloatDType, promoteTensors } from '../../src/base/dtype.js';
import type { DType } from '../../src/index.js';
import type { Element, Input, Program, Step } from './program.js';

/** What to do, then four numbers that choose operands and parameters. */
export type Choice = readonly [what: number, a: number, b: number, c: number, d: number];

interface Slot {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly storage: number;
  /** No two of its elements are one in memory. */
  readonly writable: boolean;
  readonly detached: boolean;
}

interface StorageState {
  /** An input that wants a gradient: not to be written in place. */
  readonly leaf: boolean;
  requiresGrad: boolean;
}

const dtypes: readonly DType[] = [
  'float32',
  'float32',
  'float32',
  'float32',
  'int64',
  'int32',
  'uint8',
  'bool',
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int8',
  'int16',
  'uint32',
];
const sizes = [2, 3, 1, 5, 7, 4, 17, 33, 0] as const;
const shapes: readonly (readonly number[])[] = [
  [3],
  [2, 3],
  [],
  [17],
  [3, 5],
  [1, 4],
  [5, 1],
  [2, 3, 4],
  [7, 33],
  [4, 1, 5],
  [1],
  [3, 3],
  [2, 1, 3, 2],
  [0],
  [2, 0, 3],
  [33, 2],
];
const MAX_ELEMENTS = 1200;

const numel = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

function promote(a: Slot, b: Slot): DType {
  return promoteTensors(a.dtype, a.shape.length, b.dtype, b.shape.length);
}
const pick = <T>(from: readonly T[], n: number): T => from[n % from.length];

function broadcast(a: readonly number[], b: readonly number[]): number[] | null {
  const out: number[] = [];
  for (let i = 1; i <= Math.max(a.length, b.length); i++) {
    const [x, y] = [a[a.length - i] ?? 1, b[b.length - i] ?? 1];
    if (x !== y && x !== 1 && y !== 1) return null;
    out.unshift(x === 1 ? y : x);
  }
  return numel(out) <= MAX_ELEMENTS ? out : null;
}

const same = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((s, i) => s === b[i]);

function dataOf(dtype: DType, n: number, seed: number): Element[] {
  let state = (seed * 2654435761 + 12345) >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 16;
  };
  return Array.from({ length: n }, (): Element => {
    const r = next();
    switch (dtype) {
      case 'float32':
      case 'float64':
      case 'float16':
      case 'bfloat16':
        // Mostly numbers that sums and products keep exact; some that they do not.
        return seed % 3 === 2 ? Math.fround(((r % 61) - 30) / 10) : ((r % 13) - 6) / 2;
      case 'bool':
        return r & 1;
      case 'uint8':
      case 'uint32':
        return r % 9;
      default:
        return (r % 11) - 5;
    }
  });
}

class Builder {
  readonly inputs: Input[] = [];
  readonly steps: Step[] = [];
  readonly slots: Slot[] = [];
  readonly storages: StorageState[] = [];
  readonly #inputChoices: readonly Choice[];
  readonly #pendingIndices: { readonly at: number; readonly input: Input }[] = [];

  constructor(inputChoices: readonly Choice[]) {
    this.#inputChoices = inputChoices;
  }

  addInputs(): void {
    const base = pick(shapes, this.#inputChoices[0]?.[1] ?? 0);
    for (const [what, a, b, c, d] of this.#inputChoices) {
      const dtype = pick(dtypes, what);
      // Shapes that broadcast with one another: the program's base with leading dimensions dropped or sizes set to 1.
      let shape: readonly number[] = base;
      if (b % 4 === 1) shape = base.slice(c % (base.length + 1));
      else if (b % 4 === 2) shape = base.map((s, i) => ((c >> i) & 1 ? 1 : s));
      else if (b % 4 === 3) shape = pick(shapes, a);
      const grad = isFloatDType(dtype) && d % 2 === 1;
      this.inputs.push({ shape, dtype, data: dataOf(dtype, numel(shape), c), ...(grad ? { grad } : {}) });
      this.storages.push({ leaf: grad, requiresGrad: grad });
      this.slots.push({ shape, dtype, storage: this.storages.length - 1, writable: true, detached: false });
    }
  }

  /** An input that a step needs, with numbers of its own. Inputs come first, so it is numbered when the program is finished. */
  #extraInput(input: Input): number {
    this.#pendingIndices.push({ at: -1 - this.#pendingIndices.length, input });
    return -this.#pendingIndices.length;
  }

  requires(i: number): boolean {
    const s = this.slots[i];
    return s !== undefined && isFloatDType(s.dtype) && !s.detached && this.storages[s.storage].requiresGrad;
  }

  emit(
    name: string,
    operands: readonly number[],
    parameters: Step extends readonly [string, readonly number[], ...infer P] ? P : never,
    shape: readonly number[],
    dtype: DType,
  ): void {
    if (numel(shape) > MAX_ELEMENTS || shape.length > 5) return;
    this.steps.push([name, operands, ...parameters]);
    const requiresGrad = isFloatDType(dtype) && operands.some((i) => this.requires(i));
    this.storages.push({ leaf: false, requiresGrad });
    this.slots.push({ shape, dtype, storage: this.storages.length - 1, writable: true, detached: false });
  }

  view(
    name: string,
    of: number,
    parameters: Step extends readonly [string, readonly number[], ...infer P] ? P : never,
    shape: readonly number[],
    options: { writable?: boolean; detached?: boolean } = {},
  ): void {
    if (numel(shape) > MAX_ELEMENTS || shape.length > 5) return;
    const s = this.slots[of];
    this.steps.push([name, [of], ...parameters]);
    this.slots.push({
      shape,
      dtype: s.dtype,
      storage: s.storage,
      writable: s.writable && (options.writable ?? true),
      detached: s.detached || (options.detached ?? false),
    });
  }

  update(
    name: string,
    operands: readonly number[],
    parameters: Step extends readonly [string, readonly number[], ...infer P] ? P : never,
  ): void {
    this.steps.push([name, operands, ...parameters]);
    const s = this.slots[operands[0]];
    if (!s.detached && operands.slice(1).some((i) => this.requires(i)))
      this.storages[s.storage].requiresGrad = true;
  }

  statement(name: string, of: number, ...parameters: number[]): void {
    this.steps.push([name, [of], ...parameters]);
  }

  /** The slots a test holds for, or null if there is none. */
  choose(n: number, test: (s: Slot, i: number) => boolean): number | null {
    const fit = this.slots.flatMap((s, i) => (test(s, i) ? [i] : []));
    // Late tensors are more likely, so that chains form.
    return fit.length === 0 ? null : fit[fit.length - 1 - (n % fit.length)];
  }

  indexInput(shape: readonly number[], limit: number, seed: number, dtype: 'int64' | 'int32'): number {
    const data = dataOf('uint8', numel(shape), seed).map((x) => Number(x) % limit);
    return this.#extraInput({ shape, dtype, data });
  }

  finish(outputChoice: readonly number[]): Program {
    const extra = this.#pendingIndices.map((p) => p.input);
    const first = this.inputs.length;
    const move = (i: number): number => (i < 0 ? first - i - 1 : i < first ? i : i + extra.length);
    const steps = this.steps.map(([name, operands, ...p]): Step => [name, operands.map(move), ...p]);
    const results = this.slots.map((_, i) => i);
    // All of them, or some, in some order: what is never read must not change what is.
    const [which, from] = outputChoice;
    const outputs = which % 3 === 0 ? results : results.filter((i) => ((which >> (i % 12)) & 1) === 1);
    const turned =
      outputs.length === 0
        ? [results.length - 1]
        : [...outputs.slice(from % outputs.length), ...outputs.slice(0, from % outputs.length)];
    return { inputs: [...this.inputs, ...extra], steps, outputs: turned.map(move) };
  }
}

type StepRule = (p: Builder, a: number, b: number, c: number, d: number) => void;

const isFloat = (s: Slot): boolean => isFloatDType(s.dtype);
/** What a function of reals gives for an operand: integers become float32 first. */
const realOf = (dtype: DType): DType => (isFloatDType(dtype) ? dtype : 'float32');

function dimsOf(rank: number, c: number, d: number): number | number[] | null {
  if (rank === 0 || c % 4 === 0) return null;
  if (c % 4 === 3) {
    const some = Array.from({ length: rank }, (_, i) => i).filter((i) => ((d >> i) & 1) === 1);
    return some.length === 0 ? [d % rank] : some;
  }
  const dim = d % rank;
  return c % 4 === 1 ? dim : dim - rank;
}

function reducedShape(
  shape: readonly number[],
  dims: number | number[] | null,
  keepdim: boolean,
): { shape: number[]; over: number } {
  const list =
    dims === null
      ? shape.map((_, i) => i)
      : (typeof dims === 'number' ? [dims] : dims).map((x) => (x < 0 ? x + shape.length : x));
  const over = list.reduce((n, i) => n * shape[i], 1);
  return { shape: shape.flatMap((s, i) => (list.includes(i) ? (keepdim ? [1] : []) : [s])), over };
}

const floatUnary = ['exp', 'tanh', 'sigmoid', 'sqrt', 'erf', 'log', 'reciprocal'] as const;
const anyUnary = ['neg', 'abs', 'relu', 'square', 'clone'] as const;
const comparisons = ['lt', 'eq', 'ge', 'ne', 'gt', 'le'] as const;

const binaryRule =
  (names: readonly string[], result: (dtype: DType) => DType): StepRule =>
  (p, a, b, c) => {
    const x = p.choose(a, () => true);
    if (x === null) return;
    const y = p.choose(b, (s) => broadcast(p.slots[x].shape, s.shape) !== null);
    if (y === null) return;
    const shape = broadcast(p.slots[x].shape, p.slots[y].shape);
    const name = pick(names, c);
    const dtype = promote(p.slots[x], p.slots[y]);
    if (shape === null || (name === 'sub' && [x, y].some((i) => p.slots[i].dtype === 'bool'))) return;
    p.emit(name, [x, y], [], shape, result(name === 'div' ? realOf(dtype) : dtype));
  };

function scalar(dtype: DType, c: number): number {
  if (isFloatDType(dtype)) return pick([2, 0.5, -1, 3, 0, -0.25], c);
  if (dtype === 'uint8' || dtype === 'uint32' || dtype === 'bool') return pick([2, 1, 3], c);
  return pick([2, -1, 3, 0], c);
}

const stepRules: readonly { readonly weight: number; readonly rule: StepRule }[] = [
  { weight: 5, rule: binaryRule(['add', 'mul', 'sub', 'maximum', 'minimum', 'div'], (d) => d) },
  { weight: 2, rule: binaryRule(comparisons, () => 'bool') },
  { weight: 1, rule: binaryRule(['logicalAnd', 'logicalOr'], () => 'bool') },
  {
    weight: 3,
    rule: (p, a, _b, c, d) => {
      const x = p.choose(a, () => true);
      if (x === null) return;
      const { dtype, shape } = p.slots[x];
      const name = pick(['add', 'mul', 'sub', 'div'], c);
      if (name === 'sub' && dtype === 'bool') return;
      const n = scalar(dtype, d);
      const result = name === 'div' ? realOf(dtype) : dtype === 'bool' ? 'int64' : dtype;
      p.emit(name, [x], [n], shape, result);
    },
  },
  {
    weight: 3,
    rule: (p, a, _b, c) => {
      const x = p.choose(a, (s) => s.dtype !== 'bool');
      if (x !== null) p.emit(pick(anyUnary, c), [x], [], p.slots[x].shape, p.slots[x].dtype);
    },
  },
  {
    weight: 3,
    rule: (p, a, _b, c) => {
      const x = p.choose(a, () => true);
      if (x !== null) p.emit(pick(floatUnary, c), [x], [], p.slots[x].shape, realOf(p.slots[x].dtype));
    },
  },
  {
    weight: 2,
    rule: (p, a, b, c, d) => {
      const condition = p.choose(a, (s) => s.dtype === 'bool');
      if (condition === null) return;
      const x = p.choose(b, (s) => broadcast(p.slots[condition].shape, s.shape) !== null);
      if (x === null) return;
      const first = broadcast(p.slots[condition].shape, p.slots[x].shape);
      if (first === null) return;
      if (d % 3 === 0) {
        if (p.slots[x].dtype !== 'bool')
          p.emit('where', [condition, x], [scalar(p.slots[x].dtype, c)], first, p.slots[x].dtype);
        return;
      }
      const y = p.choose(c, (s) => broadcast(first, s.shape) !== null);
      if (y === null) return;
      const shape = broadcast(first, p.slots[y].shape);
      // The condition comes first in the program, as in PyTorch.
      if (shape !== null) p.emit('where', [condition, x, y], [], shape, promote(p.slots[x], p.slots[y]));
    },
  },
  {
    weight: 2,
    rule: (p, a, _b, c) => {
      const x = p.choose(a, () => true);
      if (x === null) return;
      const dtype = pick(dtypes, c);
      // What a float outside of an integer's range becomes is not defined.
      if (isFloat(p.slots[x]) && !isFloatDType(dtype)) return;
      if (dtype !== p.slots[x].dtype) p.emit('to', [x], [dtype], p.slots[x].shape, dtype);
    },
  },
  {
    weight: 3,
    rule: (p, a, b, c, d) => {
      const x = p.choose(a, () => true);
      if (x === null) return;
      const s = p.slots[x];
      const dims = dimsOf(s.shape.length, c, d);
      const keepdim = b % 2 === 1;
      const { shape } = reducedShape(s.shape, dims, keepdim);
      if (b % 3 === 2 && isFloat(s)) p.emit('mean', [x], [dims, keepdim], shape, s.dtype);
      else p.emit('sum', [x], [dims, keepdim], shape, isFloat(s) ? s.dtype : 'int64');
    },
  },
  {
    weight: 2,
    rule: (p, a, b, c, d) => {
      const x = p.choose(a, (s) => s.dtype !== 'bool' && numel(s.shape) > 0);
      if (x === null) return;
      const s = p.slots[x];
      const dims = dimsOf(s.shape.length, c, d);
      const keepdim = b % 2 === 1;
      const { shape } = reducedShape(s.shape, dims, keepdim);
      p.emit(b % 4 < 2 ? 'amax' : 'amin', [x], [dims, keepdim], shape, s.dtype);
    },
  },
  {
    weight: 1,
    rule: (p, a, b, _c, d) => {
      const x = p.choose(a, (s) => s.dtype !== 'bool' && numel(s.shape) > 0);
      if (x === null) return;
      const s = p.slots[x];
      const dim = s.shape.length === 0 ? null : d % s.shape.length;
      const keepdim = b % 2 === 1;
      p.emit('argmax', [x], [dim, keepdim], reducedShape(s.shape, dim, keepdim).shape, 'int64');
    },
  },
  {
    weight: 2,
    rule: (p, a, b, c) => {
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
    },
  },
  // --- views ---------------------------------------------------------------------------------------------------------------
  {
    weight: 2,
    rule: (p, a, b, c) => {
      const x = p.choose(a, () => true);
      if (x === null) return;
      const { shape } = p.slots[x];
      const n = numel(shape);
      if (shape.length > 1 && b % 3 === 0) {
        const [i, j] = [c % shape.length, Math.floor(c / 7) % shape.length].sort((q, r) => q - r);
        p.view(
          'flatten',
          x,
          [i, j],
          [...shape.slice(0, i), numel(shape.slice(i, j + 1)), ...shape.slice(j + 1)],
        );
      } else if (b % 3 === 1) {
        const at = c % (shape.length + 1);
        p.view('unsqueeze', x, [at], [...shape.slice(0, at), 1, ...shape.slice(at)]);
      } else {
        const by = [2, 3, 5, 7, 4].find((f) => n % f === 0 && n > 0) ?? 1;
        const to = c % 2 === 0 ? [by, n / by] : [n / by, by];
        p.view('reshape', x, [to], to);
      }
    },
  },
  {
    weight: 2,
    rule: (p, a, b, c) => {
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
    },
  },
  {
    weight: 1,
    rule: (p, a, b, c) => {
      const x = p.choose(a, () => true);
      if (x === null) return;
      const { shape } = p.slots[x];
      const to = [
        ...(b % 2 === 0 ? [pick(sizes, c)] : []),
        ...shape.map((s, d) => (s === 1 ? pick(sizes, c + d) : s)),
      ];
      p.view('expand', x, [to], to, { writable: false });
    },
  },
  {
    weight: 3,
    rule: (p, a, b, c, d) => {
      const x = p.choose(a, (s) => s.shape.length > 0 && numel(s.shape) > 0);
      if (x === null) return;
      const { shape } = p.slots[x];
      const dim = d % shape.length;
      const size = shape[dim];
      const start = c % size;
      const rest = shape.map((s, i) => ({ s, i }));
      if (b % 3 === 0) {
        const length = 1 + (Math.floor(c / 8) % (size - start));
        p.view(
          'narrow',
          x,
          [dim, start, length],
          rest.map(({ s, i }) => (i === dim ? length : s)),
        );
      } else if (b % 3 === 1) {
        p.view(
          'select',
          x,
          [dim, d % 2 === 0 ? start : start - size],
          rest.filter(({ i }) => i !== dim).map(({ s }) => s),
        );
      } else {
        const step = 1 + (Math.floor(c / 8) % 3);
        const count = Math.ceil((size - start) / step);
        p.view(
          'index',
          x,
          [...shape.slice(0, dim).map(() => ':'), [start, null, step]],
          rest.map(({ s, i }) => (i === dim ? count : s)),
        );
      }
    },
  },
  {
    weight: 1,
    rule: (p, a) => {
      const x = p.choose(a, () => true);
      if (x !== null) p.view('detach', x, [], p.slots[x].shape, { detached: true });
    },
  },
  // --- products and lookups ------------------------------------------------------------------------------------------------
  {
    weight: 3,
    rule: (p, a, b) => {
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
    },
  },
  {
    weight: 2,
    rule: (p, a, b, c, d) => {
      const x = p.choose(a, (s) => s.shape.length > 0 && numel(s.shape) > 0);
      if (x === null) return;
      const { shape, dtype } = p.slots[x];
      const dim = d % shape.length;
      const wanted = shape.map((s, i) => (i === dim ? 1 + (c % 6) : b % 5 === 0 ? Math.max(1, s - 1) : s));
      p.emit(
        'gather',
        [x, p.indexInput(wanted, shape[dim], c, b % 2 === 0 ? 'int64' : 'int32')],
        [dim],
        wanted,
        dtype,
      );
    },
  },
  {
    weight: 1,
    rule: (p, a, b, c) => {
      const x = p.choose(a, (s) => isFloat(s) && s.shape.length === 2 && numel(s.shape) > 0);
      if (x === null) return;
      const [n, classes] = p.slots[x].shape;
      const reduction = pick(['mean', 'sum', 'none'], b);
      const index = p.indexInput([n], classes, c, c % 2 === 0 ? 'int64' : 'int32');
      // PyTorch wants int64 classes.
      const target = c % 2 === 0 ? index : p.indexInput([n], classes, c, 'int64');
      p.emit('crossEntropy', [x, target], [reduction], reduction === 'none' ? [n] : [], p.slots[x].dtype);
    },
  },
  // --- in place ------------------------------------------------------------------------------------------------------------
  {
    weight: 4,
    rule: (p, a, b, c) => {
      const x = p.choose(a, (s) => s.writable && !p.storages[s.storage].leaf);
      if (x === null) return;
      const s = p.slots[x];
      const name = pick(['add_', 'mul_', 'copy_', 'sub_', 'div_'], c);
      const fits = (t: Slot): boolean => {
        const shape = broadcast(s.shape, t.shape);
        if (shape === null || !same(shape, s.shape)) return false;
        if (name === 'copy_') return !isFloat(t) || isFloat(s);
        const result = name === 'div_' ? realOf(promote(s, t)) : promote(s, t);
        if (name === 'sub_' && (s.dtype === 'bool' || t.dtype === 'bool')) return false;
        return fitsInto(result, s.dtype);
      };
      // PyTorch refuses an operand that overlaps with what is written.
      const y = p.choose(b, (t, i) => fits(t) && (i === x || t.storage !== s.storage));
      if (y !== null) p.update(name, [x, y], []);
    },
  },
  {
    weight: 2,
    rule: (p, a, b, c) => {
      const x = p.choose(a, (s) => s.writable && s.dtype !== 'bool' && !p.storages[s.storage].leaf);
      if (x === null) return;
      const s = p.slots[x];
      const name = pick(['mul_', 'add_', 'fill_', 'zero_', 'neg_', 'relu_', 'tanh_', 'exp_'], c);
      if ((name === 'tanh_' || name === 'exp_') && !isFloat(s)) return;
      const takesNumber = name === 'mul_' || name === 'add_' || name === 'fill_';
      p.update(name, [x], takesNumber ? [scalar(s.dtype, b)] : []);
    },
  },
  // --- reading and going back ----------------------------------------------------------------------------------------------
  {
    weight: 1,
    rule: (p, a) => {
      const x = p.choose(a, () => true);
      if (x !== null) p.statement('read', x);
    },
  },
  {
    weight: 3,
    rule: (p, a) => {
      const x = p.choose(a, (_, i) => p.requires(i));
      if (x !== null) p.statement('backward', x);
    },
  },
  {
    weight: 1,
    rule: (p, a, b) => {
      const x = p.choose(
        a,
        (s) =>
          p.storages[s.storage].leaf && s.storage < p.inputs.length && p.slots.indexOf(s) < p.inputs.length,
      );
      if (x !== null) p.statement(b % 4 === 0 ? 'zeroGrad' : 'update', x, ...(b % 4 === 0 ? [] : [0.5]));
    },
  },
];

const weighted = stepRules.flatMap(({ weight, rule }) => new Array<StepRule>(weight).fill(rule));

export interface ProgramChoices {
  readonly inputs: readonly Choice[];
  readonly steps: readonly Choice[];
  readonly outputs: readonly [number, number];
}

export function buildProgram({ inputs, steps, outputs }: ProgramChoices): Program {
  const builder = new Builder(inputs);
  builder.addInputs();
  for (const [what, a, b, c, d] of steps) pick(weighted, what)(builder, a, b, c, d);
  return builder.finish(outputs);
}

const choice = fc.tuple(fc.nat(999), fc.nat(99), fc.nat(99), fc.nat(99), fc.nat(99));

/** Programs of up to `maxSteps` steps. */
export function programs(maxSteps: number): fc.Arbitrary<Program> {
  return fc
    .record({
      inputs: fc.array(choice, { minLength: 1, maxLength: 4 }),
      steps: fc.array(choice, { minLength: 1, maxLength: maxSteps, size: 'max' }),
      outputs: fc.tuple(fc.nat(9999), fc.nat(99)),
    })
    .map(buildProgram);
}
