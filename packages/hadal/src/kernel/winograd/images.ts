/**
 * Tiles of images in the domain where Winograd's products are taken: for `lanes` channels at once, rows are turned so that channels are
 * lanes, then each row of tiles is transformed along columns and along rows.
 */
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import { transposed } from '../transpose.js';
import { CHANNELS_TOGETHER, READ, RESULTS } from './tiles.js';

/** `at`, `at` + `step` and so on. */
export function series(b: L3Builder, at: Value, step: Value, count: number): readonly Value[] {
  const out = [at];
  while (out.length < count) out.push(b.add(out[out.length - 1], step));
  return out;
}

export function fillZeros(b: L3Builder, buffer: number, count: Value): void {
  const nothing = b.broadcast(b.constant('f32', 0));
  b.forEach(b.index(0), count, b.lanes, (i) => b.store(buffer, i, nothing));
}

/** Images [sample, channel, row, column] and where their transformed tiles go. */
export interface TileSource {
  readonly image: number;
  readonly channels: Value;
  readonly height: Value;
  readonly width: Value;
  /** Zeros ahead of the image. */
  readonly lowRows: Value;
  readonly lowColumns: Value;
  /** Elements that a tile has of a row; tiles are `RESULTS` apart. */
  readonly taken: 4 | 6;
  /** From as many to `READ`. */
  readonly transform: (b: L3Builder, x: readonly Value[]) => readonly Value[];
  /** Rows and columns of tiles. */
  readonly down: Value;
  readonly across: Value;
  /** Workspaces for rows of the image and for a row of tiles, their first row and what is beyond the edges zero. */
  readonly near: number;
  readonly vertical: number;
  /** The result: its slot, the distance of its `READ` * `READ` planes, where the first tile of a channel lies, and how far tiles are apart. */
  readonly to: number;
  readonly plane: Value;
  readonly placeOf: (channel: Value) => Value;
  readonly tileStep: number;
}

function verticalPlane(b: L3Builder, { across, taken }: TileSource): Value {
  return b.mul(b.add(b.mul(across, b.index(RESULTS)), b.index(taken - RESULTS)), b.index(b.lanes));
}

/** Floats of a row of tiles between both transforms. */
export function verticalFloats(across: number, taken: number, lanes: number): number {
  return READ * (RESULTS * across + taken - RESULTS) * lanes;
}

/** Floats of `count` rows of tiles of an image. */
export function nearFloats(
  height: number,
  width: number,
  count: number,
  taken: number,
  lanes: number,
): number {
  return (1 + Math.min(height, RESULTS * count + taken - RESULTS)) * width * lanes;
}

/** Where the first tile of a channel lies if those of channels that lie together are interleaved, `room` tiles of each. */
export function placeAmongChannels(b: L3Builder, channel: Value, room: Value): Value {
  const together = b.index(CHANNELS_TOGETHER);
  const block = b.div(channel, together);
  const inBlock = b.sub(channel, b.mul(block, together));
  return b.add(b.mul(block, b.mul(room, together)), inBlock);
}

/** Planes of vectors that are transformed back, `READ` * `READ` of them, and where results go. */
export interface PlaneSource {
  readonly from: number;
  /** From one plane to the next, and to the one `READ` further on. */
  readonly plane: Value;
  readonly planeRow: Value;
  /** From `READ` to `count`. */
  readonly transform: (b: L3Builder, x: readonly Value[]) => readonly Value[];
  readonly count: number;
  /** Workspace of `count` * `READ` vectors. */
  readonly halfway: number;
  readonly to: number;
  /** From one row of results to the next. */
  readonly rowStep: Value;
}

/** Transforms one vector of each plane, columns and then rows, to `count` rows of `count` vectors. */
export function transformBack(b: L3Builder, s: PlaneSource, from: Value, to: Value): void {
  const { lanes } = b;
  const zero = b.index(0);
  b.loop(zero, b.index(READ), 1, [from, zero], (_, [source, place]) => {
    const column = series(b, source, s.planeRow, READ).map((at) => b.load(s.from, at, { lanes }));
    s.transform(b, column).forEach((v, row) => b.store(s.halfway, place, v, { offset: row * READ * lanes }));
    return [b.add(source, s.plane), b.add(place, b.index(lanes))];
  });
  b.loop(zero, b.index(s.count), 1, [zero, to], (_, [source, place]) => {
    const row = Array.from({ length: READ }, (_x, j) =>
      b.load(s.halfway, source, { lanes, offset: j * lanes }),
    );
    s.transform(b, row).forEach((v, j) => b.store(s.to, place, v, { offset: j * lanes }));
    return [b.add(source, b.index(READ * lanes)), b.add(place, s.rowStep)];
  });
}

