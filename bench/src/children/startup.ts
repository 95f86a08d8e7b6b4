/** One training step of the MNIST network in a new process; prints when each part of it was done. `node startup.js ENGINE` */

/** Milliseconds since 1970, which all processes agree on. */
const clock = (): number => performance.timeOrigin + performance.now();

const begun = clock();
const { fromTypedArray, functional: F, nn, optim, setEngine } = await import('hadal');
const imported = clock();
const [name] = process.argv.slice(2);
if (name !== 'native' && name !== 'wasm') throw new RangeError(`no engine is called ${name}`);
await setEngine(name);
const opened = clock();

const net = new nn.Sequential(
  new nn.Linear(784, 256),
  new nn.ReLU(),
  new nn.Linear(256, 128),
  new nn.ReLU(),
  new nn.Linear(128, 10),
);
const optimizer = new optim.AdamW(net.parameters(), { lr: 1e-3 });
const made = clock();

const images = fromTypedArray(
  Float32Array.from({ length: 128 * 784 }, () => Math.random()),
  [128, 784],
);
const digits = fromTypedArray(
  BigInt64Array.from({ length: 128 }, (_, i) => BigInt(i % 10)),
  [128],
);
const loss = F.crossEntropy(net.forward(images), digits);
optimizer.zeroGrad();
loss.backward();
optimizer.step();
const value = Number(loss.itemSync());
const stepped = clock();
if (!(Math.abs(value - Math.log(10)) < 0.5)) throw new RangeError(`a first loss of ${value}`);

console.log(JSON.stringify({ begun, imported, opened, made, stepped }));
