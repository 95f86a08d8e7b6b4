/**
 * Lowers the gradient of a convolution's 3x3 kernels to L3 by Winograd's algorithm: going back over A^T [(G g) . (B^T d)],
 *
 *     dg = G^T [sum over tiles of (A dy A^T) . (B^T d B)] G
 *
 *     for each group of rows of tiles:
 *       for each block of them: transform images, all channels
 *         for each panel of nr features: transform their gradients; for each of 36: M += product over tiles
 *       for each panel: transform columns, then rows of M; turn them, so that taps are lanes; epilogue
 *
 * Sums go over the tiles of a block in order, then over the blocks of a group: they depend on the shapes alone. A unit is a panel of features
 * of a group; each thread transforms the images of its groups for itself.
 */
import { dependences } from '../dependence.js';
import { memTypeOf } from '../elements.js';
import { GemmEpilogue } from '../gemm/epilogue.js';
import type { WinogradGradKernel } from '../l2.js';
import type { AbstractKernel } from '../l2-sizes.js';
import type { L3Function, Value } from '../l3.js';
import { L3Builder } from '../l3-builder.js';
import { ExprEmitter } from '../loops/lower-exprs.js';
import { statusBuffer } from '../status.js';
import type { Target } from '../target.js';
import { transposed } from '../transpose.js';
import { unitRange } from '../unit-range.js';
import {
  clearEdges,
  nearFloats,
  type PlaneSource,
  placeAmongChannels,
  type TileSource,
  transformBack,
  transformTiles,
  verticalFloats,
} from './images.js';
import { CHANNELS_TOGETHER, READ, RESULTS, winogradGradTiles } from './tiles.js';
import { transformGradient, transformInput, transformSums } from './transforms.js';

const POINTS = READ * READ;
const TAPS = 9;
const TAP_ROWS = 3;

type Range = readonly [from: Value, to: Value];

/** Taps of the channels that are finished together. */
const TOGETHER = CHANNELS_TOGETHER * TAPS;

/** Rows of tiles of the largest group. */
function groupRows(kernel: WinogradGradKernel): number {
  return Math.ceil((kernel.samples * winogradGradTiles(kernel).down) / kernel.groups);
}

/** Whether all tiles of a group are one block, so that sums of one panel at a time are enough. */
function isOneBlock(kernel: WinogradGradKernel): boolean {
  return groupRows(kernel) <= winogradGradTiles(kernel).blockRows;
}

/** Floats of each workspace, in the order of their slots. */
function workspaces(kernel: WinogradGradKernel, target: Target): readonly number[] {
  const { lanes } = target;
  const { nr } = target.gemm;
  const { features, channels, height, width, rows, columns } = kernel;
  const { across, blockRows } = winogradGradTiles(kernel);
  const tiles = Math.min(blockRows, groupRows(kernel)) * across;
  const panels = Math.ceil(features / nr);
  return [
    POINTS * (tiles * channels + CHANNELS_TOGETHER),
    POINTS * (tiles * nr + CHANNELS_TOGETHER),
    (isOneBlock(kernel) ? 1 : panels) * POINTS * (channels * nr + CHANNELS_TOGETHER),
    nearFloats(height, width, blockRows, READ, lanes),
    verticalFloats(across, READ, lanes),
    nearFloats(rows, columns, blockRows, RESULTS, lanes),
    verticalFloats(across, RESULTS, lanes),
    TAP_ROWS * READ * lanes,
    TOGETHER * lanes,
    lanes * (TOGETHER + lanes),
  ];
}

export function winogradGradWorkspace(kernel: WinogradGradKernel, target: Target): readonly number[] {
  return workspaces(kernel, target).map((floats) => floats * 4);
}

/** Rows of the register tile: channels that lie together are a multiple. */
function tileRows(mr: number): number {
  return mr >= 8 ? 8 : 4;
}