/** Sets to zero what images never reach. */
export function clearEdges(b: L3Builder, s: TileSource): void {
  fillZeros(b, s.near, b.mul(s.width, b.index(b.lanes)));
  fillZeros(b, s.vertical, b.mul(verticalPlane(b, s), b.index(READ)));
}

/** `count` elements of a channel and those behind it as vectors of channels, behind the row of zeros. */
function turnRows(b: L3Builder, s: TileSource, start: Value, count: Value): void {
  const { lanes } = b;
  const [imageSize, rowFloats] = [b.mul(s.height, s.width), b.mul(s.width, b.index(lanes))];
  b.forEach(b.index(0), count, lanes, (i) => {
    // The last block ends where the rows do.
    const at = b.sub(b.min(b.add(i, b.index(lanes)), count), b.index(lanes));
    const places = series(b, b.add(start, at), imageSize, lanes);
    const block = transposed(
      b,
      places.map((place) => b.load(s.image, place, { lanes })),
    );
    const to = b.add(rowFloats, b.mul(at, b.index(lanes)));
    block.forEach((v, j) => b.store(s.near, to, v, { offset: j * lanes }));
  });
}

/** One row of tiles of `lanes` channels; `nearRow` is the row of the image that lies behind the row of zeros. */
function transformRow(b: L3Builder, s: TileSource, tileRow: Value, nearRow: Value, to: Value): void {
  const { lanes } = b;
  const zero = b.index(0);
  const rowFloats = b.mul(s.width, b.index(lanes));
  const plane = verticalPlane(b, s);
  const [end, first] = [b.add(s.height, s.lowRows), b.mul(tileRow, b.index(RESULTS))];
  const nearest = b.add(s.lowRows, nearRow);
  const places = Array.from({ length: s.taken }, (_, i) => {
    const row = b.add(first, b.index(i));
    const isInside = b.binary('and', b.compare('le', s.lowRows, row), b.compare('lt', row, end));
    const behind = b.add(b.sub(b.max(row, nearest), nearest), b.index(1));
    return b.select(isInside, b.mul(behind, rowFloats), zero);
  });
  const left = b.mul(s.lowColumns, b.index(lanes));
  b.forEach(zero, rowFloats, lanes, (x) => {
    const column = places.map((place) => b.load(s.near, b.add(place, x), { lanes }));
    const ends = series(b, b.add(left, x), plane, READ);
    s.transform(b, column).forEach((v, i) => b.store(s.vertical, ends[i], v));
  });
  b.forEach(zero, s.across, 1, (x) => {
    const from = b.mul(x, b.index(RESULTS * lanes));
    const place = b.add(to, b.mul(x, b.index(s.tileStep)));
    b.loop(zero, b.index(READ), 1, [from, place], (_, [source, target]) => {
      const row = Array.from({ length: s.taken }, (_x, j) =>
        b.load(s.vertical, source, { lanes, offset: j * lanes }),
      );
      const ends = series(b, target, s.plane, READ);
      s.transform(b, row).forEach((v, j) => b.store(s.to, ends[j], v));
      return [b.add(source, plane), b.add(ends[READ - 1], s.plane)];
    });
  });
}

/** Transforms some channels of rows of tiles `from`..`to`, counted through all images. */
export function transformTiles(
  b: L3Builder,
  s: TileSource,
  [firstChannel, endChannel]: readonly [from: Value, to: Value],
  [from, to]: readonly [from: Value, to: Value],
): void {
  const n = (value: number): Value => b.index(value);
  const firstImage = b.div(from, s.down);
  const endImage = b.add(b.div(b.sub(to, n(1)), s.down), n(1));
  b.forEach(firstChannel, endChannel, b.lanes, (channel) => {
    const place = s.placeOf(channel);
    b.forEach(firstImage, endImage, 1, (image) => {
      const before = b.mul(image, s.down);
      const firstTile = b.sub(b.max(from, before), before);
      const endTile = b.sub(b.min(to, b.add(before, s.down)), before);
      const firstRow = b.sub(b.max(b.mul(firstTile, n(RESULTS)), s.lowRows), s.lowRows);
      const reach = b.add(b.mul(endTile, n(RESULTS)), n(s.taken - RESULTS));
      const endRow = b.min(b.sub(b.max(reach, s.lowRows), s.lowRows), s.height);
      const start = b.mul(b.add(b.mul(image, s.channels), channel), b.mul(s.height, s.width));
      turnRows(b, s, b.add(start, b.mul(firstRow, s.width)), b.mul(b.sub(endRow, firstRow), s.width));
      b.forEach(firstTile, endTile, 1, (tileRow) => {
        const tile = b.mul(b.sub(b.add(before, tileRow), from), s.across);
        transformRow(b, s, tileRow, firstRow, b.add(place, b.mul(tile, n(s.tileStep))));
      });
    });
  });
}
