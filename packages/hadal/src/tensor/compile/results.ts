/** The shape of what a compiled function returns, so that it can be put together again around the tensors of another call. */
import { CompileError } from '../../base/errors.js';
import { Tensor } from '../tensor.js';
import type { Plain } from './arguments.js';
import { describeKind, isPlain, isRecord } from './arguments.js';

export type ResultForm =
  | { readonly kind: 'tensor'; readonly index: number }
  | { readonly kind: 'plain'; readonly value: Plain }
  | { readonly kind: 'list'; readonly items: readonly ResultForm[] }
  | {
      readonly kind: 'record';
      readonly names: readonly string[];
      readonly items: readonly ResultForm[];
      /** For objects that are iterable as well: the fields in the order of iteration. */
      readonly iterates: readonly string[] | null;
    };

const MAX_DEPTH = 64;

/** Takes a result apart; each tensor of it is put into `tensors` once. */
export function formOf(x: unknown, tensors: Tensor[], depth = 0): ResultForm {
  if (x instanceof Tensor) {
    let index = tensors.indexOf(x);
    if (index < 0) index = tensors.push(x) - 1;
    return { kind: 'tensor', index };
  }
  if (isPlain(x)) return { kind: 'plain', value: x };
  if (depth >= MAX_DEPTH)
    throw new CompileError(
      `compile: results are nested deeper than ${MAX_DEPTH} levels, or contain themselves`,
    );
  if (Array.isArray(x)) return { kind: 'list', items: x.map((item) => formOf(item, tensors, depth + 1)) };
  if (isRecord(x)) {
    const names = Object.keys(x);
    const items = names.map((name) => formOf(x[name], tensors, depth + 1));
    return { kind: 'record', names, items, iterates: iterationOf(x, names) };
  }
  throw new CompileError(
    `compile: the function returned ${describeKind(x)}; results are tensors, numbers, strings, booleans, null, and lists and plain ` +
      'objects of them',
  );
}

function iterationOf(x: { readonly [name: string]: unknown }, names: readonly string[]): string[] | null {
  if (!(Symbol.iterator in x)) return null;
  return [...(x as unknown as Iterable<unknown>)].map((value) => {
    const name = names.find((n) => x[n] === value);
    if (name !== undefined) return name;
    throw new CompileError(
      'compile: the function returned an iterable object that gives more than its fields',
    );
  });
}

export function putTogether(form: ResultForm, tensorAt: (index: number) => Tensor): unknown {
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
