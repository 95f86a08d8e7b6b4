/**
 * ResNet-18 (He et al. 2016) with batch norm and stages of stride 2: in the form for 32x32 images (section 4.2's stem, 10 classes; SGD with
 * momentum), and in that of ImageNet (a 7x7 stem by 2, a max-pool by 2, 1000 classes; 224x224).
 */
import { functional as F, nn, type Tensor } from 'hadal';
import type { Model } from './model.js';

const WIDTHS = [64, 128, 256, 512];

interface Form {
  readonly name: string;
  readonly batch: number;
  readonly side: number;
  readonly classes: number;
  readonly stem: { readonly kernel: number; readonly stride: number; readonly pools: boolean };
}

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
  readonly conv: nn.Conv2d;
  readonly bn = new nn.BatchNorm2d(WIDTHS[0]);
  readonly blocks = new nn.Sequential(
    ...WIDTHS.flatMap((width, stage) => {
      const from = WIDTHS[Math.max(0, stage - 1)];
      return [new Block(from, width, stage === 0 ? 1 : 2), new Block(width, width, 1)];
    }),
  );
  readonly head: nn.Linear;
  readonly #pools: boolean;

  constructor({ classes, stem }: Form) {
    super();
    const { kernel, stride } = stem;
    this.conv = new nn.Conv2d(3, WIDTHS[0], kernel, { stride, padding: kernel >> 1, bias: false });
    this.head = new nn.Linear(512, classes);
    this.#pools = stem.pools;
  }

  override forward(x: Tensor): Tensor {
    const y = this.bn.forward(this.conv.forward(x)).relu();
    const stem = this.#pools ? F.maxPool2d(y, 3, { stride: 2, padding: 1 }) : y;
    return this.head.forward(F.adaptiveAvgPool2d(this.blocks.forward(stem), 1).flatten(1));
  }
}

function modelOf(form: Form): Model {
  const { name, batch, side, classes, stem } = form;
  const stemSide = side / stem.stride;
  const stemFlops = 2 * 3 * stem.kernel ** 2 * WIDTHS[0] * stemSide ** 2;
  const firstSide = stem.pools ? stemSide / 2 : stemSide;
  const stages = WIDTHS.reduce((sum, width, stage) => {
    const from = WIDTHS[Math.max(0, stage - 1)];
    const pixels = (firstSide >> stage) ** 2;
    const shortcut = stage === 0 ? 0 : from * width;
    return sum + 2 * pixels * (9 * from * width + 3 * 9 * width * width + shortcut);
  }, 0);
  const forwardFlops = stemFlops + stages + 2 * 512 * classes;
  return {
    name,
    input: { shape: [batch, 3, side, side] },
    target: { shape: [batch], classes },
    optimizer: { kind: 'sgd', lr: 0.001, momentum: 0.9 },
    forwardFlops,
    trainFlops: batch * (3 * forwardFlops - stemFlops),
    make: () => new ResNet18(form),
  };
}

export const resnet18 = modelOf({
  name: 'resnet18',
  batch: 16,
  side: 32,
  classes: 10,
  stem: { kernel: 3, stride: 1, pools: false },
});

export const resnet18At224 = modelOf({
  name: 'resnet18 at 224',
  batch: 1,
  side: 224,
  classes: 1000,
  stem: { kernel: 7, stride: 2, pools: true },
});
