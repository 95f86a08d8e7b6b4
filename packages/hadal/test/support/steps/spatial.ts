/** Padding, shuffles, pools of one and three dimensions. */
import { functional as F, type PadMode } from '../../../src/index.js';
import type { Parameter, Rule } from './parameters.js';
import { list, num } from './parameters.js';

const options = (p: Parameter | undefined): object => (p ?? {}) as unknown as object;
const sizes = (p: Parameter | undefined): number | number[] => p as number | number[];

export const spatialSteps: { readonly [name: string]: Rule } = {
  functionalPad: ([x], [amounts, mode, value]) =>
    F.pad(x, list(amounts), { mode: mode as PadMode, value: num(value) }),
  pixelShuffle: ([x], [factor]) => F.pixelShuffle(x, num(factor)),
  pixelUnshuffle: ([x], [factor]) => F.pixelUnshuffle(x, num(factor)),
  channelShuffle: ([x], [groups]) => F.channelShuffle(x, num(groups)),
  localResponseNorm: ([x], [size, o]) => F.localResponseNorm(x, num(size), options(o)),
  maxPool3d: ([x], [k, o]) => F.maxPool3d(x, sizes(k), options(o)),
  avgPool3d: ([x], [k, o]) => F.avgPool3d(x, sizes(k), options(o)),
  lpPool1d: ([x], [p, k, o]) => F.lpPool1d(x, num(p), sizes(k), options(o)),
  lpPool2d: ([x], [p, k, o]) => F.lpPool2d(x, num(p), sizes(k), options(o)),
  adaptiveAvgPool1d: ([x], [size]) => F.adaptiveAvgPool1d(x, num(size)),
  adaptiveMaxPool1d: ([x], [size]) => F.adaptiveMaxPool1d(x, num(size)),
};
