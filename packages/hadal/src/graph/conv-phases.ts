/**
 * Convolution over a dilated input (a strided convolution's data gradient, a transposed convolution) without multiplying the zeros between
 * its elements. Result positions that are congruent modulo the dilation see the same elements of the kernel, so each such **phase** is a
 * convolution of the plain input with every s-th kernel element; side by side the phases are the result. With dilation 2 in two
 * dimensions that is a quarter of the multiplications.
 */
import type { ConvDims } from '../base/attributes.js';
import type { Shape } from '../base/shape.js';
import type { Operand } from './op.js';
import { windowPositions } from './ops/windows.js';
import type { Ops } from './ops-interface.js';

/** Whether a convolution can be done phase by phase. */
export function hasPhases(d: ConvDims): boolean {
  const isOne = (s: number): boolean => s === 1;
  return !d.lhsDilation.every(isOne) && d.strides.every(isOne) && d.rhsDilation.every(isOne);
}

/** What one dimension looks like to one phase. */
interface PhaseDim {
  /** First kernel element, and how many there are. */
  readonly first: number;
  readonly taps: number;
  readonly low: number;
  readonly high: number;
}

function phaseDim(
  phase: number,
  step: number,
  low: number,
  kernel: number,
  size: number,
  count: number,
): PhaseDim {
  const first = (((low - phase) % step) + step) % step;
  const taps = Math.max(0, Math.ceil((kernel - first) / step));
  // Result t of the phase is result phase + step * t of the whole and begins at element t - start of the input.
  const start = (low - phase - first) / step;
  return { first, taps, low: start, high: count - size - start + taps - 1 };
}

/**
 * @param conv makes a convolution without dilation, in memory: written side by side from where it is computed, results would not be neighbours
 * @param shape the result's
 */
export function convByPhases<V extends Operand>(
  ops: Ops<V>,
  x: V,
  w: V,
  d: ConvDims,
  shape: Shape,
  conv: (x: V, w: V, d: ConvDims, shape: Shape) => V,
): V {
  const steps = d.lhsDilation;
  const counts = steps.map((s, i) => Math.ceil(shape[i + 2] / s));
  const partShape = [shape[0], shape[1], ...counts];
  const parts = windowPositions(steps).map((phase): V => {
    const dims = phase.map((p, i) =>
      phaseDim(p, steps[i], d.low[i], w.shape[i + 2], x.shape[i + 2], counts[i]),
    );
    if (dims.some((dim) => dim.taps === 0)) return ops.constant(0, x.dtype, partShape);
    const kernel = ops.slice(
      w,
      [0, 0, ...dims.map((dim) => dim.first)],
      [1, 1, ...steps],
      [w.shape[0], w.shape[1], ...dims.map((dim) => dim.taps)],
    );
    const rest: ConvDims = {
      ...d,
      low: dims.map((dim) => dim.low),
      high: dims.map((dim) => dim.high),
      lhsDilation: steps.map(() => 1),
    };
    return conv(x, kernel, rest, partShape);
  });
  const whole = ops.interleave(parts, steps);
  return ops.slice(
    whole,
    shape.map(() => 0),
    shape.map(() => 1),
    shape,
  );
}
