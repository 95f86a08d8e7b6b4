/** Reading a constructor's arguments from data of unknown origin: every value is checked before a constructor sees it. */
import { FormatError } from '../../base/errors.js';
import { isObject } from '../../io/json.js';
import type { AnyModule } from '../module.js';
import { Module } from '../module.js';

/** No layer has more features, channels or rows, and none a list of more sizes. */
const MAX_SIZE = 2 ** 31 - 1;
const MAX_RANK = 64;

/** Makes a module of data, with everything counted that has to be bounded. */
export type MakeModule = (data: unknown, path: string) => AnyModule;

export class ConfigReader {
  readonly #fields: { readonly [name: string]: unknown };
  readonly #path: string;
  readonly #make: MakeModule;
  readonly #read = new Set<string>();

  constructor(fields: unknown, path: string, make: MakeModule) {
    if (!isObject(fields)) throw new FormatError(`fromConfig: ${path}: config is an object`);
    this.#fields = fields;
    this.#path = path;
    this.#make = make;
  }

  #get(name: string): unknown {
    this.#read.add(name);
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
  }

  #error(name: string, wanted: string, value: unknown): FormatError {
    const shown = value === undefined ? 'nothing' : JSON.stringify(value)?.slice(0, 80);
    return new FormatError(`fromConfig: ${this.#path}: ${name} is ${wanted}, got ${shown}`);
  }

  /** Throws if there is anything that was not asked for: a setting that is passed over would make another network. */
  done(): void {
    const unknown = Object.keys(this.#fields).filter((name) => !this.#read.has(name));
    if (unknown.length > 0)
      throw new FormatError(
        `fromConfig: ${this.#path}: unknown ${unknown.slice(0, 10).join(', ').slice(0, 200)}`,
      );
  }

  /** An integer; `otherwise` if it is not there. */
  integer(name: string, least: number, most: number, otherwise?: number): number {
    const value = this.#get(name) ?? otherwise;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    throw this.#error(name, `an integer from ${least} to ${most}`, value);
  }

  /** A number of features, channels or the like. */
  size(name: string, otherwise?: number): number {
    return this.integer(name, 1, MAX_SIZE, otherwise);
  }

  /** A dimension of a tensor; negative ones count from the end. */
  dim(name: string, otherwise?: number): number {
    return this.integer(name, -MAX_RANK, MAX_RANK, otherwise);
  }

  /** An integer or null. */
  optionalInteger(name: string): number | null {
    const value = this.#get(name) ?? null;
    return value === null ? null : this.integer(name, -MAX_SIZE, MAX_SIZE);
  }

  number(name: string, otherwise?: number): number {
    const value = this.#get(name) ?? otherwise;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw this.#error(name, 'a number', value);
  }

  optionalNumber(name: string, otherwise: number | null): number | null {
    const given = this.#get(name);
    const value = given === undefined ? otherwise : given;
    return value === null ? null : this.number(name, otherwise ?? undefined);
  }

  boolean(name: string, otherwise: boolean): boolean {
    const value = this.#get(name) ?? otherwise;
    if (typeof value === 'boolean') return value;
    throw this.#error(name, 'true or false', value);
  }

  choice<T extends string>(name: string, choices: readonly T[], otherwise: T): T {
    const value = this.#get(name) ?? otherwise;
    const found = choices.find((c) => c === value);
    if (found !== undefined) return found;
    throw this.#error(name, choices.map((c) => `'${c}'`).join(' or '), value);
  }

  /** One integer, or a short list of them. */
  sizes(name: string, least: number, otherwise?: number): number | number[] {
    const value = this.#get(name) ?? otherwise;
    if (!Array.isArray(value)) return this.integer(name, least, MAX_SIZE, otherwise);
    const fits =
      value.length <= MAX_RANK &&
      value.every((v) => Number.isInteger(v) && Number(v) >= least && Number(v) <= MAX_SIZE);
    if (fits) return value.map(Number);
    throw this.#error(name, `integers of at least ${least}`, value);
  }

  list(name: string, least: number): number[] {
    const sizes = this.sizes(name, least);
    return typeof sizes === 'number' ? [sizes] : sizes;
  }

  /** An output size: integers, or null for sizes that stay. */
  outputSize(name: string): number | (number | null)[] {
    const value = this.#get(name);
    if (!Array.isArray(value)) return this.size(name);
    if (value.length <= MAX_RANK && value.every((v) => v === null || (Number.isInteger(v) && v > 0)))
      return value.map((v) => (v === null ? null : Number(v)));
    throw this.#error(name, 'sizes or null', value);
  }

  /** What a convolution is padded by. */
  padding(name: string): number | number[] | 'same' | 'valid' {
    const value = this.#get(name) ?? 0;
    return value === 'same' || value === 'valid' ? value : this.sizes(name, 0, 0);
  }

  #tensorModule(data: unknown, path: string): Module {
    const made: unknown = this.#make(data, path);
    if (made instanceof Module) return made;
    throw new FormatError(`fromConfig: ${path}: expected a module`);
  }

  module(name: string): Module {
    return this.#tensorModule(this.#get(name), `${this.#path}.${name}`);
  }

  modules(name: string): Module[] {
    const value = this.#get(name);
    if (!Array.isArray(value)) throw this.#error(name, 'a list of modules', value);
    return value.map((v, i) => this.#tensorModule(v, `${this.#path}.${name}[${i}]`));
  }

  namedModules(name: string): (readonly [string, Module])[] {
    const value = this.#get(name);
    if (!isObject(value)) throw this.#error(name, 'an object of modules', value);
    return Object.entries(value).map(([key, v]) => [
      key,
      this.#tensorModule(v, `${this.#path}.${name}.${key}`),
    ]);
  }
}
