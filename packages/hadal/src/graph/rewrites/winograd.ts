/**
 * Which convolutions run by Winograd's algorithm (see `kernel/winograd/transforms.ts`): those of 3x3 kernels, step 1, of float32, that are
 * large enough for the fewer multiplications to be worth the transforms. It depends on shapes and the target alone.
 */
import type { ConvDims } from '../../base/attributes.js';
import { winogradAttributes } from '../../base/attributes.js';
import type { Shape } from '../../base/shape.js';
import { CHANNELS_TOGETHER, gradientGroups, READ, RESULTS } from '../../kernel/winograd/tiles.js';
import { winograd, winogradGrad } from '../ops/winograd.js';
import type { Position, TemplateEmitter } from '../template-emitter.js';
import { turnedSource } from './turned-kernel.js';

/**
 * Cycles that a core with vectors of 16 takes: for a multiplication of vectors, as the gemm template and as Winograd's products do them; to
 * transform a tile of 16 channels or of 16 features, or a kernel of 16 features, one way or the other.
 */
const DIRECT = 1.3;
const PRODUCT = 1.3;
const TRANSFORM = 300;
/** What it has to save by estimate: estimates are rough. */
const WORTH = 0.85;

/** @param shape of the result of the convolution, or of its gradient, @param filled tiles that products take the time of, for a number of them */
function isWorth(
  [samples, features, rows, columns]: Shape,
  channels: number,
  filled: (tiles: number) => number,
): boolean {
  const tiles = samples * Math.ceil(rows / RESULTS) * Math.ceil(columns / RESULTS);
  const pairs = (channels * features) / 16;
  const direct = samples * rows * columns * 9 * pairs * DIRECT;
  const products = READ * READ * filled(tiles) * pairs * PRODUCT;
  const transforms = (tiles * (channels * TRANSFORM + features * TRANSFORM)) / 16 + pairs * TRANSFORM;
  return products + transforms < WORTH * direct;
}

/** Whether the rows that any row of tiles reads fill a vector of every target. */
function fillsVectors([height, width]: Shape, low: number, rows: number, taken: number): boolean {
  for (let first = 0; first < rows; first += RESULTS) {
    const from = Math.max(first - low, 0);
    const to = Math.min(first - low + taken, height);
    if ((to - from) * width < CHANNELS_TOGETHER) return false;
  }
  return true;
}

/** Whether a convolution has neither steps nor gaps nor groups. */
function isPlain(d: ConvDims): boolean {
  return [...d.strides, ...d.lhsDilation, ...d.rhsDilation, d.featureGroups, d.batchGroups].every(
    (s) => s === 1,
  );
}

const inFours = (tiles: number): number => Math.ceil(tiles / 4) * 4;

/** The convolution by Winograd's algorithm, or null where that does not apply or pay. */
export function winogradConv(
  e: TemplateEmitter,
  x: Position,
  w: Position,
  d: ConvDims,
  shape: Shape,
): Position | null {
  const [features, channels, ...reach] = w.shape;
  const isPadding = (s: number): boolean => s >= 0 && s < 3;
  if (reach.join() !== '3,3' || x.dtype !== 'float32' || w.dtype !== 'float32') return null;
  if (!isPlain(d)) return null;
  if (![...d.low, ...d.high].every(isPadding)) return null;
  if (features % CHANNELS_TOGETHER !== 0 || channels % CHANNELS_TOGETHER !== 0) return null;
  if (!fillsVectors(x.shape.slice(2), d.low[0], shape[2], READ) || !isWorth(shape, channels, inFours))
    return null;
  const source = turnedSource(e, w);
  const attributes = winogradAttributes({ low: [d.low[0], d.low[1]], isTurned: source !== null });
  return e.emit(winograd, [e.inMemory(x), e.inMemory(source ?? w)], attributes, shape, 'float32');
}

/** More sums than this are not kept: 64 MiB. */
const SUMS = 1 << 24;

/** With its first dimensions swapped, as a value in memory. */
function swapped(e: TemplateEmitter, x: Position): Position {
  const n = e.nodes[x.at];
  const isSwap = n.leaf < 0 && n.op.name === 'permute' && n.attributes.join() === '1,0,2,3';
  return e.inMemory(isSwap ? e.position(n.inputs[0]) : e.permute(x, [1, 0, 2, 3]));
}

/**
 * The gradient of a kernel, a convolution of images with samples as channels, by Winograd's algorithm; or null where that does not apply or
 * pay.
 *
 * @param x [channels, samples, height, width], @param g [features, samples, rows, columns], @param shape [channels, features, 3, 3]
 */
export function winogradGradient(
  e: TemplateEmitter,
  x: Position,
  g: Position,
  d: ConvDims,
  shape: Shape,
): Position | null {
  if (shape.slice(2).join() !== '3,3' || x.dtype !== 'float32' || g.dtype !== 'float32') return null;
  if (!isPlain(d) || d.low.some((low) => low < 0 || low > 2)) return null;
  const [features, samples, rows, columns] = g.shape;
  const [channels, , height, width] = x.shape;
  const high = [rows + 2 - height - d.low[0], columns + 2 - width - d.low[1]];
  if (high.some((after) => after < 0 || after > 2)) return null;
  if (features % CHANNELS_TOGETHER !== 0 || channels % CHANNELS_TOGETHER !== 0) return null;
  if (
    !fillsVectors([height, width], d.low[0], rows, READ) ||
    !fillsVectors([rows, columns], 0, rows, RESULTS)
  )
    return null;
  if (READ * READ * channels * features > SUMS) return null;
  // Sums are begun and ended once for all tiles of a block.
  if (!isWorth([samples, features, rows, columns], channels, (tiles) => tiles + 8)) return null;
  const attributes = winogradAttributes({ low: [d.low[0], d.low[1]], isTurned: false });
  const kernel = [features, channels, 3, 3];
  const groups = gradientGroups({ samples, features, rows, columns });
  const parts = e.emit(
    winogradGrad,
    [swapped(e, x), swapped(e, g)],
    attributes,
    [groups, ...kernel],
    'float32',
  );
  const found = e.reshape(groups === 1 ? parts : e.reduce('sum', parts, [0]), kernel);
  return e.permute(found, [1, 0, 2, 3]);
}
