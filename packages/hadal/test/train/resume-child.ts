/**
 * Trains a small network with checkpoints and writes the bytes of its weights, the history and the random state to a file when
 * it is done. It goes on from the checkpoints that it finds, so it may be killed at any moment and started again.
 *
 * Arguments: the folder, and how many steps pass between checkpoints. Waits a moment after each step, so that whoever kills it can
 * hit any of them.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { callbacks, fit, getRngState, optim } from '../../src/index.js';
import { bytesOf, DropoutNet, points, seeded } from './models.js';

export interface RunOptions {
  readonly dir: string;
  readonly everySteps: number;
  /** Milliseconds to wait after each step. */
  readonly pause: number;
}

/** The run that is killed, and the one that is not. */
export async function train({ dir, everySteps, pause }: RunOptions): Promise<string> {
  const net = seeded(() => new DropoutNet());
  const { data } = points(100);
  const optimizer = new optim.AdamW(net.parameters(), { lr: 0.02 });
  const history = await fit(net, data, {
    epochs: 6,
    loss: 'crossEntropy',
    optimizer,
    metrics: ['accuracy', 'f1'],
    validation: 0.2,
    batchSize: 12,
    schedule: new optim.lrScheduler.StepLR(optimizer, 3, { gamma: 0.7 }),
    scheduleEvery: 'step',
    clipNorm: 1,
    callbacks: [
      new callbacks.EarlyStopping({ patience: 3, restoreBest: true }),
      new callbacks.ReduceLROnPlateau({ monitor: 'loss', patience: 1 }),
      new callbacks.CSVLogger(join(dir, 'log.csv')),
      { onStepEnd: () => new Promise((resolve) => setTimeout(resolve, pause)) },
    ],
    checkpoint: { dir: join(dir, 'checkpoints'), everySteps, everyEpochs: 1, keep: 2 },
    resume: true,
    progress: false,
  });
  return JSON.stringify({
    weights: bytesOf(net),
    epochs: history.epochs,
    figures: history.figures,
    steps: history.steps,
    random: getRngState(),
    lr: optimizer.lr,
  });
}

const [mode, dir, everySteps] = process.argv.slice(-3);
if (mode === 'child') {
  const result = await train({ dir, everySteps: Number(everySteps), pause: 3 });
  writeFileSync(join(dir, 'result.json'), result);
}
