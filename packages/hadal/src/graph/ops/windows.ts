/** Windows over the last dimensions, one position in them at a time. */
import type { WindowDims } from '../../base/attributes.js';
import { windowShape } from '../../base/attributes.js';
import type { Shape } from '../../base/shape.js';
import type { Operand } from '../op.js';
import type { Ops } from '../ops-interface.js';
import { forEachIndex } from './arrays.js';

/** Windows of more elements are walked in a loop, others are written out element by element. */
export const UNROLLED = 25;

/** The elements at one position of all windows: [..., windows]. */
export function windowElements<V extends Operand>(ops: Ops<V>, x: V, d: WindowDims, k: readonly number[]): V {
  const lead = x.shape.length - d.sizes.length;
  return ops.slice(
    x,
    x.shape.map((_, i) => (i < lead ? 0 : k[i - lead] * d.dilations[i - lead])),
    x.shape.map((_, i) => (i < lead ? 1 : d.strides[i - lead])),
    windowShape(x.shape, d).slice(0, x.shape.length),
  );
}

/** All positions in a window, in row-major order. */
export function windowPositions(sizes: readonly number[]): number[][] {
  const out: number[][] = [];
  forEachIndex(sizes, (k) => out.push([...k]));
  return out;
}

/** The way back from `windowElements`: elements of all windows at one position put where they came from in `shape`, zeros elsewhere. */
export function spreadBack<V extends Operand>(
  ops: Ops<V>,
  elements: V,
  shape: Shape,
  d: WindowDims,
  k: readonly number[],
): V {
  const lead = shape.length - d.sizes.length;
  return ops.pad(
    elements,
    shape.map((_, i) => (i < lead ? 0 : k[i - lead] * d.dilations[i - lead])),
    shape.map((_, i) => (i < lead ? 0 : d.strides[i - lead] - 1)),
    shape,
  );
}
