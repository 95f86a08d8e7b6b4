/** Tensors as text, as PyTorch prints them, and as nested arrays. */
import type { DType, TypedArray } from '../base/dtype.js';
import { isFloat } from '../base/dtype.js';
import type { Shape } from '../base/shape.js';
import { contiguousStrides, numel, showShape } from '../base/shape.js';
import { getDefaultDtype } from './default-dtype.js';

export type NumberLike = number | bigint | boolean;
export type Nested<T> = T | readonly Nested<T>[];

/** An element as a JavaScript value: bool as boolean, int64 as bigint where a number would not be exact. */
export function toScalar(x: number | bigint, dtype: DType): NumberLike {
  if (dtype === 'bool') return x !== 0 && x !== 0n;
  if (typeof x !== 'bigint') return x;
  const n = Number(x);
  return Number.isSafeInteger(n) ? n : x;
}

/** Elements as arrays in arrays, one level a dimension. */
export function nested<T>(data: TypedArray, shape: Shape, convert: (x: number | bigint) => T): Nested<T> {
  let at = 0;
  const build = (dim: number): Nested<T> => {
    if (dim === shape.length) return convert(data[at++]);
    return Array.from({ length: shape[dim] }, () => build(dim + 1));
  };
  return build(0);
}

/** At most this many elements are shown in full; beyond, each dimension shows its first and last three. */
const SHOW_ALL = 1000;
const EDGE = 3;
const PRECISION = 4;
const LINE_WIDTH = 80;
const START = 'tensor(';

type Show = (x: number | bigint) => string;

/** Python's way to write an exponent: at least two digits. */
function scientific(x: number): string {
  return x.toExponential(PRECISION).replace(/e([+-])(\d)$/, 'e$10$2');
}

/** How floats are written: all alike, scientific where the sizes differ too much for a column of decimals. */
function floatShow(values: readonly number[]): Show {
  const sizes = values.filter((v) => Number.isFinite(v) && v !== 0).map(Math.abs);
  const largest = sizes.reduce((a, b) => Math.max(a, b), 0);
  const smallest = sizes.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const whole = sizes.every(Number.isInteger);
  const wide = sizes.length > 0 && (largest / smallest > 1000 || largest > 1e8);
  if (wide || (!whole && smallest < 1e-4)) return (x) => named(x) ?? scientific(Number(x));
  if (whole) return (x) => named(x) ?? `${signedZero(x)}${Math.abs(Number(x))}.`;
  return (x) =>
    named(x) ??
    Number(x)
      .toFixed(PRECISION)
      .replace(/^0/, Object.is(x, -0) ? '-0' : '0');
}

function signedZero(x: number | bigint): string {
  return Number(x) < 0 || Object.is(x, -0) ? '-' : '';
}

/** Values that are not written as decimals. */
function named(x: number | bigint): string | null {
  const n = Number(x);
  if (Number.isNaN(n)) return 'nan';
  return Number.isFinite(n) ? null : n > 0 ? 'inf' : '-inf';
}

function elementShow(values: readonly (number | bigint)[], dtype: DType): Show {
  if (dtype === 'bool') return (x) => (Number(x) === 0 ? 'false' : 'true');
  return isFloat(dtype) ? floatShow(values.map(Number)) : (x) => `${x}`;
}

/** Of floats, zeros and what is not finite may stick out of their column, as PyTorch has it. */
function setsWidth(x: number | bigint, dtype: DType): boolean {
  return !isFloat(dtype) || (Number.isFinite(x) && x !== 0);
}

/** Positions shown along a dimension; null where some are left out. */
function shownAlong(size: number, all: boolean): (number | null)[] {
  const every = Array.from({ length: all ? size : Math.min(size, 2 * EDGE) }, (_, i) => i);
  if (all || size <= 2 * EDGE) return every;
  return [...every.slice(0, EDGE), null, ...every.slice(EDGE).map((i) => size - 2 * EDGE + i)];
}

/** The elements between brackets. */
function body(data: TypedArray, shape: Shape, dtype: DType): string {
  const all = numel(shape) <= SHOW_ALL;
  const strides = contiguousStrides(shape);
  const shown = shape.map((s) => shownAlong(s, all));
  const picked: (number | bigint)[] = [];
  const collect = (dim: number, at: number): void => {
    if (dim === shape.length) picked.push(data[at]);
    else for (const i of shown[dim]) if (i !== null) collect(dim + 1, at + i * strides[dim]);
  };
  collect(0, 0);
  const show = elementShow(picked, dtype);
  const width = picked.reduce<number>((w, x) => Math.max(w, setsWidth(x, dtype) ? show(x).length : 1), 1);

  const row = (dim: number, at: number, indent: number): string => {
    const parts = shown[dim].map((i) => (i === null ? ' ...' : show(data[at + i]).padStart(width)));
    const perLine = Math.max(1, Math.floor((LINE_WIDTH - indent) / (width + 2)));
    const lines: string[] = [];
    for (let i = 0; i < parts.length; i += perLine) lines.push(parts.slice(i, i + perLine).join(', '));
    return `[${lines.join(`,\n${' '.repeat(indent + 1)}`)}]`;
  };
  const print = (dim: number, at: number, indent: number): string => {
    if (dim === shape.length - 1) return row(dim, at, indent);
    const parts = shown[dim].map((i) =>
      i === null ? '...' : print(dim + 1, at + i * strides[dim], indent + 1),
    );
    return `[${parts.join(`,${'\n'.repeat(shape.length - dim - 1)}${' '.repeat(indent + 1)}`)}]`;
  };
  return shape.length === 0 ? show(data[0]) : print(0, 0, START.length);
}

/** What is said behind the elements goes to a new line where it does not fit. */
function withNotes(text: string, notes: readonly string[]): string {
  let out = text;
  let line = out.length - out.lastIndexOf('\n') + 1;
  for (const note of notes) {
    if (line + note.length + 2 > LINE_WIDTH) {
      out += `,\n${' '.repeat(START.length)}${note}`;
      line = START.length + note.length;
    } else {
      out += `, ${note}`;
      line += note.length + 2;
    }
  }
  return `${out})`;
}

/** As people know it from PyTorch: tensor([[1., 2.], [3., 4.]]). `notes` follow the elements, the dtype where it is not obvious. */
export function format(data: TypedArray, shape: Shape, dtype: DType, notes: readonly string[]): string {
  const empty = numel(shape) === 0;
  const obvious = dtype === getDefaultDtype() || (!empty && (dtype === 'int64' || dtype === 'bool'));
  return withNotes(`${START}${empty ? '[]' : body(data, shape, dtype)}`, [
    ...(empty && shape.length !== 1 ? [`shape=${showShape(shape)}`] : []),
    ...(obvious ? [] : [`dtype=${dtype}`]),
    ...notes,
  ]);
}

/** For a tensor whose values cannot be had: what it is, and why. */
export function formatWithoutValues(shape: Shape, dtype: DType, device: string, why: string): string {
  return `${START}..., shape=${showShape(shape)}, dtype=${dtype}, device=${device}: ${why})`;
}
