/**
 * Shapes: arrays of non-negative sizes, outermost dimension first.
 */
import { ArgumentError, IndexError, ShapeError } from './errors.js';

export type Shape = readonly number[];

export function numel(shape: Shape): number {
  let n = 1;
  for (let i = 0; i < shape.length; i++) n *= shape[i];
  return n;
}

/** Element strides of a contiguous row-major layout. */
export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i];
  }
  return strides;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** NumPy's broadcasting rule; throws `ShapeError` naming both shapes and the dimension that differs. */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  if (sameShape(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const x = i <= a.length ? a[a.length - i] : 1;
    const y = i <= b.length ? b[b.length - i] : 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new ShapeError(
        `${op}: shapes ${showShape(a)} and ${showShape(b)} do not broadcast: sizes ${x} and ${y} differ ` +
          `in dimension -${i}. Sizes must be equal or 1 there; reshape, unsqueeze or transpose one of them.`,
      );
    }
    out[rank - i] = x === 1 ? y : x;
  }
  return out;
}

/** A dimension number in `[0, rank)`, counting negative ones from the end. */
export function normalizeDim(op: string, dim: number, rank: number): number {
  const range = Math.max(rank, 1);
  if (!Number.isInteger(dim) || dim < -range || dim >= range) {
    throw new IndexError(
      `${op}: dimension ${dim} is out of range; expected an integer in [${-range}, ${range - 1}]`,
    );
  }
  return dim < 0 ? dim + range : dim;
}

/** Other libraries take sizes one by one. */
export function checkSizes(op: string, sizes: readonly number[]): void {
  if (!Array.isArray(sizes))
    throw new ArgumentError(`${op}: a shape is an array of sizes, as in [2, 3]; got ${typeof sizes}`);
}

export function checkShape(op: string, shape: Shape): Shape {
  checkSizes(op, shape);
  let n = 1;
  for (const size of shape) {
    if (!Number.isInteger(size) || size < 0) {
      throw new ShapeError(
        `${op}: ${showShape(shape)} is not a shape: sizes must be non-negative integers, got ${size}`,
      );
    }
    n *= size;
  }
  if (n > Number.MAX_SAFE_INTEGER) {
    throw new ShapeError(`${op}: shape ${showShape(shape)} has ${n} elements, more than 2^53 - 1`);
  }
  return shape;
}
