/** Rules for the shapes that reshape and flatten take. */
import { ArgumentError, ShapeError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { checkShape, checkSizes, normalizeDim, numel, showShape } from '../base/shape.js';

/** `wanted` with its -1, if any, worked out from the number of elements. */
export function resolveShape(op: string, shape: Shape, wanted: readonly number[]): Shape {
  checkSizes(op, wanted);
  const count = numel(shape);
  const open = wanted.indexOf(-1);
  if (open < 0) {
    checkShape(op, wanted);
    if (numel(wanted) !== count) {
      throw new ShapeError(
        `${op}: shape ${showShape(shape)} has ${count} elements and cannot become ${showShape(wanted)} with ${numel(wanted)}; ` +
          'use -1 for one size to have it worked out',
      );
    }
    return [...wanted];
  }
  const rest = wanted.filter((_, i) => i !== open);
  checkShape(op, rest);
  const known = numel(rest);
  if (known === 0 || count % known !== 0) {
    throw new ShapeError(
      `${op}: ${count} elements of shape ${showShape(shape)} do not divide into ${showShape(wanted)}`,
    );
  }
  return wanted.map((s, i) => (i === open ? count / known : s));
}

export function flattenShape(shape: Shape, start: number, end: number): Shape {
  const from = normalizeDim('flatten', start, shape.length);
  const to = normalizeDim('flatten', end, shape.length);
  if (from > to) throw new ShapeError(`flatten: start ${start} lies behind end ${end}`);
  if (shape.length === 0) return [1];
  return [...shape.slice(0, from), numel(shape.slice(from, to + 1)), ...shape.slice(to + 1)];
}

/** `wanted` with its -1 (keep this size) worked out; only sizes of 1 may grow, new dimensions come in front. */
export function expandShape(shape: Shape, wanted: readonly number[]): Shape {
  checkSizes('expand', wanted);
  const lead = wanted.length - shape.length;
  const full = wanted.map((s, d) => (s === -1 && d >= lead ? shape[d - lead] : s));
  checkShape('expand', full);
  if (lead < 0 || !shape.every((s, d) => s === 1 || s === full[d + lead])) {
    throw new ShapeError(
      `expand: ${showShape(shape)} cannot become ${showShape(wanted)}; only sizes of 1 are repeated`,
    );
  }
  return full;
}

/** Sizes of the pieces that split gives. */
export function splitSizes(
  op: string,
  shape: Shape,
  dim: number,
  size: number | readonly number[],
): number[] {
  if (shape.length === 0) throw new ShapeError(`${op}: a tensor without dimensions has nothing to divide`);
  const n = shape[dim];
  if (typeof size !== 'number') {
    if (size.some((s) => !Number.isInteger(s) || s < 0) || size.reduce((a, b) => a + b, 0) !== n)
      throw new ShapeError(
        `${op}: sizes [${size.join(', ')}] do not add up to the ${n} of dimension ${dim} of ${showShape(shape)}`,
      );
    return [...size];
  }
  if (!Number.isInteger(size) || size < 1)
    throw new ArgumentError(`${op}: expected a size of at least 1, got ${size}`);
  if (n === 0) return [0];
  return Array.from({ length: Math.ceil(n / size) }, (_, i) => Math.min(size, n - i * size));
}
