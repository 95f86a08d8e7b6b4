/**
 * Trains a network on MNIST and tests it: the program behind `npm start`.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import {
  DataLoader,
  type Dataset,
  engine,
  functional as F,
  HadalError,
  manualSeed,
  nn,
  noGrad,
  optim,
  ProgressLine,
  setEngine,
  type Tensor,
} from 'hadal';
import { mnist } from 'hadal/datasets';
import { type Options, readOptions } from './options.js';

type Digits = Dataset<[Tensor, Tensor]>;

/** Three linear layers. [N, 1, 28, 28] images in, [N, 10] logits out. */
class Net extends nn.Module {
  readonly hidden1 = new nn.Linear(28 * 28, 256);
  readonly hidden2 = new nn.Linear(256, 128);
  readonly output = new nn.Linear(128, 10);
  readonly dropout = new nn.Dropout(0.1);

  override forward(images: Tensor): Tensor {
    const x = this.dropout.forward(this.hidden1.forward(images.flatten(1)).relu());
    return this.output.forward(this.hidden2.forward(x).relu());
  }
}

/** How many steps pass between two readings of loss and accuracy: a reading costs a little time, a step should not. */
const readEvery = 20;

const interrupt = { requested: false };

async function main(options: Options): Promise<number> {
  if (options.engine !== undefined) await setEngine(options.engine);
  console.log(`engine: ${engine().name} (${engine().description})`);

  const begun = performance.now();
  const { train, test } = await mnist(options.limit === undefined ? {} : { limit: options.limit });
  console.log(`data: ${count(train.length)} training and ${count(test.length)} test images, ${since(begun)}`);

  manualSeed(options.seed);
  const net = new Net();
  const parameters = [...net.parameters()];
  const size = parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  console.log(`model: 784-256-128-10, ReLU, dropout 0.1, ${count(size)} parameters`);

  const finished = await trainNet(net, train, options);
  if (!finished) return 130;
  const accuracy = await testNet(net, test);
  if (accuracy === undefined) return 130;
  console.log(`total time: ${since(begun)}`);
  console.log(`test accuracy: ${accuracy.toFixed(4)}`);
  return 0;
}

/** Returns whether all epochs ran; false after Ctrl-C. */
async function trainNet(net: Net, train: Digits, options: Options): Promise<boolean> {
  const { epochs, batchSize, lr, seed } = options;
  const loader = new DataLoader(train, { batchSize, shuffle: true, seed });
  const optimizer = new optim.AdamW(net.parameters(), { lr });
  const steps = epochs * loader.length;
  const losses = options.losses === undefined ? undefined : openSync(options.losses, 'w');
  let step = 0;
  net.train();
  try {
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const progress = new ProgressLine({ label: `epoch ${epoch}/${epochs}`, total: loader.length });
      const seen = { batches: 0, samples: 0, loss: 0, correct: 0, readings: 0, read: 0 };
      try {
        for await (const [images, digits] of loader) {
          optimizer.lr = lr * (1 - step / steps);
          const logits = net.forward(images);
          const loss = F.crossEntropy(logits, digits);
          optimizer.zeroGrad();
          loss.backward();
          optimizer.step();

          step++;
          seen.batches++;
          seen.samples += digits.shape[0];
          if (losses !== undefined) {
            writeSync(losses, `${JSON.stringify({ step, loss: Number(await loss.item()) })}\n`);
          }
          if (seen.batches % readEvery === 0 || seen.batches === loader.length) {
            seen.loss += Number(await loss.item());
            seen.correct += await correctOf(logits, digits);
            seen.readings++;
            seen.read += digits.shape[0];
          }
          const metrics =
            seen.readings === 0
              ? {}
              : { loss: seen.loss / seen.readings, accuracy: seen.correct / seen.read };
          progress.update(seen.batches, { samples: seen.samples, metrics });
          if (interrupt.requested) break;
        }
        if (interrupt.requested) {
          progress.abandon();
          console.log(
            `stopped in epoch ${epoch} of ${epochs} after step ${seen.batches} of ${loader.length} ` +
              `(${count(step)} steps, ${count((epoch - 1) * train.length + seen.samples)} images in all)`,
          );
          return false;
        }
        progress.finish();
      } finally {
        progress.abandon();
      }
    }
    return true;
  } finally {
    if (losses !== undefined) closeSync(losses);
  }
}

/** The share of digits recognised; undefined after Ctrl-C. */
async function testNet(net: Net, test: Digits): Promise<number | undefined> {
  const loader = new DataLoader(test, { batchSize: 500 });
  let correct = 0;
  net.eval();
  for await (const [images, digits] of loader) {
    const logits = noGrad(() => net.forward(images));
    correct += await correctOf(logits, digits);
    if (interrupt.requested) {
      console.log('stopped in the test; the training was complete');
      return undefined;
    }
  }
  return correct / test.length;
}

/** How many rows of [N, 10] logits are largest at their digit. */
async function correctOf(logits: Tensor, digits: Tensor): Promise<number> {
  return Number(await noGrad(() => logits.argmax(1).eq(digits).sum()).item());
}

function count(n: number): string {
  return n.toLocaleString('en-US');
}

function since(begun: number): string {
  return `${((performance.now() - begun) / 1000).toFixed(1)} s`;
}

const command = readOptions(process.argv.slice(2));
if (command.kind === 'exit') {
  (command.code === 0 ? process.stdout : process.stderr).write(command.text);
  process.exitCode = command.code;
} else {
  // The first Ctrl-C lets the step end; without a handler left, a second one ends the process at once.
  process.once('SIGINT', () => {
    interrupt.requested = true;
  });
  try {
    process.exitCode = await main(command.options);
  } catch (error) {
    const expected = error instanceof HadalError || (error instanceof Error && 'syscall' in error);
    console.error(expected ? `${error.name}: ${error.message}` : error);
    process.exitCode = 1;
  }
}
