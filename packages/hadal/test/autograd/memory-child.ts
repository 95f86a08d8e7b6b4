/** Steps that use all of the tape; prints the JavaScript heap and array buffers after a third of them and at the end, as JSON. */
import { setTimeout as wait } from 'node:timers/promises';
import { autograd, ones, setEngine, type Tensor } from '../../src/index.js';

class Cube extends autograd.Function {
  static forward(ctx: autograd.Context, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return x.mul(x).mul(x);
  }
  static backward(ctx: autograd.Context, grad: Tensor): Tensor {
    const [x] = ctx.savedTensors;
    return grad.mul(x).mul(x).mul(3);
  }
}

/** Memory of dropped array buffers is given back some time after the collection that found them. */
async function used(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await wait(20);
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

await setEngine('reference');
const steps = Number(process.argv.at(-1));
const w = ones([32, 32]).requiresGrad_();
let first = 0;
for (let i = 0; i < steps; i++) {
  const y = Cube.apply(w.mul(0.5)).retainGrad();
  const handle = w.registerHook((g) => g.mul(0.5));
  const [g] = autograd.grad(y.sum(), w, { createGraph: true });
  g.mul(y)
    .sum()
    .backward(null, { inputs: [w, y] });
  autograd.detectAnomaly(() => w.exp().sum().backward());
  y.grad?.dataSync();
  w.grad?.dataSync();
  handle.remove();
  w.grad = null;
  if (i === Math.floor(steps / 3)) first = await used();
}
process.stdout.write(JSON.stringify({ first, last: await used() }));
