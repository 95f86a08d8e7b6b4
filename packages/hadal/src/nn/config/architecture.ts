/**
 * Architectures as data, so that a saved network is loaded without running anybody's code. The data may come from anywhere: types,
 * sizes, depth and number of modules are bounded, and nothing is made of a name but what is in the table or was registered.
 */
import { ArgumentError, FormatError, HadalError } from '../../base/errors.js';
import { numel } from '../../base/shape.js';
import type { Json } from '../../io/json.js';
import { isObject } from '../../io/json.js';
import type { AnyModule } from '../module.js';
import { Module } from '../module.js';
import type { ModuleConfig } from './json.js';
import type { LayerKind } from './layers.js';
import { builtInLayers } from './layers.js';
import { ConfigReader } from './reader.js';

const MAX_DEPTH = 64;
const MAX_MODULES = 100_000;
/** Parameters of all layers together; 4 TiB in float32. Nothing is allocated before a value is wanted. */
const MAX_PARAMETERS = 2 ** 40;

const registered = new Map<string, LayerKind>();

/**
 * Makes a class of one's own known to `toConfig` and `fromConfig`. The class has a method `config()` that gives its constructor's
 * arguments.
 *
 * @param make makes a module from what `config()` gave; the reader checks every value.
 * @throws ArgumentError if the name is taken.
 * @example
 * ```ts
 * import { nn } from 'hadal';
 * class Scale extends nn.Module {
 *   constructor(factor) {
 *     super();
 *     this.factor = factor;
 *   }
 *   forward(x: Tensor): Tensor {
 *     return x.mul(this.factor);
 *   }
 *   config() {
 *     return { factor: this.factor };
 *   }
 * }
 * nn.registerLayer('Scale', Scale, (reader) => new Scale(reader.number('factor')));
 * const copy = nn.fromConfig(nn.toConfig(new nn.Sequential(new Scale(2))));
 * console.log(copy.at(0).factor); // 2
 * ```
 */
export function registerLayer(
  name: string,
  type: LayerKind['type'],
  make: (reader: ConfigReader) => AnyModule,
): void {
  const known = registered.get(name);
  if (Object.hasOwn(builtInLayers, name) || (known !== undefined && known.type !== type))
    throw new ArgumentError(`registerLayer: there is a layer called ${JSON.stringify(name)} already`);
  registered.set(name, { type, make });
}

function kindOf(name: string): LayerKind | undefined {
  return Object.hasOwn(builtInLayers, name) ? builtInLayers[name] : registered.get(name);
}

let names: Map<unknown, string> | null = null;

function nameOf(module: AnyModule): string | undefined {
  names ??= new Map(Object.entries(builtInLayers).map(([name, { type }]) => [type, name]));
  const built = names.get(module.constructor);
  if (built !== undefined) return built;
  for (const [name, { type }] of registered) if (type === module.constructor) return name;
  return undefined;
}

function plain(value: unknown, path: string): Json {
  if (value instanceof Module) return describe(value, path);
  if (Array.isArray(value)) return value.map((v, i) => plain(v, `${path}[${i}]`));
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v, `${path}.${k}`)]));
  if (value === null || ['number', 'string', 'boolean'].includes(typeof value)) return value as Json;
  throw new ArgumentError(`toConfig: ${path} is a ${typeof value}, which JSON cannot hold`);
}

function describe(module: AnyModule, path: string): Json {
  const { name: type } = module.constructor;
  const name = nameOf(module);
  if (name === undefined) {
    throw new ArgumentError(
      `toConfig: ${path} is a ${type}, a class of your own, which cannot be saved as data. Build the network from nn.Sequential and ` +
        'built-in layers; or give the class a config() and call nn.registerLayer; or save stateDict() alone and make the network in code.',
    );
  }
  const config = module.config();
  if (config === null)
    throw new ArgumentError(
      `toConfig: this ${type} (${path}) has settings that are no plain data, such as a tensor of weights; make it in code`,
    );
  const fields = Object.fromEntries(Object.entries(config).map(([k, v]) => [k, plain(v, `${path}.${k}`)]));
  return { type: name, config: fields };
}

/**
 * A network's architecture as JSON: types and constructor arguments of all layers, without weights.
 *
 * @throws ArgumentError if there is a class in it that is neither built in nor registered.
 * @example
 * ```ts
 * import { nn } from 'hadal';
 * const net = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU());
 * const text = JSON.stringify(nn.toConfig(net));
 * const copy = nn.fromConfig(JSON.parse(text));
 * copy.loadStateDict(net.stateDict());
 * console.log(String(copy) === String(net)); // true
 * ```
 */
export function toConfig(module: AnyModule): ModuleConfig {
  return describe(module, 'the module') as unknown as ModuleConfig;
}

/** What was made so far of one architecture. */
class Maker {
  #modules = 0;
  #parameters = 0;

  make(data: unknown, path: string, depth: number): AnyModule {
    if (depth > MAX_DEPTH) throw new FormatError(`fromConfig: modules are nested deeper than ${MAX_DEPTH}`);
    if (++this.#modules > MAX_MODULES)
      throw new FormatError(`fromConfig: there are more than ${MAX_MODULES} modules`);
    if (!isObject(data) || typeof data.type !== 'string')
      throw new FormatError(`fromConfig: ${path}: a module is an object with a type and a config`);
    const type = data.type.slice(0, 80);
    const kind = kindOf(data.type);
    if (kind === undefined)
      throw new FormatError(
        `fromConfig: ${path}: unknown type ${JSON.stringify(type)}; a class of your own is made known with nn.registerLayer`,
      );
    const here = path === '' ? type : `${path}: ${type}`;
    const reader = new ConfigReader(data.config ?? {}, here, (child, at) => this.make(child, at, depth + 1));
    const module = construct(here, () => kind.make(reader));
    reader.done();
    this.#count(module);
    return module;
  }

  #count(module: AnyModule): void {
    if (![...module.children()].length) {
      for (const p of module.parameters()) this.#parameters += numel(p.shape);
    }
    if (!(this.#parameters <= MAX_PARAMETERS))
      throw new FormatError(`fromConfig: there are more than ${MAX_PARAMETERS} parameters`);
  }
}

/** What a constructor refuses is wrong with the data here. */
function construct(path: string, make: () => AnyModule): AnyModule {
  try {
    return make();
  } catch (error) {
    if (error instanceof FormatError || !(error instanceof HadalError)) throw error;
    throw new FormatError(`fromConfig: ${path}: ${error.message}`, { cause: error });
  }
}

/**
 * The network that `toConfig` described, with new weights.
 *
 * @throws FormatError if the data is not of this form, has an unknown type, or a value out of its range.
 */
export function fromConfig(data: Json | ModuleConfig): AnyModule {
  return new Maker().make(data, '', 1);
}
