/**
 * Convolutions in which every channel has a filter of its own, or a few channels of a group have, and what their rows have to do with each other.
 *
 * In words of the convolution itself: an **image** is what windows slide over, a **position** is where a window stands, a **tap** is an
 * element of the filter. Position p meets image element p * stride + tap - low, zero beyond the image. Four sums run over these pairs:
 * - `slide`: for each position over taps, the convolution;
 * - `mix`: for each feature and position over the channels of its group and taps, the convolution of groups;
 * - `spread`: for each image element over taps, its gradient by the image (from what lies at positions);
 * - `taps`: for each tap over samples and positions, its gradient by the filter.
 *
 * All are walked row by row, each row of what is read being loaded once. A **step** of `slide` ends one row of positions: it reads the
 * image rows that this one needs and none before it did, and adds them also to the rows that they are a part of and that end later. A
 * step of `mix` reads all rows that its own needs, once for several features. A
 * step of `taps` reads the same rows as one of `slide`, and holds the rows of positions that they meet. A step of `spread` reads a row of positions and ends
 * as many rows of the image as windows step over. Steps at the edges, where rows are missing, are written out one by one.
 */
import type { ConvDims } from '../../base/attributes.js';
import type { Shape } from '../../base/shape.js';

export type StencilPass = 'slide' | 'mix' | 'spread' | 'taps' | DensePass;

/** Of all channels together; `stencil-dense.ts` says what they are. */
export type DensePass = 'dense' | 'denseTaps';

/** Of two dimensions: rows, which convolutions over one dimension have one of, and columns. */
export type Pair = readonly [rows: number, columns: number];

export interface StencilShape {
  readonly pass: StencilPass;
  readonly samples: number;
  /** Of the result; of `taps` filters: pairs of a feature and a channel of its group, in that order. */
  readonly channels: number;
  /** Channels and features of a group; one but of `mix`, `taps` and the dense passes. */
  readonly groupChannels: number;
  readonly groupFeatures: number;
  readonly image: Pair;
  readonly positions: Pair;
  readonly taps: Pair;
  readonly strides: Pair;
  readonly low: Pair;
}

/** What a step of rows reads and ends: image rows it reads, and rows it stores; of `taps` whether it reads a row of positions. */
export interface RowStep {
  readonly reads: readonly boolean[];
  readonly writes: readonly boolean[];
}

export interface RowSteps {
  /** The number of the first step; of `first` and `last` each is listed. */
  readonly from: number;
  readonly first: readonly RowStep[];
  readonly last: readonly RowStep[];
}

/** Filters of more elements make too much code, and hardly any of them would stay in registers. */
export const MOST_TAPS = 49;
/** More steps at the edges than this are not written out. */
const MOST_EDGE_STEPS = 12;
/** With more channels in a group a product fills its tiles. */
const MOST_GROUP_CHANNELS = 16;
/** Sizes that fit the lanes of a mask's comparison whatever is added to them. */
export const LARGEST = 2 ** 28;

export function pair(spatial: readonly number[], lacking: number): Pair {
  return spatial.length === 1 ? [lacking, spatial[0]] : [spatial[0], spatial[1]];
}

export function isAll(list: readonly number[], value: number): boolean {
  return list.every((x) => x === value);
}

/**
 * A convolution as a stencil, or null if it is none.
 *
 * @param shape the result's
 */
export function stencilOf(input: Shape, kernel: Shape, d: ConvDims, shape: Shape): StencilShape | null {
  const spatial = input.slice(2);
  if (spatial.length < 1 || spatial.length > 2) return null;
  if ([input, kernel, shape].some((s) => s.includes(0))) return null;
  const found =
    slideOf(input, kernel, d, shape) ??
    mixOf(input, kernel, d, shape) ??
    spreadOf(input, kernel, d, shape) ??
    tapsOf(input, kernel, d, shape);
  return found !== null && isCovered(found) ? found : null;
}

function isDepthwise(kernel: Shape, d: ConvDims): boolean {
  return d.batchGroups === 1 && kernel[1] === 1 && kernel[0] === d.featureGroups && isAll(d.rhsDilation, 1);
}

