/** ResNet-18 in the form for 32x32 images (He et al. 2016, section 4.2's stem): batch norm, stride-2 stages, SGD with momentum. */
import { functional as F, nn, type Tensor } from 'hadal';
import type { Model } from './model.js';

const BATCH = 16;
const SIDE = 32;
const WIDTHS = [64, 128, 256, 512];

class Block extends nn.Module {
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly conv2: nn.Conv2d;
  readonly bn2: nn.BatchNorm2d;
  readonly shortcut: nn.Sequential | null;

  constructor(from: number, to: number, stride: number) {
    super();
    this.conv1 = new nn.Conv2d(from, to, 3, { stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(to);
    this.conv2 = new nn.Conv2d(to, to, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(to);
    this.shortcut =
      stride === 1
        ? null
        : new nn.Sequential(new nn.Conv2d(from, to, 1, { stride, bias: false }), new nn.BatchNorm2d(to));
  }

  override forward(x: Tensor): Tensor {
    const inner = this.bn1.forward(this.conv1.forward(x)).relu();
    const sum = this.bn2.forward(this.conv2.forward(inner)).add(this.shortcut?.forward(x) ?? x);
    return sum.relu();
  }
}

class ResNet18 extends nn.Module {
  readonly conv = new nn.Conv2d(3, WIDTHS[0], 3, { padding: 1, bias: false });
  readonly bn = new nn.BatchNorm2d(WIDTHS[0]);
  readonly blocks = new nn.Sequential(
    ...WIDTHS.flatMap((width, stage) => {
      const from = WIDTHS[Math.max(0, stage - 1)];
      return [new Block(from, width, stage === 0 ? 1 : 2), new Block(width, width, 1)];
    }),
  );
  readonly head = new nn.Linear(512, 10);

  override forward(x: Tensor): Tensor {
    const maps = this.blocks.forward(this.bn.forward(this.conv.forward(x)).relu());
    return this.head.forward(F.adaptiveAvgPool2d(maps, 1).flatten(1));
  }
}

const stem = 2 * 3 * 9 * WIDTHS[0] * SIDE ** 2;

const forwardFlops =
  stem +
  WIDTHS.reduce((sum, width, stage) => {
    const from = WIDTHS[Math.max(0, stage - 1)];
    const pixels = (SIDE >> stage) ** 2;
    const shortcut = stage === 0 ? 0 : from * width;
    return sum + 2 * pixels * (9 * from * width + 3 * 9 * width * width + shortcut);
  }, 0) +
  2 * 512 * 10;

export const resnet18: Model = {
  name: 'resnet18',
  input: { shape: [BATCH, 3, SIDE, SIDE] },
  target: { shape: [BATCH], classes: 10 },
  optimizer: { kind: 'sgd', lr: 0.001, momentum: 0.9 },
  forwardFlops,
  trainFlops: BATCH * (3 * forwardFlops - stem),
  make: () => new ResNet18(),
};
