/** Convolutions and pooling. */
import type { Tensor } from '../../../src/index.js';
import * as C from '../../../src/nn/functional/convolution.js';
import * as P from '../../../src/nn/functional/pooling.js';
import * as G from '../../../src/nn/grad.js';
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
type InputGradient = (size: readonly number[], w: Tensor, g: Tensor, o: object) => Tensor;
type WeightGradient = (x: Tensor, size: readonly number[], g: Tensor, o: object) => Tensor;

const ofInput =
  (fn: InputGradient): Rule =>
  ([w, g], [size, o]) =>
    fn(size as number[], w, g, options(o));
const ofWeight =
  (fn: WeightGradient): Rule =>
  ([x, g], [size, o]) =>
    fn(x, size as number[], g, options(o));

export const convolutionSteps: { readonly [name: string]: Rule } = {
  conv1d: conv(C.conv1d),
  conv2d: conv(C.conv2d),
  conv3d: conv(C.conv3d),
  convTranspose1d: conv(C.convTranspose1d),
  convTranspose2d: conv(C.convTranspose2d),
  'nn.grad.conv1dInput': ofInput(G.conv1dInput),
  'nn.grad.conv1dWeight': ofWeight(G.conv1dWeight),
  'nn.grad.conv2dInput': ofInput(G.conv2dInput),
  'nn.grad.conv2dWeight': ofWeight(G.conv2dWeight),
  'nn.grad.conv3dInput': ofInput(G.conv3dInput),
  'nn.grad.conv3dWeight': ofWeight(G.conv3dWeight),
  maxPool1d: pool(P.maxPool1d),
  maxPool2d: pool(P.maxPool2d),
  avgPool1d: pool(P.avgPool1d),
  avgPool2d: pool(P.avgPool2d),
  adaptiveAvgPool2d: pool(P.adaptiveAvgPool2d),
  adaptiveMaxPool2d: pool(P.adaptiveMaxPool2d),
};
