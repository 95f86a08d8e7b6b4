/** What a program has at hand: data that its twin in Python makes too (`peers/programs/session.py`), and a notebook for what must agree. */
import { compile, fromTypedArray, type nn, noGrad, type Tensor } from 'hadal';
import { classNumbers, uniformValues } from '../values.js';
import type { Size } from './program.js';

/** What was noted under one name: at most `KEPT` elements of everything, evenly spread. */
export type Notes = { readonly [name: string]: readonly number[] };

const KEPT = 256;

type Noted = Tensor | number | bigint | boolean | readonly number[];

export class Session {
  readonly size: Size;
  readonly isCompiled: boolean;
  /** Milliseconds spent on making data, which are no part of a step. */
  dataMs = 0;
  readonly #notes = new Map<string, number[]>();

  constructor(size: Size, isCompiled = false) {
    this.size = size;
    this.isCompiled = isCompiled;
  }

  pick<T>(quick: T, full: T): T {
    return this.size === 'quick' ? quick : full;
  }

  /** Uniform in [-scale, scale). */
  values(seed: number, shape: readonly number[], scale = 1): Tensor {
    return this.#making(() => fromTypedArray(uniformValues(seed, elements(shape), scale), shape));
  }

  /** int64 numbers from 0 to below `classes`. */
  classes(seed: number, shape: readonly number[], classes: number): Tensor {
    return this.#making(() => fromTypedArray(classNumbers(seed, elements(shape), classes), shape));
  }

  #making<T>(make: () => T): T {
    const start = performance.now();
    const made = make();
    this.dataMs += performance.now() - start;
    return made;
  }

  /** Gives a module's parameters the values that its twin begins with: uniform within 1 / sqrt(fan in), biases within a tenth. */
  fill<M extends nn.AnyModule>(net: M, seed = 0): M {
    noGrad(() => {
      let at = 0;
      for (const p of net.parameters()) {
        const fan = p.numel() / Math.max(1, p.shape[0] ?? 1);
        p.copy_(this.values(seed + 1000 + at++, p.shape, p.ndim > 1 ? 1 / Math.sqrt(fan) : 0.1));
      }
    });
    return net;
  }

  /** The function itself, or what `compile` makes of it where that is asked for. */
  // biome-ignore lint/suspicious/noExplicitAny: any function may be compiled, as `compile` says
  compile<F extends (...args: any[]) => any>(fn: F): F {
    return this.isCompiled ? (compile(fn) as unknown as F) : fn;
  }

  /** Adds to what must agree under a name. */
  note(name: string, value: Noted): void {
    const list = this.#notes.get(name) ?? [];
    this.#notes.set(name, list);
    list.push(...sample(value));
  }

  /** Notes all parameters of a module, by their names. */
  noteParameters(name: string, net: nn.AnyModule): void {
    for (const [key, p] of net.namedParameters()) this.note(`${name}.${key}`, p.detach());
  }

  get notes(): Notes {
    return Object.fromEntries(this.#notes);
  }
}

function elements(shape: readonly number[]): number {
  return shape.reduce((n, d) => n * d, 1);
}

function sample(value: Noted): number[] {
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return [Number(value)];
  const all: ArrayLike<number | bigint> = isNumbers(value) ? value : value.dataSync();
  // Only what is kept becomes numbers: a million bigints would take longer than what computed them.
  const stride = Math.max(1, Math.ceil(all.length / KEPT));
  return Array.from({ length: Math.ceil(all.length / stride) }, (_, i) => Number(all[i * stride]));
}

function isNumbers(value: Tensor | readonly number[]): value is readonly number[] {
  return Array.isArray(value);
}