/** Windows of a kernel over an image. */
export function windowsOf(input: Shape, kernel: Shape, d: ConvDims, shape: Shape) {
  return {
    image: pair(input.slice(2), 1),
    positions: pair(shape.slice(2), 1),
    taps: pair(kernel.slice(2), 1),
    strides: pair(d.strides, 1),
    low: pair(d.low, 0),
  };
}

const alone = { groupChannels: 1, groupFeatures: 1 };

function slideOf(input: Shape, kernel: Shape, d: ConvDims, shape: Shape): StencilShape | null {
  if (!isDepthwise(kernel, d) || !isAll(d.lhsDilation, 1)) return null;
  return {
    pass: 'slide',
    samples: input[0],
    channels: input[1],
    ...alone,
    ...windowsOf(input, kernel, d, shape),
  };
}

/** A convolution of small groups. */
function mixOf(input: Shape, kernel: Shape, d: ConvDims, shape: Shape): StencilShape | null {
  const isMix =
    d.batchGroups === 1 && d.featureGroups > 1 && isAll(d.lhsDilation, 1) && isAll(d.rhsDilation, 1);
  if (!isMix || kernel[1] > MOST_GROUP_CHANNELS) return null;
  return {
    pass: 'mix',
    samples: input[0],
    channels: kernel[0],
    groupChannels: kernel[1],
    groupFeatures: kernel[0] / d.featureGroups,
    ...windowsOf(input, kernel, d, shape),
  };
}

/** A depthwise convolution over an input with elements apart. */
function spreadOf(input: Shape, kernel: Shape, d: ConvDims, shape: Shape): StencilShape | null {
  if (!isDepthwise(kernel, d) || !isAll(d.strides, 1)) return null;
  const reach = kernel.slice(2);
  return {
    pass: 'spread',
    samples: input[0],
    channels: input[1],
    ...alone,
    image: pair(shape.slice(2), 1),
    positions: pair(input.slice(2), 1),
    taps: pair(reach, 1),
    strides: pair(d.lhsDilation, 1),
    low: pair(
      reach.map((k, i) => k - 1 - d.low[i]),
      0,
    ),
  };
}

/**
 * Channels as samples of groups, samples as channels, and a kernel as large as what lies at positions: the gradient of a kernel, of which
 * every pair of a channel and a feature of one group has a filter of its own.
 */
function tapsOf(input: Shape, kernel: Shape, d: ConvDims, shape: Shape): StencilShape | null {
  const isTaps = d.batchGroups > 1 && isAll(d.strides, 1) && isAll(d.lhsDilation, 1);
  if (!isTaps || shape[0] > MOST_GROUP_CHANNELS) return null;
  return {
    pass: 'taps',
    samples: input[1],
    channels: kernel[0] * shape[0],
    groupChannels: shape[0],
    groupFeatures: kernel[0] / d.batchGroups,
    image: pair(input.slice(2), 1),
    positions: pair(kernel.slice(2), 1),
    taps: pair(shape.slice(2), 1),
    strides: pair(d.rhsDilation, 1),
    low: pair(d.low, 0),
  };
}

function isCovered(s: StencilShape): boolean {
  const [rows, columns] = s.taps;
  const { from, first, last } = rowSteps(s);
  return (
    rows * columns <= MOST_TAPS &&
    [0, 1].every((i) => s.strides[i] <= s.taps[i] && s.low[i] >= 0 && s.low[i] < s.taps[i]) &&
    s.strides[1] <= 2 &&
    [...s.image, ...s.positions].every((size) => size <= LARGEST) &&
    stepsEnd(s) >= from + first.length &&
    first.length + last.length <= MOST_EDGE_STEPS
  );
}

/** Rows that a step takes over from the one before it, or hands on to the next. */
export function carriedRows({ pass, taps: [rows], strides: [stride] }: StencilShape): number {
  if (pass === 'mix') return 0;
  return pass === 'spread' ? rows - stride : Math.ceil(rows / stride) - 1;
}

/** The number behind the last step. */
function stepsEnd({ pass, positions, image, low, strides }: StencilShape): number {
  if (pass !== 'spread') return positions[0];
  return Math.max(positions[0], Math.ceil((image[0] + low[0]) / strides[0]));
}

