/**
 * A trained model as a folder that can be used by itself: model.json with the architecture, how images become its input and what its
 * outputs mean, and beside it the weights, as one file or as the checkpoints of a run.
 */
import { ArgumentError, FileError, FormatError, HadalError } from '../base/errors.js';
import { fromConfig, type Module, toConfig } from '../nn/index.js';
import type { AnyModule } from '../nn/module.js';
import type { Tensor } from '../tensor/index.js';
import { loadCheckpoint } from './checkpoint.js';
import { decodeJson } from './checkpoint-manifest.js';
import { makeFolder, nodeSystem, readWhole, replaceFile, type System } from './files.js';
import { isObject, type Json, jsonText } from './json.js';
import { load, safetensorsParts } from './safetensors.js';

/** How an image becomes the input of a network, a tensor of shape [channels, height, width]. */
export interface ImageInput {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /** Subtracted from values in [0, 1], one a channel; 0 if not given. */
  readonly mean?: readonly number[];
  /** What the difference is divided by, one a channel; 1 if not given. */
  readonly std?: readonly number[];
  /** Whether light and dark are exchanged first; `'auto'` does it where the border is light, for networks that know light on dark. */
  readonly invert?: boolean | 'auto';
}

export interface ModelInfo {
  /** What goes in, for networks that take images. */
  readonly input?: ImageInput;
  /** The names of the classes, for networks that give a score for each. */
  readonly classes?: readonly string[];
}

export interface SaveModelOptions extends ModelInfo {
  /**
   * `'file'`, if not given, writes the weights into `model.safetensors`; `'checkpoints'` writes none: they are those of the newest
   * checkpoint in the folder, as of a run.
   */
  readonly weights?: 'file' | 'checkpoints';
}

export interface LoadedModel extends ModelInfo {
  /** In evaluation mode. */
  readonly module: Module;
  /** The file or folder that the weights are from. */
  readonly weights: string;
  /** The step of the checkpoint that they are from; null if they are from a file. */
  readonly step: number | null;
}

export const modelDescription = 'model.json';
export const weightsFile = 'model.safetensors';

const format = 'hadal-model';
const version = 1;
const maxDescriptionBytes = 1 << 26;

/**
 * Saves a model in a folder, which is made if it is missing: `model.json`, and the weights beside it.
 *
 * @throws ArgumentError if the module is not made of layers that `nn.toConfig` knows, or `input` or `classes` are not what they
 * should be; FileError if the folder cannot be written.
 *
 * @example
 * ```ts
 * import { loadModel, nn, ones, saveModel } from 'hadal';
 * const net = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 2));
 * await saveModel('animals', net, { classes: ['cat', 'dog'] });
 * const { module, classes } = await loadModel('animals');
 * console.log(module.forward(ones([3, 4])).shape, classes); // [ 3, 2 ] [ 'cat', 'dog' ]
 * ```
 */
export async function saveModel(
  dir: string,
  module: AnyModule,
  options: SaveModelOptions = {},
): Promise<void> {
  const { input, classes, weights = 'file' } = options;
  const problem = (input && inputProblem(input)) ?? (classes && classesProblem(classes));
  if (problem) throw new ArgumentError(`saveModel: ${problem}`);
  const system = nodeSystem('saveModel');
  const description = {
    format,
    version,
    architecture: toConfig(module),
    ...(input === undefined ? {} : { input }),
    ...(classes === undefined ? {} : { classes }),
    weights: weights === 'checkpoints' ? 'checkpoints' : weightsFile,
  };
  const text = new TextEncoder().encode(jsonText(description, 'saveModel'));
  await makeFolder(system, dir);
  if (weights === 'file') {
    const parts = safetensorsParts('saveModel', module.stateDict(), {});
    await replaceFile(system, system.paths.join(dir, weightsFile), parts);
  }
  await replaceFile(system, system.paths.join(dir, modelDescription), [text]);
}

/**
 * Loads a model that `saveModel` saved, with the weights of its file or of the newest complete checkpoint of the run.
 *
 * @param options `warn` is told of checkpoints that were skipped; `console.warn` if not given.
 * @throws FileError if something cannot be read; FormatError if `model.json` or the weights are damaged or do not fit each other.
 */
