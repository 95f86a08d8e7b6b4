/** Basic indexing: integers, slices, new dimensions and an ellipsis as a chain of view steps. */
import { ArgumentError, IndexError, ShapeError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { normalizeDim, sameShape, showShape } from '../base/shape.js';
import type { ViewStep } from './views.js';

/** A range along one dimension; see `slice`. */
export interface Slice {
  readonly kind: 'slice';
  readonly start: number | null;
  readonly end: number | null;
  readonly step: number;
}

/**
 * A range for `index`: from `start` up to but not including `end`, every `step`-th. Negative positions count from the end, null
 * means from the first or to the last.
 *
 * @example
 * ```ts
 * import { arange, slice } from 'hadal';
 * console.log(arange(10).index(slice(2, 8, 3)).tolistSync()); // [ 2, 5 ]
 * ```
 */
export function slice(start: number | null = null, end: number | null = null, step = 1): Slice {
  for (const v of [start, end, step])
    if (v !== null && !Number.isInteger(v))
      throw new ArgumentError(`slice: positions are integers, got ${v}`);
  if (step < 1)
    throw new ArgumentError(
      `slice: the step must be at least 1, got ${step}; use flip for the other direction`,
    );
  return { kind: 'slice', start, end, step };
}

/** What `index` takes without a tensor among its items. */
export type BasicIndexItem = number | null | Slice | ':' | '...';

/** The view steps that basic indexing means. */
export function basicIndex(shape: Shape, items: readonly BasicIndexItem[]): ViewStep[] {
  const used = items.filter((i) => i !== null && i !== '...').length;
  if (used > shape.length)
    throw new IndexError(`index: ${used} positions for a tensor of shape ${showShape(shape)}`);
  if (items.filter((i) => i === '...').length > 1)
    throw new ArgumentError("index: only one '...' is possible");
  const starts: number[] = [];
  const steps: number[] = [];
  const sizes: number[] = [];
  const final: number[] = [];
  const keepAll = (): void => {
    const size = shape[starts.length];
    starts.push(0);
    steps.push(1);
    sizes.push(size);
    final.push(size);
  };
  for (const item of items) {
    if (item === undefined)
      throw new ArgumentError(
        "index: positions are numbers, tensors, slices, ':', '...' or null, got undefined",
      );
    if (item === null) final.push(1);
    else if (item === '...') for (let n = shape.length - used; n > 0; n--) keepAll();
    else if (item === ':') keepAll();
    else if (typeof item === 'number') {
      const dim = starts.length;
      const size = shape[dim];
      if (!Number.isInteger(item) || item < -size || item >= size) {
        throw new IndexError(
          `index: ${item} is out of range for dimension ${dim} of ${showShape(shape)}; expected ${-size} to ${size - 1}`,
        );
      }
      starts.push(item < 0 ? item + size : item);
      steps.push(1);
      sizes.push(1);
    } else {
      const size = shape[starts.length];
      const at = (v: number): number => Math.min(Math.max(v < 0 ? v + size : v, 0), size);
      const start = at(item.start ?? 0);
      const count = Math.max(0, Math.ceil((at(item.end ?? size) - start) / item.step));
      starts.push(count === 0 ? 0 : start);
      steps.push(item.step);
      sizes.push(count);
      final.push(count);
    }
  }
  while (starts.length < shape.length) keepAll();
  const chain: ViewStep[] = [];
  if (!sameShape(sizes, shape) || steps.some((s) => s !== 1))
    chain.push({ kind: 'slice', starts, steps, shape: sizes });
  if (!sameShape(final, sizes)) chain.push({ kind: 'reshape', shape: final });
  return chain;
}

/** `length` elements from `start` along a dimension. */
export function narrowStep(shape: Shape, dim: number, start: number, length: number): ViewStep {
  const d = normalizeDim('narrow', dim, shape.length);
  const size = shape[d];
  const from = start < 0 ? start + size : start;
  const whole = Number.isInteger(from) && Number.isInteger(length);
  if (!whole || from < 0 || length < 0 || from + length > size) {
    throw new ShapeError(
      `narrow: ${start} to ${start + length} is outside of dimension ${dim} of ${showShape(shape)}`,
    );
  }
  return {
    kind: 'slice',
    starts: shape.map((_, i) => (i === d ? from : 0)),
    steps: shape.map(() => 1),
    shape: shape.map((s, i) => (i === d ? length : s)),
  };
}