export function lowerWinogradGrad(
  kernel: WinogradGradKernel,
  sizes: AbstractKernel,
  target: Target,
): L3Function {
  const { lanes } = target;
  const { nr } = target.gemm;
  const mr = tileRows(target.gemm.mr);
  const b = new L3Builder(kernel.name, lanes, target);
  const deps = dependences(kernel);
  for (const buffer of kernel.buffers) b.buffer(memTypeOf(b, buffer.dtype), buffer.access);
  const [inputs, gradients, sums, near, vertical, nearGradient, verticalGradient, halfway, taps, turned] =
    workspaces(kernel, target).map(() => b.buffer('f32', 'readwrite'));
  const emitter = new ExprEmitter(b, kernel, sizes, deps, statusBuffer(b, kernel));
  const epilogue = new GemmEpilogue({ b, kernel, deps, emitter, target }, 1, 2);

  const size = (variable: number): Value => b.sizeAt(sizes.variableSlots[variable]);
  const n = (value: number): Value => b.index(value);
  const times = (a: Value, by: number): Value => b.mul(a, n(by));
  const zero = n(0);
  const [
    groups,
    features,
    ,
    channels,
    height,
    width,
    rows,
    columns,
    down,
    across,
    lowRows,
    lowColumns,
    blockRows,
    samples,
  ] = Array.from({ length: 14 }, (_, i) => size(i));

  const tileRowCount = b.mul(samples, down);
  const ofGroup = b.div(b.add(tileRowCount, b.sub(groups, n(1))), groups);
  const room = b.mul(b.min(blockRows, ofGroup), across);
  // Planes a power of 2 apart would fall into few sets of the caches.
  const inputPlane = b.add(b.mul(room, channels), n(CHANNELS_TOGETHER));
  const gradientPlane = b.add(times(room, nr), n(CHANNELS_TOGETHER));
  const sumPlane = b.add(times(channels, nr), n(CHANNELS_TOGETHER));
  const hasBlocks = b.compare('lt', blockRows, ofGroup);
  const panelStep = b.select(hasBlocks, times(sumPlane, POINTS), zero);

  const images: TileSource = {
    image: kernel.image,
    channels,
    height,
    width,
    lowRows,
    lowColumns,
    taken: READ,
    transform: transformInput,
    down,
    across,
    near,
    vertical,
    to: inputs,
    plane: inputPlane,
    placeOf: (channel) => placeAmongChannels(b, channel, room),
    tileStep: CHANNELS_TOGETHER,
  };
  const results: TileSource = {
    ...images,
    image: kernel.gradient,
    channels: features,
    height: rows,
    width: columns,
    lowRows: zero,
    lowColumns: zero,
    taken: RESULTS,
    transform: transformGradient,
    near: nearGradient,
    vertical: verticalGradient,
    to: gradients,
    plane: gradientPlane,
    placeOf: (feature) => b.sub(feature, times(b.div(feature, n(nr)), nr)),
    tileStep: nr,
  };

  /** A register tile: `mr` channels by nr features, over all tiles of a block. */
  function multiply(from: Value, right: Value, to: Value, tiles: Value, partialRounds: Value): void {
    const vectors = nr / lanes;
    const nothing = b.broadcast(b.constant('f32', 0));
    const start = Array.from({ length: mr * vectors }, () => nothing);
    const [, , ...found] = b.loop(zero, tiles, 1, [from, right, ...start], (_, [at, bt, ...acc]) => {
      const own = Array.from({ length: vectors }, (_x, j) =>
        b.load(gradients, bt, { lanes, offset: j * lanes }),
      );
      const now: Value[] = [];
      for (let i = 0; i < mr; i++) {
        const element = b.broadcast(b.load(inputs, at, { offset: i }));
        for (let j = 0; j < vectors; j++) now.push(b.fma(element, own[j], acc[i * vectors + j]));
      }
      return [b.add(at, n(CHANNELS_TOGETHER)), b.add(bt, n(nr)), ...now];
    });
    const all = b.loop(zero, partialRounds, 1, found, (_, now) =>
      now.map((v, i) => b.add(v, b.load(sums, to, { lanes, offset: i * lanes }))),
    );
    all.forEach((v, i) => b.store(sums, to, v, { offset: i * lanes }));
  }

  function multiplyPanel(start: Value, tiles: Value, partialRounds: Value): void {
    const blockStep = times(room, CHANNELS_TOGETHER);
    b.loop(zero, n(POINTS), 1, [zero, zero, start], (_, [left, right, to]) => {
      b.loop(zero, channels, CHANNELS_TOGETHER, [left, to], (_c, [at, place]) => {
        b.forEach(zero, n(CHANNELS_TOGETHER), mr, (i) =>
          multiply(b.add(at, i), right, b.add(place, times(i, nr)), tiles, partialRounds),
        );
        return [b.add(at, blockStep), b.add(place, n(CHANNELS_TOGETHER * nr))];
      });
      return [b.add(left, inputPlane), b.add(right, gradientPlane), b.add(to, sumPlane)];
    });
  }

  /** Kernels of `lanes` features from `feature` on. */
  function finish(feature: Value, start: Value): void {
    const planes: PlaneSource = {
      from: sums,
      plane: sumPlane,
      planeRow: times(sumPlane, READ),
      transform: transformSums,
      count: TAP_ROWS,
      halfway,
      to: taps,
      rowStep: n(TAP_ROWS * lanes),
    };
    b.forEach(zero, channels, CHANNELS_TOGETHER, (channel) => {
      b.forEach(zero, n(CHANNELS_TOGETHER), 1, (i) => {
        const from = b.add(start, times(b.add(channel, i), nr));
        transformBack(b, planes, from, times(i, TAPS * lanes));
      });
      b.forEach(zero, n(TOGETHER), lanes, (at) => {
        const lines = Array.from({ length: lanes }, (_, r) =>
          b.load(taps, times(at, lanes), { lanes, offset: r * lanes }),
        );
        transposed(b, lines).forEach((v, r) => b.store(turned, at, v, { offset: r * (TOGETHER + lanes) }));
      });
      emitter.scoped(() =>
        b.forEach(zero, n(lanes), 1, (i) =>
          epilogue.rowFromMemory(
            turned,
            times(i, TOGETHER + lanes),
            b.add(feature, i),
            times(channel, TAPS),
            n(TOGETHER),
          ),
        ),
      );
    });
  }

  clearEdges(b, images);
  clearEdges(b, results);
  const startOf = (feature: Value): Value => b.mul(b.div(feature, n(nr)), panelStep);
  const finishPanel = (feature: Value): void =>
    b.forEach(feature, b.min(b.add(feature, n(nr)), features), lanes, (own) =>
      finish(own, b.add(startOf(feature), b.sub(own, feature))),
    );
  /** The features from `firstFeature` on of the tiles in some rows. */
  function computeGroup([firstRow, endRow]: Range, [firstFeature, endFeature]: Range): void {
    const blocks = b.div(b.add(b.sub(endRow, firstRow), b.sub(blockRows, n(1))), blockRows);
    b.forEach(zero, blocks, 1, (i) => {
      const from = b.add(firstRow, b.mul(i, blockRows));
      const to = b.min(b.add(from, blockRows), endRow);
      const tiles = b.mul(b.sub(to, from), across);
      const isLast = b.compare('eq', b.add(i, n(1)), blocks);
      transformTiles(b, images, [zero, channels], [from, to]);
      b.forEach(firstFeature, endFeature, nr, (feature) => {
        const end = b.min(b.add(feature, n(nr)), features);
        transformTiles(b, results, [feature, end], [from, to]);
        multiplyPanel(startOf(feature), tiles, b.min(i, n(1)));
        b.when(isLast, () => finishPanel(feature));
      });
    });
  }

  const units = unitRange(b, sizes);
  const panels = b.div(b.add(features, n(nr - 1)), n(nr));
  const endGroup = b.div(b.add(units.to, b.sub(panels, n(1))), panels);
  b.forEach(b.div(units.from, panels), endGroup, 1, (group) => {
    const firstPanel = b.mul(group, panels);
    const firstRow = b.div(b.mul(group, tileRowCount), groups);
    const endRow = b.div(b.mul(b.add(group, n(1)), tileRowCount), groups);
    const first = b.sub(b.max(units.from, firstPanel), firstPanel);
    const end = b.min(b.sub(units.to, firstPanel), panels);
    emitter.bind(0, group, null, () =>
      computeGroup([firstRow, endRow], [times(first, nr), b.min(times(end, nr), features)]),
    );
  });
  return b.finish();
}