export async function loadModel(
  dir: string,
  options: { readonly warn?: (line: string) => void } = {},
): Promise<LoadedModel> {
  const system = nodeSystem('loadModel');
  const { architecture, weights, ...info } = await readModelDescription(system, dir);
  const path = system.paths.join(dir, modelDescription);
  const found = await findWeights(system, dir, weights, options);
  let module: Module;
  try {
    // Networks saved here take tensors and give one; what else there may be shows when it is used.
    module = fromConfig(architecture) as unknown as Module;
    module.loadStateDict(found.tensors);
  } catch (cause) {
    if (!(cause instanceof HadalError)) throw cause;
    throw new FormatError(`${path} with the weights of ${found.path}: ${cause.message}`, { cause });
  }
  module.eval();
  return { ...info, module, weights: found.path, step: found.step };
}

interface Weights {
  readonly tensors: Map<string, Tensor>;
  readonly path: string;
  readonly step: number | null;
}

async function findWeights(
  system: System,
  dir: string,
  weights: string,
  options: { readonly warn?: (line: string) => void },
): Promise<Weights> {
  if (weights === weightsFile) {
    const path = system.paths.join(dir, weightsFile);
    return { tensors: await load(path), path, step: null };
  }
  const checkpoint = await loadCheckpoint(dir, options);
  if (checkpoint === null) {
    throw new FileError(`${dir}: there is no checkpoint yet, so ${modelDescription} has no weights`, dir, '');
  }
  return { tensors: checkpoint.model, path: checkpoint.path, step: checkpoint.step };
}

export interface ModelDescription extends ModelInfo {
  readonly architecture: Json;
  readonly weights: string;
}

/** model.json of a folder, checked. */
export async function readModelDescription(system: System, dir: string): Promise<ModelDescription> {
  const path = system.paths.join(dir, modelDescription);
  const fail = (expected: string, found: unknown): FormatError =>
    new FormatError(`${path}: expected ${expected}, found ${JSON.stringify(found) ?? 'nothing'}`);
  const content = decodeJson(await readWhole(system, path, maxDescriptionBytes), path);
  if (!isObject(content) || content.format !== format)
    throw fail(`format "${format}"`, isObject(content) ? content.format : content);
  if (content.version !== version)
    throw fail(`version ${version} (a newer hadal may read others)`, content.version);
  const { architecture, input, classes, weights = 'checkpoints' } = content;
  if (!isObject(architecture)) throw fail('architecture to be an object', architecture);
  if (weights !== 'checkpoints' && weights !== weightsFile)
    throw fail(`weights to be "checkpoints" or "${weightsFile}"`, weights);
  const problem =
    (input === undefined ? undefined : inputProblem(input)) ??
    (classes === undefined ? undefined : classesProblem(classes));
  if (problem !== undefined) throw new FormatError(`${path}: ${problem}`);
  return {
    architecture: architecture as Json,
    weights,
    ...(input === undefined ? {} : { input: input as unknown as ImageInput }),
    ...(classes === undefined ? {} : { classes: classes as readonly string[] }),
  };
}

const maxSide = 1 << 14;

/** What is wrong with a description of an input, if anything. */
function inputProblem(input: unknown): string | undefined {
  if (!isObject(input)) return `input is an object, got ${JSON.stringify(input)}`;
  const { width, height, channels, mean, std, invert } = input;
  const side = (x: unknown): boolean =>
    typeof x === 'number' && Number.isInteger(x) && x >= 1 && x <= maxSide;
  if (!side(width) || !side(height))
    return `input.width and input.height are integers from 1 to ${maxSide}, got ${String(width)} and ${String(height)}`;
  if (channels !== 1 && channels !== 3) return `input.channels is 1 or 3, got ${String(channels)}`;
  for (const [name, list] of Object.entries({ mean, std })) {
    if (list === undefined) continue;
    const numbers = Array.isArray(list) && list.every((x) => typeof x === 'number' && Number.isFinite(x));
    if (!numbers || list.length !== channels)
      return `input.${name} is a list of ${channels} numbers, got ${JSON.stringify(list)}`;
  }
  if (Array.isArray(std) && std.some((x) => !(Number(x) > 0)))
    return `input.std is above 0, got ${JSON.stringify(std)}`;
  if (invert !== undefined && typeof invert !== 'boolean' && invert !== 'auto')
    return `input.invert is true, false or "auto", got ${JSON.stringify(invert)}`;
  return undefined;
}

function classesProblem(classes: unknown): string | undefined {
  const names = Array.isArray(classes) && classes.length > 0 && classes.every((x) => typeof x === 'string');
  return names ? undefined : `classes is a list of names, got ${JSON.stringify(classes)}`;
}
