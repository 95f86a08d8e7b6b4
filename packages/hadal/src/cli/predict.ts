/** `hadal predict`: what a trained model says of images. */
import { ArgumentError, FileError, FormatError, HadalError } from '../base/errors.js';
import { classifyImages, type Prediction } from '../io/classify.js';
import { type Image, readImageFile } from '../io/image.js';
import { loadModel } from '../io/model.js';
import { bar, plain, table } from './text.js';
import { integerOption, readArguments, UsageError, useEngine, type Verb } from './verb.js';

/** Images of one forward pass; memory stays small however many there are. */
const batchSize = 32;

export const predict: Verb = {
  name: 'predict',
  summary: 'what a trained model says of images',
  help: `Classifies PNG and JPEG images of any size with a trained model.

Usage: hadal predict --model RUN IMAGE... [options]

RUN is a folder with a model.json and weights, as a run or saveModel leaves it. The newest checkpoint is used.
An image that cannot be read is told of and the others are classified; the exit code is 1 then.

  --model RUN     the folder of the model
  --top K         how many classes to show (default 3)
  --engine NAME   native, wasm, reference (default the fastest that runs here)
  --json          one JSON object a line and image
`,
  async run(args, output) {
    const { values, positionals } = readArguments(args, {
      model: { type: 'string', short: 'm' },
      top: { type: 'string' },
      engine: { type: 'string' },
      json: { type: 'boolean' },
    });
    if (values.model === undefined) throw new UsageError('predict needs --model RUN');
    if (positionals.length === 0) throw new UsageError('predict needs the paths of images');
    const top = integerOption('top', values.top, 1, 3);
    await useEngine(values.engine);
    const model = await loadModel(values.model, { warn: output.error });
    if (model.input === undefined)
      throw new HadalError(
        `${values.model}/model.json does not say how images become its input (saveModel: input)`,
      );

    const show = (path: string, list: readonly Prediction[]): void => {
      const shown = list.slice(0, top);
      if (values.json) {
        const classes = shown.map(({ class: name, probability }) => ({ class: name, probability }));
        output.line(JSON.stringify({ image: path, classes }));
      } else output.line(`${path}\n${chart(shown, output.columns)}`);
    };
    let failed = false;
    for (let i = 0; i < positionals.length; i += batchSize) {
      const read: { readonly path: string; readonly image: Image }[] = [];
      for (const path of positionals.slice(i, i + batchSize)) {
        try {
          read.push({ path, image: await readImageFile(path) });
        } catch (error) {
          if (!isExpected(error)) throw error;
          failed = true;
          if (values.json) output.line(JSON.stringify({ image: path, error: error.message }));
          output.error(`hadal: ${error.message}`);
        }
      }
      if (read.length === 0) continue;
      const predictions = await classifyImages(
        model,
        read.map(({ image }) => image),
      );
      read.forEach(({ path }, n) => show(path, predictions[n]));
    }
    return failed ? 1 : 0;
  },
};

function isExpected(error: unknown): error is HadalError {
  return error instanceof FormatError || error instanceof FileError || error instanceof ArgumentError;
}

function chart(list: readonly Prediction[], columns: number): string {
  const width = Math.max(10, Math.min(40, columns - 30));
  return table(
    list.map(({ class: name, probability }) => [
      plain(name),
      `${(100 * probability).toFixed(1)} %`,
      bar(probability, width),
    ]),
    '  ',
  );
}
