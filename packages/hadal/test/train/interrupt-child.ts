/** Trains until it is interrupted, says so in JSON on its last line, and shows its progress as on a terminal before. */
import { fit, interruptSignal } from '../../src/index.js';
import { DropoutNet, points, seeded } from './models.js';

const [dir] = process.argv.slice(-1);

const net = seeded(() => new DropoutNet());
let begun = false;
const output = { isTTY: true, columns: 100, write: (text: string) => process.stdout.write(text) };
const history = await fit(net, points(400).data, {
  epochs: 100_000,
  loss: 'crossEntropy',
  batchSize: 4,
  signal: interruptSignal(),
  progress: { output },
  checkpoint: { dir, everyEpochs: 1_000_000 },
  callbacks: [
    {
      onBatchEnd: () => {
        if (!begun) process.stderr.write('running\n');
        begun = true;
      },
      // A second signal comes while this waits.
      onInterrupt: () =>
        dir.endsWith('twice') ? new Promise((resolve) => setTimeout(resolve, 10_000)) : undefined,
    },
  ],
});
console.log(
  JSON.stringify({ interrupted: history.interrupted, steps: history.steps, reason: history.stopReason }),
);
// The handlers are gone again.
console.log(JSON.stringify([process.listenerCount('SIGINT'), process.listenerCount('SIGTERM')]));
