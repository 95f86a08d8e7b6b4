/** Saves checkpoints in a loop until it is killed, and says a line for each: `node checkpoint-child.mjs FOLDER FIRST_STEP KEEP`. */
import { saveCheckpoint } from '../../src/io/checkpoint.js';
import { setEngine, tensor } from '../../src/tensor/index.js';

const [folder, first, keep] = process.argv.slice(-3);
await setEngine('reference');
for (let step = Number(first); ; step++) {
  const model = new Map([['weight', tensor(new Float32Array(1000).fill(step))]]);
  const tensors = new Map([['weight.mean', tensor(new Float32Array(1000).fill(-step))]]);
  await saveCheckpoint(
    folder,
    { step, model, optimizer: { tensors, settings: { lr: 0.1 } }, state: { step } },
    { keep: Number(keep) },
  );
  process.stdout.write(`${step}\n`);
}
