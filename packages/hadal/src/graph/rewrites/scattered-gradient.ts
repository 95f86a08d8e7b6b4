/**
 * Gradients of images of few positions by large kernels. As a convolution each would read the kernel with channels and features swapped and
 * walked backwards, and so it would be copied first, which takes longer than to multiply it. Instead all that each position of the gradient
 * adds to the image is one product with the kernel as it lies, and what falls on the same element of the image is added up:
 *
 *     z[p, c, k] = sum over f of g[f, p] * w[f, c, k];   image[c, y] = sum over k of z[y + low' - k, c, k]
 *
 * It depends on shapes and the target alone: on targets without masks, whose tiles are small, products of so few rows are slow (512 to 512 at
 * 7x7 on WebAssembly 17 ms in place of 9).
 */
import type { ConvDims } from '../../base/attributes.js';
import type { Shape } from '../../base/shape.js';
import { numel } from '../../base/shape.js';
import { windowPositions } from '../ops/windows.js';
import type { Position, TemplateEmitter } from '../template-emitter.js';
import { turnedSource } from './turned-kernel.js';

/** Positions for each feature up to which it pays. */
const MOST_SHARE = 0.25;
/** Kernels of fewer elements are copied in no time. */
const LARGE = 1 << 16;
/** More taps are more than a kernel reads. */
const MOST_TAPS = 12;

/** @param g [samples, features, ...positions], @param w what turns `source` around, @param shape the image's */
export function scatteredGradient(
  e: TemplateEmitter,
  g: Position,
  w: Position,
  d: ConvDims,
  shape: Shape,
): Position | null {
  const [channels, features, ...reach] = w.shape;
  const [samples, , ...positions] = g.shape;
  const isOne = (s: number): boolean => s === 1;
  const isPlain = [...d.strides, ...d.rhsDilation, d.featureGroups, d.batchGroups].every(isOne);
  if (!isPlain || g.dtype !== 'float32' || w.dtype !== 'float32') return null;
  if (numel(reach) === 1 || numel(reach) > MOST_TAPS || numel(w.shape) < LARGE) return null;
  if (samples * numel(positions) > MOST_SHARE * features) return null;
  const source = turnedSource(e, w);
  if (source === null || !e.isInMemory(source)) return null;
  const dims = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] };
  const all = e.dot(g, source, dims);
  const places = positions.map((_, i) => i + 1);
  const plane = (tap: readonly number[]): Position => {
    const starts = [...all.shape.slice(reach.length).map(() => 0), ...tap];
    const counts = [samples, ...positions, channels, ...reach.map(() => 1)];
    const one = e.slice(
      all,
      starts,
      starts.map(() => 1),
      counts,
    );
    return e.permute(e.reshape(one, [samples, ...positions, channels]), [0, reach.length + 1, ...places]);
  };
  const steps = d.lhsDilation;
  const counts = steps.map((step, i) => Math.ceil(shape[i + 2] / step));
  const taps = windowPositions(reach);
  /** What falls on the elements of the image that are congruent to `phase` modulo the steps. */
  const sumOf = (phase: readonly number[]): Position => {
    const sums = taps.flatMap((tap) => {
      const from = tap.map((t, i) => phase[i] + reach[i] - 1 - t - d.low[i]);
      return from.every((f, i) => f % steps[i] === 0)
        ? [
            moved(
              e,
              plane(tap),
              from.map((f, i) => f / steps[i]),
              counts,
            ),
          ]
        : [];
    });
    if (sums.length === 0) return e.constant(0, g.dtype, [samples, channels, ...counts]);
    return sums.reduce((sum, one) => e.arithmetic('add', sum, one));
  };
  const parts = windowPositions(steps).map(sumOf);
  const whole = parts.length === 1 ? parts[0] : e.interleave(parts, steps);
  return e.slice(
    whole,
    shape.map(() => 0),
    shape.map(() => 1),
    shape,
  );
}

/** `counts` positions of a plane from some on, which may lie before or behind it: zeros there. */
function moved(
  e: TemplateEmitter,
  plane: Position,
  from: readonly number[],
  counts: readonly number[],
): Position {
  const [samples, channels, ...positions] = plane.shape;
  const low = from.map((f) => Math.max(-f, 0));
  const high = from.map((f, i) => Math.max(f + counts[i] - positions[i], 0));
  const padded = e.pad(
    plane,
    [0, 0, ...low],
    plane.shape.map(() => 0),
    [samples, channels, ...positions.map((s, i) => low[i] + s + high[i])],
  );
  return e.slice(
    padded,
    [0, 0, ...from.map((f) => Math.max(f, 0))],
    plane.shape.map(() => 1),
    [samples, channels, ...counts],
  );
}
