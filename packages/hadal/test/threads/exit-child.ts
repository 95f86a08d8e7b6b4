/** Starts worker threads, uses them, and ends: by running out of work, by `process.exit`, or while they still look for work. */

import { compileWasm } from '../../src/codegen/wasm/index.js';
import { CompiledBackend } from '../../src/engine/compiled.js';
import { Engine } from '../../src/engine/engine.js';
import { fromTypedArray } from '../../src/index.js';
import { openWasm } from '../../src/runtime/wasm/index.js';
import { Workspace, withWorkspace } from '../../src/tensor/workspace.js';

const how = process.argv.slice(-1)[0];
const opened = openWasm({ threaded: true, shares: { count: 3, leastShareNs: 0 } });
if (!opened.ok) throw new Error(opened.reason);
const { device } = opened;
const backend = new CompiledBackend('wasm', 'wasm', device, (fn) => ({
  code: compileWasm(fn, { relaxed: device.support.relaxed, shared: device.shared }),
  listing: () => '',
}));
withWorkspace(new Workspace(new Engine(backend)), () => {
  const x = fromTypedArray(new Float32Array(10_000).fill(1), [100, 100]);
  while (device.readyWorkers < 2 && performance.now() < 15_000) x.matmul(x).dataSync();
  if (how !== 'busy') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  console.log(JSON.stringify({ readyAt: performance.now(), workers: device.readyWorkers }));
  if (how === 'exit') process.exit(0);
});
