/**
 * Trains a tiny network and prints, as JSON, how many bytes were in use after a quarter of the steps and after all of them, when
 * V8 had collected its garbage, and how many the process took; for 'scavenged', the memory of ArrayBuffers before a step and after
 * it, when V8 has gone over its young generation alone; for 'large', how many bytes of them there were in the middle (the median)
 * while large results were dropped one after another.
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

const { gc } = globalThis as { gc?: (options?: { type: 'minor' }) => void };

/** What is left when nobody's garbage is: V8's heap and the buffers that its objects hold. */
async function inUse(): Promise<number> {
  if (gc === undefined) throw new Error('this is to be run with --expose-gc');
  // Finalizers run between tasks, and let go of more.
  for (let i = 0; i < 3; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** V8 gives buffers back in a thread of its own. No task runs meanwhile, so no finalizer either. */
function settle(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30);
}

/** @param step what leaves garbage behind, and nothing else */
function scavenged(step: () => void): { readonly first: number; readonly last: number } {
  if (gc === undefined) throw new Error('this is to be run with --expose-gc');
  for (let i = 0; i < 20; i++) step();
  gc();
  settle();
  gc();
  settle();
  const first = process.memoryUsage().arrayBuffers;
  step();
  gc({ type: 'minor' });
  settle();
  gc({ type: 'minor' });
  settle();
  return { first, last: process.memoryUsage().arrayBuffers };
}

async function large(calls: number): Promise<{ readonly median: number }> {
  const x = randn([4096, 1024]);
  x.dataSync();
  const held: number[] = [];
  // A function of its own: what stands in the registers of a loop is in use until it is overwritten.
  const call = (): void => engine().realize([x.softmax(-1).storage.node]);
  for (let i = 0; i < calls; i++) {
    call();
    // V8 gives buffers back in a thread of its own.
    await new Promise((resolve) => setTimeout(resolve, 2));
    held.push(process.memoryUsage().arrayBuffers);
  }
  return { median: held.sort((a, b) => a - b)[calls >> 1] ?? 0 };
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
  if (mode === 'scavenged') {
    process.stdout.write(JSON.stringify(scavenged(() => step(randn([4096, 64]), classes(4096)).itemSync())));
    process.exit();
  }
  if (mode === 'large') {
    process.stdout.write(JSON.stringify(await large(steps)));
    process.exit();
  }
  const train = async (from: number, to: number): Promise<void> => {
    let loss: Tensor | null = null;
    for (let i = from; i < to; i++) {
      loss = step(randn([32, 64]), classes(32));
      if (mode === 'await') await loss.item();
    }
    await loss?.item();
  };
  await train(0, steps / 4);
  const first = { inUse: await inUse(), resident: process.memoryUsage.rss() };
  await train(steps / 4, steps);
  const resident = process.memoryUsage.rss();
  const last = { inUse: await inUse(), resident };
  process.stdout.write(JSON.stringify({ first, last }));
} catch (error) {
  if (!(error instanceof HadalError)) throw error;
  process.stdout.write(JSON.stringify({ skipped: error.message }));
}
