/**
 * Lowers a convolution of 3x3 kernels, step 1, to L3 by Winograd's F(4x4, 3x3) (see `transforms.ts`): 36 products of matrices,
 * channels by tiles, with a quarter of the multiplications.
 *
 *     for each block of rows of tiles:
 *       for 16 channels: turn their rows so that channels are lanes; transform columns, then rows: V
 *       for each panel of nr features:
 *         for each block of channels: turn and transform its kernels: U; for each of 36: M (+)= V U
 *         transform columns, then rows of M; turn them back, so that positions are lanes; epilogue
 *
 * Channels are lanes of the transforms of images, features those of kernels and of results, so tiles need not fill anything, and padding is
 * a row of zeros that is read in place of what is beyond the edge. The kernels' transforms stay near instead of being written for the whole
 * convolution at once: they are four times as large as the kernels. Every tile is computed alike, channels in order, whatever is in its
 * block: results depend neither on the number of threads nor on the other images.
 */
import { dependences } from '../dependence.js';
import { memTypeOf } from '../elements.js';
import { GemmEpilogue } from '../gemm/epilogue.js';
import type { WinogradKernel } from '../l2.js';
import type { AbstractKernel } from '../l2-sizes.js';
import type { L3Function, Value } from '../l3.js';
import { L3Builder } from '../l3-builder.js';
import { ExprEmitter } from '../loops/lower-exprs.js';
import { statusBuffer } from '../status.js';
import type { Target } from '../target.js';
import { transposed } from '../transpose.js';
import { unitRange } from '../unit-range.js';
import { askFor, imagesAhead } from './ahead.js';
import {
  clearEdges,
  nearFloats,
  type PlaneSource,
  placeAmongChannels,
  series,
  type TileSource,
  transformBack,
  transformTiles,
  verticalFloats,
} from './images.js';
import { CHANNELS_TOGETHER, READ, RESULTS, winogradTiles } from './tiles.js';
import { transformInput, transformKernel, transformProducts } from './transforms.js';

/** Channels whose kernels are transformed at once: with 32 features they take 288 KiB. */
const CHANNEL_BLOCK = 64;
const POINTS = READ * READ;
const TAPS = 9;

type Range = readonly [from: Value, to: Value];

/** Floats of each workspace, in the order of their slots. */
function workspaces(kernel: WinogradKernel, target: Target): readonly number[] {
  const { lanes } = target;
  const { mr, nr } = target.gemm;
  const { across, blockRows } = winogradTiles(kernel);
  const tiles = blockRows * across + mr;
  return [
    POINTS * (tiles * kernel.channels + CHANNELS_TOGETHER),
    POINTS * (CHANNEL_BLOCK * nr + lanes),
    POINTS * (tiles * nr + lanes),
    nearFloats(kernel.height, kernel.width, blockRows, READ, lanes),
    verticalFloats(across, READ, lanes),
    (RESULTS * kernel.columns + RESULTS + lanes) * lanes,
    lanes * (RESULTS * kernel.columns + lanes),
    RESULTS * READ * lanes,
    CHANNELS_TOGETHER * TAPS * lanes,
    TAPS * lanes + lanes,
  ];
}

export function winogradWorkspace(kernel: WinogradKernel, target: Target): readonly number[] {
  return workspaces(kernel, target).map((floats) => floats * 4);
}

/** Rows of the tiles that are left over by those of `mr`. */
function restRows(mr: number): number {
  return [4, 3].find((rows) => mr > rows && mr % rows === 0) ?? mr;
}