/** The image row that read or write number `q` of step 0 is at. */
export function firstRow(
  { pass, taps: [rows], strides: [stride], low: [low] }: StencilShape,
  q: number,
): number {
  return (pass === 'slide' || pass === 'taps' ? rows - stride : 0) - low + q;
}

function stepAt(s: StencilShape, step: number): RowStep {
  const stride = s.strides[0];
  const image = Array.from({ length: s.pass === 'mix' ? s.taps[0] : stride }, (_, q) => {
    const row = stride * step + firstRow(s, q);
    return row >= 0 && row < s.image[0];
  });
  const isPosition = (row: number): boolean => row >= 0 && row < s.positions[0];
  if (s.pass === 'spread') return { reads: [isPosition(step)], writes: image };
  return { reads: image, writes: [isPosition(s.pass === 'taps' ? step + carriedRows(s) : step)] };
}

function isWhole({ reads, writes }: RowStep): boolean {
  return reads.every(Boolean) && writes.every(Boolean);
}

export function rowSteps(s: StencilShape): RowSteps {
  const from = s.pass === 'spread' ? 0 : -carriedRows(s);
  const end = stepsEnd(s);
  const listed = (start: number, stop: number): RowStep[] =>
    Array.from({ length: Math.min(Math.max(stop - start, 0), MOST_EDGE_STEPS + 1) }, (_, i) =>
      stepAt(s, start + i),
    );
  // Rows are missing at no more steps than there are taps at either end, so the steps between are whole if these two are.
  let head = from;
  while (head < end && head < from + s.taps[0] + carriedRows(s) && !isWhole(stepAt(s, head))) head++;
  head = Math.max(head, 0);
  let tail = end;
  while (tail > head && end - tail <= MOST_EDGE_STEPS && !isWhole(stepAt(s, tail - 1))) tail--;
  return { from, first: listed(from, head), last: listed(tail, end) };
}

/** The lanes at which a tap meets the image: from `low`, and `short` fewer than there are. */
export interface LaneLimits {
  readonly low: number;
  readonly short: number;
}

/** One load of neighbours along a row: where it starts beside the first lane's element, and which lanes of it are there. */
export interface RowLoad extends LaneLimits {
  readonly offset: number;
}

/**
 * The loads of an image row that `slide` and `taps` need, by tap: with a step of 1 one each, else one for every two taps, of twice as many
 * neighbours, which are taken apart. Limits count loaded elements.
 */
export function imageLoads(s: StencilShape): readonly RowLoad[] {
  const [taps, step, low] = [s.taps[1], s.strides[1], s.low[1]];
  const loads: RowLoad[] = [];
  for (let tap = 0; tap < taps; tap += step) {
    const offset = tap - low;
    const all = step * s.positions[1];
    loads.push({ offset, low: Math.max(0, -offset), short: Math.max(0, all - (s.image[1] - offset)) });
  }
  return loads;
}

/** Of `spread`: lanes that make `step` neighbours each, enough for a row of the image. */
export function spreadLanes({ image, strides }: StencilShape): number {
  return Math.ceil(image[1] / strides[1]);
}

/** Of `spread`: the load of positions for each tap, and which of the neighbours that a lane makes it is a part of. */
export function spreadLoads(s: StencilShape): readonly (RowLoad & { readonly part: number })[] {
  const [step, low] = [s.strides[1], s.low[1]];
  return Array.from({ length: s.taps[1] }, (_, tap) => {
    const part = (((tap - low) % step) + step) % step;
    const offset = (part + low - tap) / step;
    const short = Math.max(0, spreadLanes(s) - (s.positions[1] - offset));
    return { part, offset, low: Math.max(0, -offset), short };
  });
}

/** Numbers of a stencil's loop variables. */
export const stencilVariables = {
  sample: 0,
  channel: 1,
  image: [2, 3],
  positions: [4, 5],
  taps: [6, 7],
  /** Of `mix`: the channel in its group, and the group. */
  inGroup: 8,
  group: 9,
} as const;

/** Of `mix`: features that are computed together, for which each row of an image is loaded once. */
export function featuresTogether({ groupFeatures, positions }: StencilShape, lanes: number): number {
  const most = positions[1] > lanes ? 4 : 8;
  return [8, 4, 2].find((count) => count <= most && groupFeatures % count === 0) ?? 1;
}
