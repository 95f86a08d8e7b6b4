/**
 * winograd: a convolution of 3x3 kernels, step 1, that runs by Winograd's algorithm. It is no op of the table: decomposition puts it in place
 * of a conv. Its attributes are the rows and columns of padding ahead of the image, and whether the second input is the kernel of the
 * convolution whose gradient this is: with features and channels swapped, and each kernel walked backwards.
 */
import { convAttributes, winogradDims } from '../../base/attributes.js';
import { InternalError } from '../../base/errors.js';
import type { Shape } from '../../base/shape.js';
import { RESULTS } from '../../kernel/winograd/tiles.js';
import type { ArrayOp, PlainArray } from '../op.js';
import { savesNothing } from '../op.js';
import { forEachIndex, newArray } from './arrays.js';
import { conv } from './conv.js';

/** [A, B, 3, 3] to [B, A, 3, 3], each kernel walked backwards. */
function turnedKernel({ shape: [a, b], dtype, data }: PlainArray): PlainArray {
  const shape = [b, a, 3, 3];
  const out = newArray(dtype, shape);
  if (data instanceof BigInt64Array || out instanceof BigInt64Array)
    throw new InternalError('winograd is of float32');
  for (let i = 0; i < b; i++)
    for (let j = 0; j < a; j++)
      for (let tap = 0; tap < 9; tap++) out[(i * a + j) * 9 + tap] = data[(j * b + i) * 9 + 8 - tap];
  return { shape, dtype, data: out };
}

export const winograd: ArrayOp = {
  kind: 'conv',
  name: 'winograd',
  saves: savesNothing,
  vjp: null,
  reference: ([x, w], attributes, shape: Shape, dtype) => {
    const { low, isTurned } = winogradDims(attributes);
    const high = low.map((before, i) => shape[i + 2] + 2 - x.shape[i + 2] - before);
    const ones = [1, 1];
    const dims = convAttributes({
      strides: ones,
      low,
      high,
      lhsDilation: ones,
      rhsDilation: ones,
      featureGroups: 1,
      batchGroups: 1,
    });
    return conv.reference([x, isTurned ? turnedKernel(w) : w], dims, shape, dtype);
  },
};

/**
 * winogradGrad: the gradient of such a convolution's kernel from images [samples, channels, height, width] and the gradient of its result. Its
 * result is [groups, features, channels, 3, 3], the gradient of as many groups of rows of tiles: their sum is what is meant. It takes the
 * same attributes; its kernel is never turned.
 */
export const winogradGrad: ArrayOp = {
  kind: 'conv',
  name: 'winogradGrad',
  saves: savesNothing,
  vjp: null,
  reference: ([x, g], attributes, shape: Shape, dtype) => {
    const { low } = winogradDims(attributes);
    const [samples, channels, height, width] = x.shape;
    const [, features, rows, columns] = g.shape;
    const out = newArray(dtype, shape);
    const [groups] = shape;
    const down = Math.ceil(rows / RESULTS);
    const first = (group: number): number => Math.floor((group * samples * down) / groups);
    forEachIndex(shape, ([group, feature, channel, ...tap], flat) => {
      let sum = 0;
      forEachIndex([samples, rows, columns], ([sample, row, column]) => {
        const tileRow = sample * down + Math.floor(row / RESULTS);
        if (tileRow < first(group) || tileRow >= first(group + 1)) return;
        const [y, z] = [row + tap[0] - low[0], column + tap[1] - low[1]];
        if (y < 0 || y >= height || z < 0 || z >= width) return;
        const element = ((sample * channels + channel) * height + y) * width + z;
        const gradient = ((sample * features + feature) * rows + row) * columns + column;
        sum += Number(x.data[element]) * Number(g.data[gradient]);
      });
      if (!(out instanceof BigInt64Array)) out[flat] = sum;
    });
    return out;
  },
};