export function lowerWinograd(kernel: WinogradKernel, sizes: AbstractKernel, target: Target): L3Function {
  const { lanes } = target;
  const { mr, nr } = target.gemm;
  const b = new L3Builder(kernel.name, lanes, target);
  const deps = dependences(kernel);
  for (const buffer of kernel.buffers) b.buffer(memTypeOf(b, buffer.dtype), buffer.access);
  const [inputs, kernels, products, near, vertical, results, turned, halfway, taps, copied] = workspaces(
    kernel,
    target,
  ).map(() => b.buffer('f32', 'readwrite'));
  const emitter = new ExprEmitter(b, kernel, sizes, deps, statusBuffer(b, kernel));
  const epilogue = new GemmEpilogue({ b, kernel, deps, emitter, target }, 1, 2);

  const size = (variable: number): Value => b.sizeAt(sizes.variableSlots[variable]);
  const n = (value: number): Value => b.index(value);
  const times = (a: Value, by: number): Value => b.mul(a, n(by));
  const zero = n(0);
  const [samples, features, , channels, height, width, rows, columns] = Array.from({ length: 8 }, (_, i) =>
    size(i),
  );
  const [down, across, lowRows, lowColumns, mostRows, cut] = Array.from({ length: 6 }, (_, i) => size(8 + i));
  const vector = { lanes };

  // Kernels of one panel and one block of channels are transformed once. Then blocks may be smaller, and all of one is in the second cache.
  const isOnePart =
    nr < CHANNELS_TOGETHER
      ? null
      : b.binary('and', b.compare('le', features, n(nr)), b.compare('le', channels, n(CHANNEL_BLOCK)));
  const blockRows =
    isOnePart === null ? mostRows : b.select(isOnePart, b.max(b.div(mostRows, n(2)), n(1)), mostRows);

  /** Room for tiles, with what the last register tile goes beyond. */
  const room = b.add(b.mul(blockRows, across), n(mr));
  // Planes a power of 2 apart would fall into few sets of the caches.
  const inputPlane = b.add(b.mul(room, channels), n(CHANNELS_TOGETHER));
  const kernelPlane = n(CHANNEL_BLOCK * nr + lanes);
  const productPlane = b.add(times(room, nr), n(lanes));

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

  /** Kernels of `lanes` features and 16 channels as vectors of features: [channel][tap]. */
  function turnKernels(feature: Value, channel: Value): void {
    if (!kernel.isTurned) {
      const pitch = times(channels, TAPS);
      const start = b.add(b.mul(feature, pitch), times(channel, TAPS));
      b.forEach(zero, n(CHANNELS_TOGETHER * TAPS), lanes, (i) => {
        const places = series(b, b.add(start, i), pitch, lanes);
        const block = transposed(
          b,
          places.map((place) => b.load(kernel.weights, place, vector)),
        );
        block.forEach((v, j) => b.store(taps, times(i, lanes), v, { offset: j * lanes }));
      });
      return;
    }
    // Channels and features have changed places, and kernels are walked backwards.
    b.forEach(zero, n(CHANNELS_TOGETHER), 1, (i) => {
      const start = times(b.add(b.mul(b.add(channel, i), features), feature), TAPS);
      for (let j = 0; j < TAPS; j++)
        b.store(copied, zero, b.load(kernel.weights, start, { lanes, offset: j * lanes }), {
          offset: j * lanes,
        });
      const to = times(i, TAPS * lanes);
      for (let first = 0; first < TAPS; first += lanes) {
        const lines = Array.from({ length: lanes }, (_, r) =>
          b.load(copied, zero, { lanes, offset: r * TAPS + first }),
        );
        transposed(b, lines).forEach((v, j) => {
          const tap = first + j;
          if (tap < TAPS) b.store(taps, to, v, { offset: (TAPS - 1 - tap) * lanes });
        });
      }
    });
  }

  /** Runs `body` for each vector of features of a panel, and where in the panel it is. */
  function eachVector(feature: Value, body: (own: Value, inPanel: Value) => void): void {
    const end = b.min(b.add(feature, n(nr)), features);
    b.forEach(feature, end, lanes, (own) => body(own, b.sub(own, feature)));
  }

  /** Kernels of a panel from `feature` on and `depth` channels from `channel` on. */
  function transformKernels(feature: Value, channel: Value, depth: Value): void {
    eachVector(feature, (own, inPanel) =>
      b.forEach(zero, depth, CHANNELS_TOGETHER, (first) => {
        turnKernels(own, b.add(channel, first));
        b.forEach(zero, n(CHANNELS_TOGETHER), 1, (i) => {
          const from = times(i, TAPS * lanes);
          const tap = (row: number, column: number): Value =>
            b.load(taps, from, { lanes, offset: (row * 3 + column) * lanes });
          const down = [0, 1, 2].map((column) =>
            transformKernel(
              b,
              [0, 1, 2].map((row) => tap(row, column)),
            ),
          );
          const to = b.add(times(b.add(first, i), nr), inPanel);
          for (let row = 0; row < READ; row++) {
            const line = transformKernel(
              b,
              down.map((column) => column[row]),
            );
            line.forEach((v, column) =>
              b.store(kernels, to, v, {
                offset: (row * READ + column) * (CHANNEL_BLOCK * nr + lanes),
              }),
            );
          }
        });
      }),
    );
  }

  /** A register tile: `count` tiles by nr features, over `depth` channels. */
  function multiply(
    count: number,
    from: Value,
    right: Value,
    to: Value,
    depth: Value,
    partialRounds: Value,
  ): void {
    const vectors = nr / lanes;
    const nothing = b.broadcast(b.constant('f32', 0));
    const start = Array.from({ length: count * vectors }, () => nothing);
    const step = times(room, CHANNELS_TOGETHER);
    const [, , ...sums] = b.loop(
      zero,
      depth,
      CHANNELS_TOGETHER,
      [from, right, ...start],
      (_, [left, panel, ...outer]) => {
        const [, next, ...inner] = b.loop(
          zero,
          n(CHANNELS_TOGETHER),
          1,
          [left, panel, ...outer],
          (_i, [at, bt, ...acc]) => {
            const features = Array.from({ length: vectors }, (_x, j) =>
              b.load(kernels, bt, { lanes, offset: j * lanes }),
            );
            const now: Value[] = [];
            for (let i = 0; i < count; i++) {
              const element = b.broadcast(b.load(inputs, at, { offset: i * CHANNELS_TOGETHER }));
              for (let j = 0; j < vectors; j++) now.push(b.fma(element, features[j], acc[i * vectors + j]));
            }
            return [b.add(at, n(1)), b.add(bt, n(nr)), ...now];
          },
        );
        return [b.add(left, step), next, ...inner];
      },
    );
    const all = b.loop(zero, partialRounds, 1, sums, (_, now) =>
      now.map((v, i) => b.add(v, b.load(products, to, { lanes, offset: i * lanes }))),
    );
    all.forEach((v, i) => b.store(products, to, v, { offset: i * lanes }));
  }

  /**
   * What asks for the images of the next block, given a panel and a block of channels, and then tiles of all points of these.
   *
   * @param end of the rows of tiles of this thread, @param tiles of this block
   */
  function nextImages(
    to: Value,
    end: Value,
    tiles: Value,
    [firstFeature, endFeature]: Range,
  ): (feature: Value, channel: Value) => (tile: Value, count: number) => void {
    const panelOf = (feature: Value): Value => b.div(b.sub(feature, firstFeature), n(nr));
    const panels = panelOf(b.add(endFeature, n(nr - 1)));
    const parts = b.div(b.add(channels, n(CHANNEL_BLOCK - 1)), n(CHANNEL_BLOCK));
    const ofPart = times(tiles, POINTS);
    const shares = b.mul(b.mul(panels, parts), ofPart);
    const ahead = imagesAhead(b, images, to, b.min(end, b.add(to, blockRows)), shares);
    return (feature, channel) => {
      const part = b.add(b.mul(panelOf(feature), parts), b.div(channel, n(CHANNEL_BLOCK)));
      const before = b.mul(part, ofPart);
      return (tile, count) => {
        const first = b.add(before, tile);
        askFor(b, kernel.image, ahead, first, b.add(first, n(count)));
      };
    };
  }

  /** @param ask asks for what comes next, for some tiles from one on that is counted through all points. */
  function multiplyBlock(
    tiles: Value,
    channel: Value,
    depth: Value,
    ask: ((tile: Value, count: number) => void) | null,
  ): void {
    const partialRounds = b.min(channel, n(1));
    const block = b.mul(channel, room);
    const few = restRows(mr);
    b.loop(zero, n(POINTS), 1, [block, zero, zero], (point, [left, right, to]) => {
      const whole = times(b.div(tiles, n(mr)), mr);
      const walk = (from: Value, end: Value, count: number): void =>
        b.forEach(from, end, count, (tile) => {
          if (ask !== null) ask(b.add(b.mul(point, tiles), tile), count);
          const at = b.add(left, times(tile, CHANNELS_TOGETHER));
          multiply(count, at, right, b.add(to, times(tile, nr)), depth, partialRounds);
        });
      if (few === mr) walk(zero, tiles, mr);
      else {
        walk(zero, whole, mr);
        walk(whole, tiles, few);
      }
      return [b.add(left, inputPlane), b.add(right, kernelPlane), b.add(to, productPlane)];
    });
  }

  /** Four rows of results of `lanes` features from `feature` on. */
  function finish(feature: Value, inPanel: Value, tileRow: Value, first: Value): void {
    const image = b.div(tileRow, down);
    const firstRow = times(b.sub(tileRow, b.mul(image, down)), RESULTS);
    const firstTile = b.mul(b.sub(tileRow, first), across);
    const planes: PlaneSource = {
      from: products,
      plane: productPlane,
      planeRow: times(productPlane, READ),
      transform: transformProducts,
      count: RESULTS,
      halfway,
      to: results,
      rowStep: times(columns, lanes),
    };
    // From right to left: what the last tile has too many is written over by the first one of the next row.
    b.forEach(zero, across, 1, (i) => {
      const x = b.sub(b.sub(across, n(1)), i);
      const from = b.add(times(b.add(firstTile, x), nr), inPanel);
      transformBack(b, planes, from, times(x, RESULTS * lanes));
    });
    const count = b.mul(b.min(n(RESULTS), b.sub(rows, firstRow)), columns);
    const pitch = b.add(times(columns, RESULTS), n(lanes));
    b.forEach(zero, count, lanes, (at) => {
      const lines = Array.from({ length: lanes }, (_, r) =>
        b.load(results, times(at, lanes), { lanes, offset: r * lanes }),
      );
      const places = series(b, at, pitch, lanes);
      transposed(b, lines).forEach((v, r) => b.store(turned, places[r], v));
    });
    emitter.bind(0, image, null, () => {
      emitter.hoist(
        kernel.stores.map((s) => s.value),
        kernel.stores.map((s) => s.index),
      );
      b.forEach(zero, n(lanes), 1, (i) =>
        epilogue.rowFromMemory(turned, b.mul(i, pitch), b.add(feature, i), b.mul(firstRow, columns), count),
      );
    });
  }

  /**
   * @param end of the rows of tiles that this thread computes.
   * @param isAnew whether the kernels that were transformed last are others; null if they are always.
   */
  function computeBlock(
    [from, to]: Range,
    end: Value,
    [firstFeature, endFeature]: Range,
    isAnew: Value | null,
  ): void {
    transformTiles(b, images, [zero, channels], [from, to]);
    const tiles = b.mul(b.sub(to, from), across);
    const askForPart = target.prefetches ? nextImages(to, end, tiles, [firstFeature, endFeature]) : null;
    b.forEach(firstFeature, endFeature, nr, (feature) => {
      b.forEach(zero, channels, CHANNEL_BLOCK, (channel) => {
        const depth = b.min(n(CHANNEL_BLOCK), b.sub(channels, channel));
        const transform = (): void => transformKernels(feature, channel, depth);
        if (isAnew === null) transform();
        else b.when(isAnew, transform);
        multiplyBlock(tiles, channel, depth, askForPart?.(feature, channel) ?? null);
      });
      eachVector(feature, (own, inPanel) =>
        b.forEach(from, to, 1, (tileRow) => emitter.scoped(() => finish(own, inPanel, tileRow, from))),
      );
    });
  }

  clearEdges(b, images);
  const units = unitRange(b, sizes);
  const isCut = b.compare('eq', cut, n(1));
  const firstRow = b.select(isCut, zero, units.from);
  const endRow = b.select(isCut, b.mul(samples, down), units.to);
  const firstFeature = b.select(isCut, times(units.from, nr), zero);
  const endFeature = b.select(isCut, b.min(times(units.to, nr), features), features);
  const blocks = b.div(b.add(b.sub(endRow, firstRow), b.sub(blockRows, n(1))), blockRows);
  b.forEach(zero, blocks, 1, (i) => {
    const from = b.add(firstRow, b.mul(i, blockRows));
    const isAnew =
      isOnePart === null ? null : b.select(isOnePart, b.compare('eq', i, zero), b.compare('eq', zero, zero));
    computeBlock([from, b.min(endRow, b.add(from, blockRows))], endRow, [firstFeature, endFeature], isAnew);
  });
  return b.finish();
}
