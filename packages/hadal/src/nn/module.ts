/**
 * Module: a piece of a network with parameters. Parameters and submodules are found among the fields of an instance, so a class
 * with fields is a module and nothing has to be registered.
 */
import { ArgumentError } from '../base/errors.js';
import { Tensor } from '../tensor/index.js';

/** A tensor that a module learns. */
export class Parameter extends Tensor {
  constructor(data: Tensor, options: { requiresGrad?: boolean } = {}) {
    super(data.detach().storage);
    if (options.requiresGrad ?? true) this.requiresGrad_();
  }
}

/**
 * Base class of all layers and networks.
 *
 * @example
 * ```ts
 * import { nn, ones, type Tensor } from 'hadal';
 * class Net extends nn.Module {
 *   hidden = new nn.Linear(4, 8);
 *   out = new nn.Linear(8, 2);
 *   override forward(x: Tensor): Tensor {
 *     return this.out.forward(this.hidden.forward(x).relu());
 *   }
 * }
 * console.log(new Net().forward(ones([3, 4])).shape); // [ 3, 2 ]
 * ```
 */
export abstract class Module {
  /** Whether dropout and the like behave as in training. */
  training = true;

  abstract forward(...inputs: Tensor[]): Tensor;

  /** Direct submodules with the names of their fields; elements of arrays have their position as name. */
  *namedChildren(): Generator<readonly [string, Module]> {
    for (const [name, field] of Object.entries(this)) {
      if (field instanceof Module) yield [name, field];
      else if (Array.isArray(field)) {
        for (const [i, item] of field.entries()) if (item instanceof Module) yield [`${name}.${i}`, item];
      }
    }
  }

  /** This module and all below it, each once. */
  *modules(seen = new Set<Module>()): Generator<Module> {
    if (seen.has(this)) return;
    seen.add(this);
    yield this;
    for (const [, child] of this.namedChildren()) yield* child.modules(seen);
  }

  /** All parameters with their paths, each once: a shared (tied) parameter is named where it is met first. */
  *namedParameters(prefix = '', seen = new Set<Tensor>()): Generator<readonly [string, Parameter]> {
    for (const [name, field] of Object.entries(this)) {
      const list = Array.isArray(field)
        ? field.map((item, i) => [`${name}.${i}`, item] as const)
        : [[name, field] as const];
      for (const [path, item] of list) {
        if (item instanceof Parameter && !seen.has(item)) {
          seen.add(item);
          yield [prefix + path, item];
        }
      }
    }
    for (const [name, child] of this.namedChildren()) yield* child.namedParameters(`${prefix}${name}.`, seen);
  }

  *parameters(): Generator<Parameter> {
    for (const [, parameter] of this.namedParameters()) yield parameter;
  }

  /** Sets training or evaluation mode here and below. */
  train(mode = true): this {
    for (const m of this.modules()) m.training = mode;
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  /** Drops the gradients of all parameters. */
  zeroGrad(): void {
    for (const p of this.parameters()) p.storage.clearGrad();
  }

  /** What is shown of this layer's settings in `toString`. */
  protected describe(): string {
    return '';
  }

  toString(): string {
    const children = [...this.namedChildren()];
    if (children.length === 0) return `${this.constructor.name}(${this.describe()})`;
    const lines = children.map(
      ([name, child]) => `  (${name}): ${child.toString().replaceAll('\n', '\n  ')}`,
    );
    return `${this.constructor.name}(\n${lines.join('\n')}\n)`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** A size that a layer is made with. */
export function checkSize(layer: string, name: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new ArgumentError(`${layer}: ${name} is a positive integer, got ${value}`);
}
