/**
 * Trains a tiny network and prints its mean resident memory in the second and in the last quarter of the steps, as JSON; for
 * 'scavenged', the memory of ArrayBuffers before a step and after it, when V8 has gone over its young generation alone; for 'large',
 * how many bytes of them there were at most while large results were dropped one after another.
 */
import {
  compile,
  engine,
  functional as F,
  fromTypedArray,
  HadalError,
  nn,
  optim,
  randn,
  setEngine,
  type Tensor,
} from '../../src/index.js';

const [engineName, mode, count] = process.argv.slice(-3);

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

function large(calls: number): { readonly most: number } {
  const x = randn([4096, 1024]);
  x.dataSync();
  let most = 0;
  // A function of its own: what stands in the registers of a loop is in use until it is overwritten.
  const call = (): void => engine().realize([x.softmax(-1).storage.node]);
  for (let i = 0; i < calls; i++) {
    call();
    most = Math.max(most, process.memoryUsage().arrayBuffers);
  }
  return { most };
}

try {
  await setEngine(engineName as 'native' | 'wasm');
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
  let last = 0;
  let samples = 0;
  let loss: Tensor | null = null;
  if (mode === 'scavenged') {
    process.stdout.write(JSON.stringify(scavenged(() => step(randn([4096, 64]), classes(4096)).itemSync())));
    process.exit();
  }
  if (mode === 'large') {
    process.stdout.write(JSON.stringify(large(steps)));
    process.exit();
  }
  for (let i = 0; i < steps; i++) {
    const x = randn([32, 64]);
    loss = step(x, classes(32));
    if (mode === 'await') await loss.item();
    if (i % 20 !== 0) continue;
    // It goes up and down with V8's heap, by a tenth and more.
    const quarter = Math.floor((i * 4) / steps);
    if (quarter === 1) first += process.memoryUsage.rss();
    if (quarter === 3) last += process.memoryUsage.rss();
    if (quarter === 3) samples++;
  }
  process.stdout.write(
    JSON.stringify({ first: first / samples, last: last / samples, loss: loss?.itemSync() }),
  );
} catch (error) {
  if (!(error instanceof HadalError)) throw error;
  process.stdout.write(JSON.stringify({ skipped: error.message }));
}
