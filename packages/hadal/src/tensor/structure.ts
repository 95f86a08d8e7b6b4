/** Tensors in lists and plain objects: what functions of several tensors take and give, and its form without them. */
import { Tensor } from './tensor.js';

/** A tensor; null for none; or a list or plain object of these. */
export type Structure = Tensor | null | readonly Structure[] | { readonly [name: string]: Structure };

/** What may stand in a structure beside tensors, at the most. */
export type Plain = number | bigint | string | boolean | null | undefined;

/** A structure without its tensors, which are numbers here: one of the same form can be put together from others. */
export type Form =
  | { readonly kind: 'tensor'; readonly index: number }
  | { readonly kind: 'plain'; readonly value: Plain }
  | { readonly kind: 'list'; readonly items: readonly Form[] }
  | {
      readonly kind: 'record';
      readonly names: readonly string[];
      readonly items: readonly Form[];
      /** For objects that are iterable as well: the fields in the order of iteration. */
      readonly iterates: readonly string[] | null;
    };

/** Deeper nesting is taken for a cycle. */
export const MAX_DEPTH = 64;

export function isPlain(x: unknown): x is Plain {
  return x === null || (typeof x !== 'object' && typeof x !== 'function' && typeof x !== 'symbol');
}

export function isRecord(x: unknown): x is { readonly [name: string]: unknown } {
  if (typeof x !== 'object' || x === null) return false;
  const prototype: unknown = Object.getPrototypeOf(x);
  return prototype === Object.prototype || prototype === null;
}

/** A short name of something that is no tensor, for messages. */
export function describeKind(x: unknown): string {
  if (x === undefined) return 'undefined';
  if (typeof x !== 'object' || x === null) return `a ${typeof x}`;
  const { name } = x.constructor ?? { name: 'object' };
  return name === '' ? 'an object' : `a ${name}`;
}

/** How a structure is read. */
export interface Reading {
  /** The number of a tensor. */
  number(t: Tensor): number;
  /** Which values may stand beside tensors. */
  allows(x: Plain): boolean;
  /** The error for what is neither; `at` is its place in the structure, such as `[0].state`. */
  refuse(at: string, x: unknown): Error;
  /** The error for a structure that cannot be read at all. */
  fail(problem: string): Error;
}

export function formOf(x: unknown, reading: Reading, at = '', depth = 0): Form {
  if (x instanceof Tensor) return { kind: 'tensor', index: reading.number(x) };
  if (isPlain(x) && reading.allows(x)) return { kind: 'plain', value: x };
  const isList = Array.isArray(x);
  if (!isList && !isRecord(x)) throw reading.refuse(at, x);
  if (depth >= MAX_DEPTH)
    throw reading.fail(`nested deeper than ${MAX_DEPTH} levels, or contained in itself`);
  if (isList) {
    const items = x.map((item: unknown, i) => formOf(item, reading, `${at}[${i}]`, depth + 1));
    return { kind: 'list', items };
  }
  const names = Object.keys(x);
  const items = names.map((name) => formOf(x[name], reading, `${at}.${name}`, depth + 1));
  return { kind: 'record', names, items, iterates: iterationOf(x, names, reading) };
}

function iterationOf(
  x: { readonly [name: string]: unknown },
  names: readonly string[],
  reading: Reading,
): string[] | null {
  if (!(Symbol.iterator in x)) return null;
  const found: string[] = [];
  for (const value of x as unknown as Iterable<unknown>) {
    const name = names.find((n) => x[n] === value);
    if (name === undefined || found.length === names.length)
      throw reading.fail('an iterable object that gives more than its fields');
    found.push(name);
  }
  return found;
}

/** A structure of a form, of other tensors. */
export function putTogether(form: Form, tensorAt: (index: number) => Tensor): unknown {
  switch (form.kind) {
    case 'tensor':
      return tensorAt(form.index);
    case 'plain':
      return form.value;
    case 'list':
      return form.items.map((item) => putTogether(item, tensorAt));
    case 'record': {
      const out: { [name: string]: unknown } = Object.fromEntries(
        form.names.map((name, i) => [name, putTogether(form.items[i], tensorAt)]),
      );
      const { iterates } = form;
      if (iterates === null) return out;
      return { ...out, [Symbol.iterator]: () => iterates.map((name) => out[name]).values() };
    }
  }
}

/** A form as text, for comparisons and messages: `{ hidden: tensor, cell: tensor }`. */
export function showForm(form: Form): string {
  switch (form.kind) {
    case 'tensor':
      return 'tensor';
    case 'plain':
      return String(form.value);
    case 'list':
      return `[${form.items.map(showForm).join(', ')}]`;
    case 'record':
      return `{ ${form.items.map((item, i) => `${form.names[i]}: ${showForm(item)}`).join(', ')} }`;
  }
}
