/**
 * Trains a tiny network and prints its resident memory after half of the steps and at the end, as JSON; for 'scavenged', the memory
 * of ArrayBuffers before a step and after it, when V8 has gone over its young generation alone.
 */
import {
  compile,
  functional as F,
  fromTypedArray,
  HadalError,
  nn,
  optim,
  randn,
  setEngine,
  type Tensor,
} from '../../src/index.js';

const [engine, mode, count] = process.argv.slice(-3);

class Tiny extends nn.Module {
  hidden = new nn.Linear(64, 64);
  out = new nn.Linear(64, 10);
  override forward(x: Tensor): Tensor {
    return this.out.forward(this.hidden.forward(x).relu());
  }
}

function classes(count: number): Tensor {
  return fromTypedArray(
    BigInt64Array.from({ length: count }, (_, k) => BigInt(k % 10)),
    [count],
  );
}

/** @param step what leaves garbage behind, and nothing else */
function scavenged(step: () => void): { readonly first: number; readonly last: number } {
  const { gc } = globalThis as { gc?: (options?: { type: 'minor' }) => void };
  if (gc === undefined) throw new Error('this is to be run with --expose-gc');
  for (let i = 0; i < 20; i++) step();
  gc();
  gc();
  const first = process.memoryUsage().arrayBuffers;
  step();
  gc({ type: 'minor' });
  gc({ type: 'minor' });
  return { first, last: process.memoryUsage().arrayBuffers };
}

try {
  await setEngine(engine as 'native' | 'wasm');
  const net = new Tiny();
  const opt = new optim.SGD(net.parameters(), { lr: 0.01 });
  const body = (x: Tensor, y: Tensor): Tensor => {
    const loss = F.crossEntropy(net.forward(x), y);
    opt.zeroGrad();
    loss.backward();
    opt.step();
    return loss;
  };
  const step = mode === 'compiled' ? compile(body) : body;
  const steps = Number(count);
  let first = 0;
  let loss: Tensor | null = null;
  if (mode === 'scavenged') {
    process.stdout.write(JSON.stringify(scavenged(() => step(randn([4096, 64]), classes(4096)).itemSync())));
    process.exit();
  }
  for (let i = 0; i < steps; i++) {
    const x = randn([32, 64]);
    loss = step(x, classes(32));
    if (mode === 'await') await loss.item();
    if (i + 1 === Math.floor(steps / 2)) first = process.memoryUsage.rss();
  }
  process.stdout.write(JSON.stringify({ first, last: process.memoryUsage.rss(), loss: loss?.itemSync() }));
} catch (error) {
  if (!(error instanceof HadalError)) throw error;
  process.stdout.write(JSON.stringify({ skipped: error.message }));
}
