/** Three linear layers: products and little else. */
import { nn, type Tensor } from 'hadal';
import type { Model } from './model.js';

const SIZES = [784, 1024, 1024, 10];
const BATCH = 256;

class Mlp extends nn.Module {
  readonly layers = SIZES.slice(1).map((out, i) => new nn.Linear(SIZES[i], out));

  override forward(x: Tensor): Tensor {
    return this.layers.reduce((y, layer, i) => layer.forward(i === 0 ? y : y.relu()), x);
  }
}

const layerFlops = SIZES.slice(1).map((out, i) => 2 * SIZES[i] * out);
const forwardFlops = layerFlops.reduce((sum, flops) => sum + flops, 0);

export const mlp: Model = {
  name: 'mlp',
  input: { shape: [BATCH, SIZES[0]] },
  target: { shape: [BATCH], classes: 10 },
  optimizer: { kind: 'sgd', lr: 0.01, momentum: 0 },
  forwardFlops,
  // The input of the first layer has no gradient.
  trainFlops: BATCH * (3 * forwardFlops - layerFlops[0]),
  make: () => new Mlp(),
};
