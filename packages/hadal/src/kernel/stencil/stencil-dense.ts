/**
 * Convolutions in which a feature sees all channels, but there are so few channels or features that a product's panels would be read no more
 * often than they are packed: the first layer of a network, the gradient of an image.
 *
 * - `dense`: for each feature and position over channels and taps, the convolution;
 * - `denseTaps`: for each feature, channel and tap over samples and positions, its gradient by the filter.
 *
 * Both walk **blocks** of rows of positions. The rows of the image that a block meets are **staged** first: copied to a place that stays in
 * the nearest caches, with zeros around the image, and taken apart where windows step over neighbours, so that what a tap meets at
 * neighbouring positions lies together at a fixed distance from where the row begins. In words of `stencil.ts`, staged row y of channel c
 * holds, for each phase, the elements step * j + phase - low of the image's row, for all j from 0 to the pitch.
 */

import type { ConvDims } from '../../base/attributes.js';
import { known } from '../../base/errors.js';
import { roundUp } from '../../base/integers.js';
import type { Shape } from '../../base/shape.js';
import { numel } from '../../base/shape.js';
import { isAll, LARGEST, MOST_TAPS, pair, type StencilShape, windowsOf } from './stencil.js';

/** Lanes of the targets that have these passes: those with masks. */
const LANES = 16;
/** Features and rows of positions of a tile: 24 of 32 registers are sums. */
const TILES = [
  { features: 12, rows: 2 },
  { features: 8, rows: 3 },
] as const;
/** Features of a tile of the gradient, and how many taps of a row at most. */
export const TAPS_FEATURES = 8;
const TAPS_TOGETHER = 3;
/** With more channels, and with more features, panels are read often enough. */
const FEW_CHANNELS = 4;
const FEW_FEATURES = 16;
/** Deeper sums are products in blocks. */
const MOST_DEPTH = 512;
/** What of the lanes of a row has to be positions. */
const FILLED = 0.75;
/** Bytes of the gradient's sums: larger ones are carried to and fro between caches more than they are added to. */
const MOST_SUMS = 128 * 1024;
/** Rows of positions of a block at most, and what its staged rows should fit into: a part of the nearest cache, or of the second one. */
const MOST_ROWS = 9;
const NEAR_BYTES = 28 * 1024;
const SECOND_BYTES = 64 * 1024;

/** @param shape the result's */
export function denseOf(input: Shape, kernel: Shape, d: ConvDims, shape: Shape): StencilShape | null {
  if (input.length !== 4 || d.featureGroups !== 1 || d.batchGroups !== 1 || !isAll(d.lhsDilation, 1))
    return null;
  if ([input, kernel, shape].some((s) => s.includes(0))) return null;
  const found = slideOf(input, kernel, d, shape) ?? tapsOf(input, kernel, d, shape);
  return found !== null && isCovered(found) ? found : null;
}

function slideOf(input: Shape, kernel: Shape, d: ConvDims, shape: Shape): StencilShape | null {
  const [features, channels, ...reach] = kernel;
  const isFew = channels <= FEW_CHANNELS || features <= FEW_FEATURES;
  if (!isAll(d.rhsDilation, 1) || !isFew || channels * numel(reach) > MOST_DEPTH) return null;
  if (!TILES.some((tile) => features % tile.features === 0)) return null;
  return {
    pass: 'dense',
    samples: input[0],
    channels: features,
    groupChannels: channels,
    groupFeatures: features,
    ...windowsOf(input, kernel, d, shape),
  };
}

/** Channels as samples, samples as channels, and a kernel as large as what lies at positions. */
function tapsOf(input: Shape, kernel: Shape, d: ConvDims, shape: Shape): StencilShape | null {
  const [channels, samples] = input;
  const [features] = kernel;
  if (!isAll(d.strides, 1) || channels > FEW_CHANNELS || features % TAPS_FEATURES !== 0) return null;
  if (4 * LANES * channels * numel(shape.slice(1)) > MOST_SUMS) return null;
  return {
    pass: 'denseTaps',
    samples,
    channels: features * channels,
    groupChannels: channels,
    groupFeatures: features,
    image: pair(input.slice(2), 1),
    positions: pair(kernel.slice(2), 1),
    taps: pair(shape.slice(2), 1),
    strides: pair(d.rhsDilation, 1),
    low: pair(d.low, 0),
  };
}

