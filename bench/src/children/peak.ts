/** The most memory that a process holds which trains a model for some steps. `node peak.js ENGINE MODEL STEPS THREADS` */
import { config, setEngine, type Tensor } from 'hadal';
import * as models from '../models/index.js';

const [name, modelName, count, threads] = process.argv.slice(2);
if (name !== 'native' && name !== 'wasm') throw new RangeError(`no engine is called ${name}`);
const model = [models.mlp, models.cnn, models.resnet18, models.gpt, models.lstm].find(
  (m) => m.name === modelName,
);
if (model === undefined) throw new RangeError(`no model is called ${modelName}`);
await setEngine(name);
config.numThreads = Number(threads);

const net = model.make();
models.setParameters(net);
const optimizer = models.makeOptimizer(model.optimizer, net);
for (let step = 0; step < Number(count); step++) {
  const losses: Tensor[] = [];
  models.trainOn(net, optimizer, [models.makeBatch(model, 0, step)], losses);
  const value = Number(losses[0].itemSync());
  if (!Number.isFinite(value)) throw new RangeError(`step ${step}: a loss of ${value}`);
}
console.log(JSON.stringify({ peak: 1024 * process.resourceUsage().maxRSS }));
