/** Starts worker threads, uses them, and ends: by running out of work, by `process.exit`, or while they still look for work. */
import { fromTypedArray } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { openThreadedWasm } from '../support/threaded-wasm.js';

const how = process.argv.slice(-1)[0];
const { space, device } = openThreadedWasm({ shares: { count: 3, leastShareNs: 0 } });
withWorkspace(space, () => {
  const x = fromTypedArray(new Float32Array(10_000).fill(1), [100, 100]);
  while (device.readyWorkers < 2 && performance.now() < 15_000) x.matmul(x).dataSync();
  if (how !== 'busy') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  console.log(JSON.stringify({ readyAt: performance.now(), workers: device.readyWorkers }));
  if (how === 'exit') process.exit(0);
});
