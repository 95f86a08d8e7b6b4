/** Modules made of modules. */
import { ArgumentError } from '../../base/errors.js';
import type { Tensor } from '../../tensor/index.js';
import type { Config } from '../config/json.js';
import type { AnyModule } from '../module.js';
import { Module } from '../module.js';
import { Parameter } from '../parameter.js';

function checkModule(container: string, module: unknown): void {
  if (!(module instanceof Module))
    throw new ArgumentError(
      `${container}: expected modules, got ${module === null ? 'null' : typeof module}`,
    );
}

/** `at` of an array that throws where there is nothing. */
function itemAt<T>(container: string, items: readonly T[], index: number): T {
  const item = items.at(index);
  if (item === undefined)
    throw new ArgumentError(`${container}: there is no module ${index}, only ${items.length} in all`);
  return item;
}

/**
 * Layers one after the other. Their names are their positions.
 *
 * @example
 * ```ts
 * import { nn, ones } from 'hadal';
 * const net = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU());
 * net.push(new nn.Linear(8, 2));
 * console.log(net.length, net.forward(ones([3, 4])).shape); // 3 [ 3, 2 ]
 * console.log(String(net.at(-1))); // Linear(inFeatures=8, outFeatures=2, bias=true)
 * ```
 */
export class Sequential extends Module {
  readonly layers: Module[];

  constructor(...layers: Module[]) {
    super();
    for (const layer of layers) checkModule('Sequential', layer);
    this.layers = layers;
  }

  override forward(x: Tensor): Tensor {
    return this.layers.reduce((y, layer) => layer.forward(y), x);
  }

  get length(): number {
    return this.layers.length;
  }

  /** A layer by its position; negative ones count from the end. */
  at(index: number): Module {
    return itemAt('Sequential', this.layers, index);
  }

  push(...layers: Module[]): this {
    for (const layer of layers) checkModule('Sequential', layer);
    this.layers.push(...layers);
    return this;
  }

  /** The same layers, in a container of their own. */
  slice(start?: number, end?: number): Sequential {
    return new Sequential(...this.layers.slice(start, end));
  }

  [Symbol.iterator](): IterableIterator<Module> {
    return this.layers.values();
  }

  protected override *members(): Generator<readonly [string, unknown]> {
    for (const [i, layer] of this.layers.entries()) yield [String(i), layer];
  }

  override config(): Config {
    return { layers: this.layers };
  }
}

/** A container that is not called itself. */
abstract class Container extends Module<never[], never> {
  override forward(): never {
    throw new ArgumentError(`${this.constructor.name} has no forward: call the modules in it`);
  }
}

/**
 * A list of modules, for layers that are called in a way of their own.
 *
 * @example
 * ```ts
 * import { nn, ones } from 'hadal';
 * const heads = new nn.ModuleList([new nn.Linear(4, 2), new nn.Linear(4, 3)]);
 * console.log(Array.from(heads, (head) => head.forward(ones([1, 4])).shape)); // [ [ 1, 2 ], [ 1, 3 ] ]
 * ```
 */
export class ModuleList<M extends AnyModule = Module> extends Container {
  readonly items: M[];

  constructor(items: Iterable<M> = []) {
    super();
    this.items = [...items];
    for (const item of this.items) checkModule('ModuleList', item);
  }

  get length(): number {
    return this.items.length;
  }

  /** A module by its position; negative ones count from the end. */
  at(index: number): M {
    return itemAt('ModuleList', this.items, index);
  }

  push(...items: M[]): this {
    for (const item of items) checkModule('ModuleList', item);
    this.items.push(...items);
    return this;
  }

  [Symbol.iterator](): IterableIterator<M> {
    return this.items.values();
  }

  protected override *members(): Generator<readonly [string, unknown]> {
    for (const [i, item] of this.items.entries()) yield [String(i), item];
  }

  /** Neighbours that look the same are shown once: `(0-2): 3 x Linear(...)`. */
  protected override describeChildren(): string[] {
    const lines: string[] = [];
    const texts = this.items.map(String);
    for (let from = 0; from < texts.length; ) {
      let to = from;
      while (to + 1 < texts.length && texts[to + 1] === texts[from]) to++;
      lines.push(
        from === to ? `(${from}): ${texts[from]}` : `(${from}-${to}): ${to - from + 1} x ${texts[from]}`,
      );
      from = to + 1;
    }
    return lines;
  }

  override config(): Config {
    return { items: this.items };
  }
}

/** Modules by name. */
export class ModuleDict<M extends AnyModule = Module> extends Container {
  readonly #entries: Map<string, M>;

  constructor(modules: { readonly [name: string]: M } | Iterable<readonly [string, M]> = {}) {
    super();
    const pairs = Symbol.iterator in modules ? modules : Object.entries(modules);
    this.#entries = new Map<string, M>();
    for (const [name, module] of pairs as Iterable<readonly [string, M]>) this.set(name, module);
  }

  /** @throws ArgumentError if none has this name. */
  get(name: string): M {
    const module = this.#entries.get(name);
    if (module !== undefined) return module;
    throw new ArgumentError(
      `ModuleDict: no module is called ${JSON.stringify(name)}; there are ${[...this.keys()].join(', ')}`,
    );
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** @param name must not have a dot: names of modules are joined by dots. */
  set(name: string, module: M): this {
    checkModule('ModuleDict', module);
    if (name === '' || name.includes('.'))
      throw new ArgumentError(`ModuleDict: a name is not empty and has no dot, got ${JSON.stringify(name)}`);
    this.#entries.set(name, module);
    return this;
  }

  delete(name: string): boolean {
    return this.#entries.delete(name);
  }

  get size(): number {
    return this.#entries.size;
  }

  keys(): IterableIterator<string> {
    return this.#entries.keys();
  }

  values(): IterableIterator<M> {
    return this.#entries.values();
  }

  entries(): IterableIterator<[string, M]> {
    return this.#entries.entries();
  }

  [Symbol.iterator](): IterableIterator<[string, M]> {
    return this.#entries.entries();
  }

  protected override *members(): Generator<readonly [string, unknown]> {
    yield* this.#entries;
  }

  override config(): Config {
    return { modules: Object.fromEntries(this.#entries) };
  }
}

/** A list of parameters. */
export class ParameterList extends Container {
  readonly items: Parameter[];

  constructor(items: Iterable<Tensor> = []) {
    super();
    this.items = Array.from(items, (t) => (t instanceof Parameter ? t : new Parameter(t)));
  }

  get length(): number {
    return this.items.length;
  }

  at(index: number): Parameter {
    return itemAt('ParameterList', this.items, index);
  }

  push(...items: Tensor[]): this {
    this.items.push(...items.map((t) => (t instanceof Parameter ? t : new Parameter(t))));
    return this;
  }

  [Symbol.iterator](): IterableIterator<Parameter> {
    return this.items.values();
  }

  protected override *members(): Generator<readonly [string, unknown]> {
    for (const [i, item] of this.items.entries()) yield [String(i), item];
  }
}
