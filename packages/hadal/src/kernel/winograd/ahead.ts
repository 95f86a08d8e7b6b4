/**
 * What Winograd's convolution asks of memory ahead of time: the images of the next block of tiles, while the products of this one are taken.
 * Reading them is a quarter of the time otherwise, in which nothing is multiplied: rows of 16 channels are as many streams, each of a few
 * lines, and the turning that reads them takes less time than memory does.
 */
import { LINE } from '../gemm/ahead.js';
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import type { TileSource } from './images.js';

/** Floats of the images of one block that are asked for at most, half a MiB: more would push what is multiplied out of the second cache. */
const MOST_FLOATS = 1 << 17;

/** Lines of memory, in equal shares. */
export interface Ahead {
  /** Floats from the image's begin on. */
  readonly start: Value;
  readonly lines: Value;
  readonly shares: Value;
}

/** The images that no row of tiles before `to` reads, but one before `end` does. */
export function imagesAhead(b: L3Builder, s: TileSource, to: Value, end: Value, shares: Value): Ahead {
  const imageBefore = (row: Value): Value => b.div(b.add(row, b.sub(s.down, b.index(1))), s.down);
  const image = b.mul(s.channels, b.mul(s.height, s.width));
  const first = imageBefore(to);
  const floats = b.mul(b.sub(b.max(imageBefore(end), first), first), image);
  const isFew = b.compare('le', floats, b.index(MOST_FLOATS));
  const lines = b.select(isFew, b.div(floats, b.index(LINE)), b.index(0));
  return { start: b.mul(first, image), lines, shares };
}

/** Asks for the lines of shares `from`..`to`. */
export function askFor(
  b: L3Builder,
  buffer: number,
  { start, lines, shares }: Ahead,
  from: Value,
  to: Value,
): void {
  const lineOf = (share: Value): Value => b.div(b.mul(share, lines), shares);
  b.forEach(lineOf(from), lineOf(to), 1, (line) =>
    b.prefetch('load', buffer, b.add(start, b.mul(line, b.index(LINE)))),
  );
}
