/** Two convolutions, a max-pool and two linear layers on 28x28 images; AdamW. */
import { functional as F, nn, type Tensor } from 'hadal';
import { adam, type Model } from './model.js';

const BATCH = 128;

class Cnn extends nn.Module {
  readonly conv1 = new nn.Conv2d(1, 32, 3);
  readonly conv2 = new nn.Conv2d(32, 64, 3);
  readonly hidden = new nn.Linear(9216, 128);
  readonly head = new nn.Linear(128, 10);

  override forward(x: Tensor): Tensor {
    const y = this.conv2.forward(this.conv1.forward(x).relu()).relu();
    return this.head.forward(this.hidden.forward(F.maxPool2d(y, 2).flatten(1)).relu());
  }
}

const conv1 = 2 * 32 * 9 * 26 * 26;
const conv2 = 2 * 64 * 32 * 9 * 24 * 24;
const linear = 2 * (9216 * 128 + 128 * 10);

export const cnn: Model = {
  name: 'cnn',
  input: { shape: [BATCH, 1, 28, 28] },
  target: { shape: [BATCH], classes: 10 },
  optimizer: adam('adamw'),
  forwardFlops: conv1 + conv2 + linear,
  trainFlops: BATCH * (2 * conv1 + 3 * conv2 + 3 * linear),
  make: () => new Cnn(),
};
