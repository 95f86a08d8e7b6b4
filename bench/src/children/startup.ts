/** One training step of a network in a new process; prints when each part of it was done. `node startup.js ENGINE MODEL THREADS` */

import type { Tensor } from 'hadal';

/** Milliseconds since 1970, which all processes agree on. */
const clock = (): number => performance.timeOrigin + performance.now();

const begun = clock();
const { config, setEngine } = await import('hadal');
const imported = clock();
const [name, modelName, threads] = process.argv.slice(2);
if (modelName !== 'tiny' && modelName !== 'mlp' && modelName !== 'cnn')
  throw new RangeError(`no model is called ${modelName}`);
if (name !== 'native' && name !== 'wasm') throw new RangeError(`no engine is called ${name}`);
await setEngine(name);
config.numThreads = Number(threads);
const opened = clock();
// Of the benchmark, not of hadal: no part of any of the times but the model's.
const models = await import('../models/index.js');

const model = { tiny: models.tiny, mlp: models.mlp, cnn: models.cnn }[modelName];
const net = model.make();
models.setParameters(net);
const optimizer = models.makeOptimizer(model.optimizer, net);
const made = clock();

const losses: Tensor[] = [];
models.trainOn(net, optimizer, [models.makeBatch(model, 0, 0)], losses);
const [loss] = losses;
const value = Number(loss.itemSync());
const stepped = clock();
if (!(Math.abs(value - Math.log(10)) < 0.5)) throw new RangeError(`a first loss of ${value}`);

console.log(JSON.stringify({ begun, imported, opened, made, stepped }));
