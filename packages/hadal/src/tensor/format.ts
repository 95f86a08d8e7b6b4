/** Tensors as text and as nested arrays. */
import type { DType, TypedArray } from '../base/dtype.js';
import type { Shape } from '../base/shape.js';
import { numel, showShape } from '../base/shape.js';

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

function formatter(data: TypedArray, dtype: DType): (x: number | bigint) => string {
  if (dtype === 'bool') return (x) => (Number(x) === 0 ? 'false' : 'true');
  if (dtype !== 'float32') return (x) => `${x}`;
  const finite = Array.from(data as Float32Array).filter(Number.isFinite);
  if (finite.every(Number.isInteger)) return (x) => (Number.isFinite(Number(x)) ? `${x}.` : `${x}`);
  const largest = Math.max(...finite.map(Math.abs), 0);
  const smallest = Math.min(...finite.filter((v) => v !== 0).map(Math.abs), Number.POSITIVE_INFINITY);
  const exponent = largest >= 1e8 || smallest < 1e-4 || largest / smallest >= 1e5;
  return (x) =>
    Number.isFinite(Number(x)) ? (exponent ? Number(x).toExponential(4) : Number(x).toFixed(4)) : `${x}`;
}

/** As people know it from PyTorch: tensor([[1., 2.], [3., 4.]]). */
export function format(data: TypedArray, shape: Shape, dtype: DType, note: string | null): string {
  const count = numel(shape);
  const all = count <= SHOW_ALL;
  const strides = shape.map((_, d) => numel(shape.slice(d + 1)));
  const shown = (dim: number): number[] => {
    const n = shape[dim];
    const whole = Array.from({ length: n }, (_, i) => i);
    return all || n <= 2 * EDGE ? whole : [...whole.slice(0, EDGE), -1, ...whole.slice(n - EDGE)];
  };
  const sample: number[] = [];
  const visit = (dim: number, at: number): void => {
    if (dim === shape.length) sample.push(at);
    else for (const i of shown(dim)) if (i >= 0) visit(dim + 1, at + i * strides[dim]);
  };
  if (count > 0) visit(0, 0);
  const picked = sample.map((i) => data[i]);
  const show = formatter(dtype === 'float32' ? Float32Array.from(picked.map(Number)) : data, dtype);
  const width = Math.max(0, ...picked.map((x) => show(x).length));

  const print = (dim: number, at: number, indent: string): string => {
    if (dim === shape.length) return show(data[at]).padStart(shape.length === 0 ? 0 : width);
    const parts = shown(dim).map((i) =>
      i < 0 ? '...' : print(dim + 1, at + i * strides[dim], `${indent} `),
    );
    const inner = dim === shape.length - 1;
    return `[${parts.join(inner ? ', ' : `,${'\n'.repeat(shape.length - dim - 1)}${indent} `)}]`;
  };
  const body = count === 0 ? '[]' : print(0, 0, '       ');
  const notes = [
    count === 0 ? `shape=${showShape(shape)}` : null,
    dtype === 'float32' || (dtype === 'int64' && count > 0) || dtype === 'bool' ? null : `dtype=${dtype}`,
    note === null ? null : note === 'requiresGrad' ? 'requiresGrad=true' : `gradFn=<${note}>`,
  ].filter((n) => n !== null);
  return `tensor(${[body, ...notes].join(', ')})`;
}
