/** `hadal explain`: what the compiler makes of an expression or of a model. */
import { writeFile } from 'node:fs/promises';
import { HadalError } from '../base/errors.js';
import { fileError } from '../io/files.js';
import { loadModel } from '../io/model.js';
import { engine, explain as explainTensors, noGrad, ones, type Tensor, zeros } from '../tensor/index.js';
import { integerOption, readArguments, UsageError, useEngine, type Verb } from './verb.js';

export const explain: Verb = {
  name: 'explain',
  summary: 'graph, kernels, memory and generated code of an expression or a model',
  help: `Shows what the compiler makes of a model, or of (x W + b).relu() without one. Nothing is run.

Usage: hadal explain [RUN] [options]

RUN is a folder with a model.json, as a run or saveModel leaves it.

  --batch N       images at once (default 8)
  --engine NAME   native, wasm, reference (default the fastest that runs here)
  --code          the generated code as well
  --svg FILE      the memory plan as an image
  --json          graph, kernels, what keeps them apart, memory and code as JSON
`,
  async run(args, output) {
    const { values, positionals } = readArguments(args, {
      batch: { type: 'string' },
      engine: { type: 'string' },
      code: { type: 'boolean' },
      svg: { type: 'string' },
      json: { type: 'boolean' },
    });
    if (positionals.length > 1) throw new UsageError('explain takes one folder at most');
    const batch = integerOption('batch', values.batch, 1, 8);
    await useEngine(values.engine);
    const [folder] = positionals;
    const { what, result } =
      folder === undefined ? expression(batch) : await model(folder, batch, output.error);
    const explanation = explainTensors(result);
    if (values.svg !== undefined) {
      await writeSvg(values.svg, explanation.memory.svg());
      output.error(`the memory plan is in ${values.svg}`);
    }
    if (values.json) {
      const code = values.code ? { code: explanation.code } : {};
      const all = { what, engine: engine().name, ...explanation.toJSON(), ...code };
      output.line(JSON.stringify(all, null, 2));
      return 0;
    }
    output.line(`${what} on ${engine().name} (${engine().description})\n`);
    output.line(explanation.toString());
    if (values.code) output.line(`\ncode\n${explanation.code}`);
    return 0;
  },
};

async function writeSvg(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (error) {
    throw fileError('write', path, error);
  }
}

interface Explained {
  readonly what: string;
  readonly result: Tensor;
}

function expression(batch: number): Explained {
  const [x, w, b] = [ones([batch, 64]), ones([64, 32]), ones([32])];
  // What is in memory already is a leaf of the graph, as weights are.
  for (const t of [x, w, b]) t.dataSync();
  return { what: `(x [${batch}, 64] W [64, 32] + b [32]).relu()`, result: x.matmul(w).add(b).relu() };
}

async function model(folder: string, batch: number, warn: (line: string) => void): Promise<Explained> {
  const { module, input } = await loadModel(folder, { warn });
  if (input === undefined)
    throw new HadalError(`${folder}/model.json does not say what goes into the model (saveModel: input)`);
  const shape = [batch, input.channels, input.height, input.width];
  const x = zeros(shape);
  x.dataSync();
  return { what: `${folder} for [${shape.join(', ')}]`, result: noGrad(() => module.forward(x)) };
}
