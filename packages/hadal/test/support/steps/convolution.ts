/** Convolutions and pooling. */
import type { Tensor } from '../../../src/index.js';
import * as C from '../../../src/nn/functional/convolution.js';
import * as P from '../../../src/nn/functional/pooling.js';
import type { Parameter, Rule } from './parameters.js';

const options = (p: Parameter | undefined): object => (p ?? {}) as unknown as object;
const sizes = (p: Parameter | undefined): number | number[] => p as number | number[];

type Conv = (x: Tensor, w: Tensor, b: Tensor | null, o: object) => Tensor;
type Pool = (x: Tensor, k: number | number[], o: object) => Tensor;

const conv =
  (fn: Conv): Rule =>
  ([x, w, b], [o]) =>
    fn(x, w, b ?? null, options(o));
const pool =
  (fn: Pool): Rule =>
  ([x], [k, o]) =>
    fn(x, sizes(k), options(o));

export const convolutionSteps: { readonly [name: string]: Rule } = {
  conv1d: conv(C.conv1d),
  conv2d: conv(C.conv2d),
  conv3d: conv(C.conv3d),
  convTranspose1d: conv(C.convTranspose1d),
  convTranspose2d: conv(C.convTranspose2d),
  maxPool1d: pool(P.maxPool1d),
  maxPool2d: pool(P.maxPool2d),
  avgPool1d: pool(P.avgPool1d),
  avgPool2d: pool(P.avgPool2d),
  adaptiveAvgPool2d: pool(P.adaptiveAvgPool2d),
  adaptiveMaxPool2d: pool(P.adaptiveMaxPool2d),
};
