/**
 * Resident memory over many training steps of the tiny network. `node memory.js ENGINE sync|await STEPS THREADS`; prints the resident
 * bytes after every two-hundredth of them, and what of them are ArrayBuffers and V8's heap at the end.
 */
import { config, functional as F, fromTypedArray, nn, optim, setEngine } from 'hadal';

const [name, mode, count, threads] = process.argv.slice(2);
if (name !== 'native' && name !== 'wasm') throw new RangeError(`no engine is called ${name}`);
const steps = Number(count);
const every = Math.ceil(steps / 200);

await setEngine(name);
config.numThreads = Number(threads);
const net = new nn.Sequential(new nn.Linear(64, 64), new nn.ReLU(), new nn.Linear(64, 10));
const optimizer = new optim.Adam(net.parameters(), { lr: 1e-3 });
const images = new Float32Array(32 * 64);
const digits = new BigInt64Array(32);
const resident: { [step: string]: number } = {};

function train(step: number) {
  for (let i = 0; i < images.length; i++) images[i] = Math.sin(step * 7 + i);
  for (let i = 0; i < digits.length; i++) digits[i] = BigInt((step + i) % 10);
  const loss = F.crossEntropy(net.forward(fromTypedArray(images, [32, 64])), fromTypedArray(digits, [32]));
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  return loss;
}

const begun = performance.now();
if (mode === 'await') {
  for (let step = 1; step <= steps; step++) {
    await train(step).item();
    if (step % every === 0) resident[step] = process.memoryUsage.rss();
  }
} else {
  for (let step = 1; step <= steps; step++) {
    train(step);
    if (step % every === 0) resident[step] = process.memoryUsage.rss();
  }
}
const ms = (performance.now() - begun) / steps;
const { arrayBuffers, heapUsed } = process.memoryUsage();
console.log(JSON.stringify({ ...resident, ms, arrayBuffers, heapUsed }));