function isCovered({ image, positions, taps, strides, low }: StencilShape): boolean {
  const [rows, columns] = positions;
  return (
    taps[1] > 1 &&
    numel(taps) <= MOST_TAPS &&
    [0, 1].every((i) => strides[i] <= taps[i] && low[i] >= 0 && low[i] < taps[i]) &&
    strides[1] <= 2 &&
    rows > 1 &&
    columns >= FILLED * roundUp(columns, LANES) &&
    [...image, ...positions].every((size) => size <= LARGEST)
  );
}

/** How a block is staged, in elements. */
export interface Staging {
  /** Rows of positions of a block. */
  readonly rows: number;
  /** Rows of the image that it meets. */
  readonly imageRows: number;
  /** From one phase of a row to the next, and from one row to the next: rows of all channels, then those of the next row. */
  readonly pitch: number;
  readonly rowStep: number;
  readonly elements: number;
}

export function isDense({ pass }: Pick<StencilShape, 'pass'>): boolean {
  return pass === 'dense' || pass === 'denseTaps';
}

/** Decided from sizes, and part of a kernel's key. */
export function stagingOf(s: StencilShape): Staging {
  const [step, taps] = [s.strides[1], s.taps[1]];
  const reach = Math.floor((taps - 1) / step);
  const pitch = roundUp(roundUp(s.positions[1], LANES) + reach, LANES);
  const rowStep = step * pitch;
  const imageRows = (rows: number): number => (rows - 1) * s.strides[0] + s.taps[0];
  const elements = (rows: number): number => s.groupChannels * imageRows(rows) * rowStep;
  const most = s.pass === 'dense' ? NEAR_BYTES : SECOND_BYTES;
  const least = s.pass === 'dense' ? denseTile(s).rows : 1;
  let rows = least;
  while (rows + least <= MOST_ROWS && rows < s.positions[0] && 4 * elements(rows + least) <= most)
    rows += least;
  return { rows, imageRows: imageRows(rows), pitch, rowStep, elements: elements(rows) };
}

export interface DenseTile {
  readonly features: number;
  readonly rows: number;
}

/** The tile of `dense`. */
export function denseTile({ channels }: StencilShape): DenseTile {
  return known(
    TILES.find((tile) => channels % tile.features === 0),
    'a tile of features',
  );
}

/** The taps of a row in chunks, as even as can be, that the gradient takes together. */
export function tapChunks(columns: number): readonly (readonly [from: number, to: number])[] {
  const count = Math.ceil(columns / TAPS_TOGETHER);
  const starts = Array.from({ length: count + 1 }, (_, i) => Math.floor((i * columns) / count));
  return starts.slice(1).map((to, i) => [starts[i], to]);
}

/** Bytes of each workspace buffer: staged rows; weights by tile, or sums; a tile, or sums of all samples. */
export function denseWorkspace(s: StencilShape): readonly number[] {
  const [rows, columns] = s.taps;
  const staged = 4 * stagingOf(s).elements;
  if (s.pass === 'dense') {
    const tile = denseTile(s);
    const weights = 4 * s.channels * s.groupChannels * rows * columns;
    return [staged, weights, 4 * tile.features * tile.rows * LANES];
  }
  const sums = 4 * s.channels * rows * columns * LANES;
  return [staged, sums, sums];
}

/** Units: blocks of all samples, or groups of features. */
export function denseUnits(s: StencilShape): number {
  if (s.pass === 'denseTaps') return s.groupFeatures / TAPS_FEATURES;
  return s.samples * Math.ceil(s.positions[0] / stagingOf(s).rows);
}

/** What of a kernel's sizes its code depends on. */
export function denseKey(s: StencilShape): string {
  const { rows, pitch } = stagingOf(s);
  const { pass, taps, strides, low } = s;
  const features = pass === 'dense' ? denseTile(s).features : TAPS_FEATURES;
  return `stencil ${pass} ${taps.join('x')} by ${strides.join('x')} low ${low.join('x')} ${rows} of ${pitch} ${s.groupChannels} to ${features}`;
}
