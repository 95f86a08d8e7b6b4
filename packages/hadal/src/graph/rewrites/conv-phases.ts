/**
 * Convolution over a dilated input (a strided convolution's data gradient, a transposed convolution) without multiplying the zeros between
 * its elements. Result positions that are congruent modulo the dilation see the same elements of the kernel, so each such **phase** is a
 * convolution of the plain input with every s-th kernel element; side by side the phases are the result. With dilation 2 in two
 * dimensions that is a quarter of the multiplications. Phases of few features are one convolution: its features are those of all phases.
 */
import type { ConvDims } from '../../base/attributes.js';
import type { Shape } from '../../base/shape.js';
import type { Operand } from '../op.js';
import { windowPositions } from '../ops/windows.js';
import type { Ops } from '../ops-interface.js';

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

/** What the phases see of the input when all of them see the same. */
function unionOf(dims: readonly PhaseDim[], size: number, count: number): PhaseDim {
  const low = Math.max(...dims.map((d) => d.low));
  const taps = Math.max(...dims.map((d) => low - d.low + d.taps));
  return { first: 0, taps, low, high: count - size - low + taps - 1 };
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1);
}

/**
 * Cycles that it takes to pack a column of 16 elements, in those that it takes to multiply it by a row: rows of a register tile are filled
 * up, so a few more of them cost nothing.
 */
const PACK = 3;

function work(rows: number, taps: number): number {
  const filled = rows <= 4 ? 4 : Math.ceil(rows / 12) * 12;
  return (filled + PACK) * taps;
}

/**
 * Whether phases are worth joining to one convolution, with the features of all of them and a kernel that is filled up with zeros: with few
 * features, as in the gradient of an image, the input is read once instead of once for every phase.
 */
function areJoined(
  features: number,
  phases: readonly (readonly PhaseDim[])[],
  taps: readonly number[],
): boolean {
  if (phases.some((dims) => dims.some((d) => d.taps === 0))) return false;
  const apart = phases.reduce((sum, dims) => sum + work(features, product(dims.map((d) => d.taps))), 0);
  return work(features * phases.length, product(taps)) <= apart;
}

/**
 * @param conv makes a convolution without dilation, in memory: written side by side from where it is computed, results would not be neighbours
 * @param shape the result's
 * @param joins whether phases may be joined to one convolution, as products can be
 */
export function convByPhases<V extends Operand>(
  ops: Ops<V>,
  x: V,
  w: V,
  d: ConvDims,
  shape: Shape,
  conv: (x: V, w: V, d: ConvDims, shape: Shape) => V,
  joins: boolean,
): V {
  const steps = d.lhsDilation;
  const counts = steps.map((s, i) => Math.ceil(shape[i + 2] / s));
  const partShape = [shape[0], shape[1], ...counts];
  const phases = windowPositions(steps).map((phase) =>
    phase.map((p, i) => phaseDim(p, steps[i], d.low[i], w.shape[i + 2], x.shape[i + 2], counts[i])),
  );
  const [features, channels] = w.shape;
  const ones = steps.map(() => 1);
  const kernelOf = (dims: readonly PhaseDim[]): V =>
    ops.slice(
      w,
      [0, 0, ...dims.map((dim) => dim.first)],
      [1, 1, ...steps],
      [features, channels, ...dims.map((dim) => dim.taps)],
    );
  const dimsOf = (dims: readonly PhaseDim[]): ConvDims => ({
    ...d,
    low: dims.map((dim) => dim.low),
    high: dims.map((dim) => dim.high),
    lhsDilation: ones,
  });
  const union = steps.map((_, i) =>
    unionOf(
      phases.map((dims) => dims[i]),
      x.shape[i + 2],
      counts[i],
    ),
  );
  const taps = union.map((dim) => dim.taps);
  const joined = (): V[] => {
    const kernels = phases.map((dims) =>
      ops.pad(
        kernelOf(dims),
        [0, 0, ...dims.map((dim, i) => union[i].low - dim.low)],
        [0, 0, ...steps.map(() => 0)],
        [features, channels, ...taps],
      ),
    );
    const all = ops.interleave(kernels, [phases.length, 1, ...ones]);
    const found = conv(x, all, dimsOf(union), [shape[0], shape[1] * phases.length, ...counts]);
    const apart = ops.reshape(found, [shape[0], shape[1], phases.length, ...counts]);
    return phases.map((_, p) => {
      const part = ops.slice(
        apart,
        [0, 0, p, ...steps.map(() => 0)],
        [1, 1, 1, ...ones],
        [shape[0], shape[1], 1, ...counts],
      );
      return ops.reshape(part, partShape);
    });
  };
  const parts =
    joins && areJoined(features / (d.featureGroups * d.batchGroups), phases, taps)
      ? joined()
      : phases.map(
          (dims): V =>
            dims.some((dim) => dim.taps === 0)
              ? ops.constant(0, x.dtype, partShape)
              : conv(x, kernelOf(dims), dimsOf(dims), partShape),
        );
  const whole = ops.interleave(parts, steps);
  return ops.slice(
    whole,
    shape.map(() => 0),
    shape.map(() => 1),
    shape,
  );
}
