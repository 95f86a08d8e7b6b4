/**
 * What random programs are built with. The builder knows shape, dtype and memory of every tensor so far; a rule adds a step to it, or
 * nothing where no tensor fits. Choices are read modulo what is possible at that point, so every list of them gives a valid program.
 */
import { isFloat as isFloatDType, promoteTensors } from '../../../src/base/dtype.js';
import type { DType } from '../../../src/index.js';
import type { Element, Input, Program, Step } from '../program.js';
import type { Parameter } from '../steps/parameters.js';

/** What to do, then four numbers that choose operands and parameters. */
export type Choice = readonly [what: number, a: number, b: number, c: number, d: number];

export interface Slot {
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

/** Adds a step to a program, or nothing. */
export type StepRule = (p: Builder, a: number, b: number, c: number, d: number) => void;

export interface WeightedRule {
  readonly weight: number;
  readonly rule: StepRule;
}

export const dtypes: readonly DType[] = [
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
const MAX_RANK = 5;

export const numel = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
export const pick = <T>(from: readonly T[], n: number): T => from[n % from.length];
export const same = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((s, i) => s === b[i]);
export const isFloat = (s: Slot): boolean => isFloatDType(s.dtype);
/** What a function of reals gives for an operand: integers become float32 first. */
export const realOf = (dtype: DType): DType => (isFloatDType(dtype) ? dtype : 'float32');
/** The shape with another size in one dimension. */
export const resized = (shape: readonly number[], dim: number, size: number): number[] =>
  shape.map((s, d) => (d === dim ? size : s));
export const without = (shape: readonly number[], dim: number): number[] => shape.filter((_, d) => d !== dim);

export function promote(a: Slot, b: Slot): DType {
  return promoteTensors(a.dtype, a.shape.length, b.dtype, b.shape.length);
}

/** The common shape of two, or null if there is none or it is too large. */
export function broadcast(a: readonly number[], b: readonly number[]): number[] | null {
  const out: number[] = [];
  for (let i = 1; i <= Math.max(a.length, b.length); i++) {
    const [x, y] = [a[a.length - i] ?? 1, b[b.length - i] ?? 1];
    if (x !== y && x !== 1 && y !== 1) return null;
    out.unshift(x === 1 ? y : x);
  }
  return numel(out) <= MAX_ELEMENTS ? out : null;
}

export const broadcastsTo = (a: readonly number[], to: readonly number[]): boolean => {
  const shape = broadcast(a, to);
  return shape !== null && same(shape, to);
};

/** A number that an element of a dtype can be. */
export function scalar(dtype: DType, c: number): number {
  if (isFloatDType(dtype)) return pick([2, 0.5, -1, 3, 0, -0.25], c);
  if (dtype === 'uint8' || dtype === 'uint32' || dtype === 'bool') return pick([2, 1, 3], c);
  return pick([2, -1, 3, 0], c);
}

function random(seed: number): () => number {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 16;
  };
}

export function dataOf(dtype: DType, n: number, seed: number): Element[] {
  const next = random(seed);
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

/** The numbers from 0 to n - 1 in some order. */
function shuffled(n: number, next: () => number): number[] {
  const out = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = next() % (i + 1);
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}

export class Builder {
  readonly inputs: Input[] = [];
  readonly steps: Step[] = [];
  readonly slots: Slot[] = [];
  readonly storages: StorageState[] = [];
  readonly #inputChoices: readonly Choice[];
  /** Inputs that a step brought along, numbered -1, -2, ... until the program is finished. */
  readonly #extra: Input[] = [];

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
    this.#extra.push(input);
    return -this.#extra.length;
  }

  requires(i: number): boolean {
    if (i < 0) return this.#extra[-i - 1].grad === true;
    const s = this.slots[i];
    return s !== undefined && isFloatDType(s.dtype) && !s.detached && this.storages[s.storage].requiresGrad;
  }

  emit(
    name: string,
    operands: readonly number[],
    parameters: readonly Parameter[],
    shape: readonly number[],
    dtype: DType,
  ): void {
    if (numel(shape) > MAX_ELEMENTS || shape.length > MAX_RANK) return;
    this.steps.push([name, operands, ...parameters]);
    const requiresGrad =
      name !== 'floorDivide' && isFloatDType(dtype) && operands.some((i) => this.requires(i));
    this.storages.push({ leaf: false, requiresGrad });
    this.slots.push({ shape, dtype, storage: this.storages.length - 1, writable: true, detached: false });
  }

  view(
    name: string,
    of: number,
    parameters: readonly Parameter[],
    shape: readonly number[],
    options: { writable?: boolean; detached?: boolean } = {},
  ): void {
    if (numel(shape) > MAX_ELEMENTS || shape.length > MAX_RANK) return;
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

  update(name: string, operands: readonly number[], parameters: readonly Parameter[]): void {
    this.steps.push([name, operands, ...parameters]);
    const s = this.slots[operands[0]];
    if (!s.detached && operands.slice(1).some((i) => this.requires(i)))
      this.storages[s.storage].requiresGrad = true;
  }

  statement(name: string, of: number, ...parameters: number[]): void {
    this.steps.push([name, [of], ...parameters]);
  }

  /** One of the slots a test holds for, or null if there is none. */
  choose(n: number, test: (s: Slot, i: number) => boolean): number | null {
    const fit = this.slots.flatMap((s, i) => (test(s, i) ? [i] : []));
    // Late tensors are more likely, so that chains form.
    return fit.length === 0 ? null : fit[fit.length - 1 - (n % fit.length)];
  }

  /** A slot to write into. */
  chooseTarget(n: number, test: (s: Slot) => boolean): number | null {
    return this.choose(n, (s) => s.writable && !this.storages[s.storage].leaf && test(s));
  }

  /** Positions from `low` to `limit` - 1, some of them more than once. */
  indexInput(
    shape: readonly number[],
    limit: number,
    seed: number,
    dtype: 'int64' | 'int32',
    low = 0,
  ): number {
    const next = random(seed);
    const data = Array.from({ length: numel(shape) }, () => low + (next() % (limit - low)));
    return this.#extraInput({ shape, dtype, data });
  }

  /** Positions below `limit` that are all different along a dimension, which is no longer than that. */
  distinctIndexInput(shape: readonly number[], dim: number, limit: number, seed: number): number {
    const next = random(seed);
    const inner = numel(shape.slice(dim + 1));
    const data = new Array<number>(numel(shape)).fill(0);
    for (let outer = 0; outer < numel(shape.slice(0, dim)); outer++)
      for (let i = 0; i < inner; i++) {
        const order = shuffled(limit, next);
        for (let k = 0; k < shape[dim]; k++) data[(outer * shape[dim] + k) * inner + i] = order[k];
      }
    return this.#extraInput({ shape, dtype: 'int64', data });
  }

  /** Floats for a step of its own: weights of a layer. */
  weightInput(shape: readonly number[], dtype: DType, seed: number): number {
    const data = dataOf('float32', numel(shape), 3 * seed);
    return this.#extraInput({ shape, dtype, data, ...(seed % 2 === 1 ? { grad: true } : {}) });
  }

  maskInput(shape: readonly number[], seed: number): number {
    return this.#extraInput({ shape, dtype: 'bool', data: dataOf('bool', numel(shape), seed) });
  }

  /** How many elements of a mask made here hold. */
  countHolding(mask: number): number {
    return this.#extra[-mask - 1].data.filter((x) => x === 1).length;
  }

  finish(outputChoice: readonly number[]): Program {
    const extra = this.#extra;
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
