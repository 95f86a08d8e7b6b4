/**
 * Trains a network on MNIST inside of a worker, so that the page stays alive while it computes. Workers may also sleep, which a page's
 * own thread may not.
 */
import {
  ArrayColumn,
  ColumnDataset,
  config,
  DataLoader,
  engine,
  functional as F,
  manualSeed,
  nn,
  noGrad,
  optim,
  parseIdx,
  ScaledBytesColumn,
  type Tensor,
} from 'hadal';
import type { Message, Start } from './messages.js';

interface Scope {
  onmessage: ((event: { readonly data: Start }) => void) | null;
  postMessage(message: Message): void;
}
const scope = globalThis as unknown as Scope;

type Digits = ColumnDataset<[Tensor, Tensor]>;

/** Mean and standard deviation of the training pixels scaled to [0, 1]. */
const mean = 0.1307;
const deviation = 0.3081;
const BATCH = 128;

/** The `cnn` that hadal's benchmarks train. */
class Network extends nn.Module {
  readonly conv1 = new nn.Conv2d(1, 32, 3);
  readonly conv2 = new nn.Conv2d(32, 64, 3);
  readonly hidden = new nn.Linear(9216, 128);
  readonly head = new nn.Linear(128, 10);

  override forward(x: Tensor): Tensor {
    const y = this.conv2.forward(this.conv1.forward(x).relu()).relu();
    return this.head.forward(this.hidden.forward(F.maxPool2d(y, 2).flatten(1)).relu());
  }
}

async function bytes(name: string): Promise<Uint8Array> {
  const response = await fetch(`/data/${name}`);
  if (!response.ok) throw new Error(`the server has no ${name} (status ${response.status})`);
  return new Uint8Array(await response.arrayBuffer());
}

async function digits(prefix: string, limit: number): Promise<Digits> {
  const [images, labels] = await Promise.all(
    ['images-idx3', 'labels-idx1'].map(async (kind) => {
      const name = `${prefix}-${kind}-ubyte`;
      return parseIdx(await bytes(name), name);
    }),
  );
  if (images.dtype !== 'uint8' || labels.dtype !== 'uint8') throw new Error('these are no digits');
  const count = Math.min(limit, images.shape[0]);
  return new ColumnDataset<[Tensor, Tensor]>([
    new ScaledBytesColumn(images.data.slice(0, count * 784), [count, 1, 28, 28], {
      scale: 1 / (255 * deviation),
      shift: -mean / deviation,
    }),
    new ArrayColumn(BigInt64Array.from(labels.data.slice(0, count), BigInt), [count], 'int64'),
  ]);
}

async function accuracy(net: Network, data: Digits): Promise<number> {
  let right = 0;
  for await (const [x, y] of new DataLoader(data, { batchSize: 500 })) {
    right += Number(await noGrad(() => net.forward(x).argmax(1).eq(y).sum()).item());
  }
  return right / data.length;
}

async function train({ epochs, images, testImages, threads }: Start): Promise<void> {
  if (threads !== null) config.numThreads = threads;
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === true;
  scope.postMessage({
    kind: 'ready',
    engine: engine().description,
    threads: isolated ? config.numThreads : 1,
    isolated,
  });
  const [data, test] = [await digits('train', images), await digits('t10k', testImages)];
  manualSeed(1);
  const net = new Network();
  const optimizer = new optim.AdamW(net.parameters(), { lr: 1e-3 });
  const loader = new DataLoader(data, { batchSize: BATCH, shuffle: true, dropLast: true });
  const steps = Math.floor(data.length / BATCH);
  let trained = 0;
  let trainedMs = 0;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    let step = 0;
    for await (const [x, y] of loader) {
      const begun = performance.now();
      optimizer.zeroGrad();
      const loss = F.crossEntropy(net.forward(x), y);
      loss.backward();
      optimizer.step();
      const value = Number(await loss.item());
      const ms = performance.now() - begun;
      // The first steps compile.
      if (epoch > 1 || step >= 3) {
        trained += BATCH;
        trainedMs += ms;
      }
      step++;
      scope.postMessage({
        kind: 'step',
        epoch,
        step,
        steps,
        loss: value,
        imagesPerSecond: (1000 * BATCH) / ms,
      });
    }
    scope.postMessage({ kind: 'epoch', epoch, accuracy: await accuracy(net, test), of: test.length });
  }
  scope.postMessage({
    kind: 'done',
    imagesPerSecond: trainedMs > 0 ? (1000 * trained) / trainedMs : 0,
    seconds: trainedMs / 1000,
  });
}

scope.onmessage = ({ data }) => {
  train(data).catch((error: unknown) => {
    scope.postMessage({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  });
};
