/**
 * Every function of tensors, every method of a tensor and every function of `functional`, found by their exports, with arguments of the wrong
 * kind in each place: each call works or throws an error of hadal's own.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  ArgumentError,
  functional,
  HadalError,
  InternalError,
  nn,
  ones,
  setEngine,
  Tensor,
  tensor,
  zeros,
} from '../../src/index.js';
import * as functions from '../../src/tensor/functions/index.js';

type Call = (...args: unknown[]) => unknown;

let foreign: Tensor;
beforeAll(async () => {
  await setEngine('wasm');
  foreign = ones([2, 3]);
  await setEngine('reference');
});

/** Arguments that most functions take in some place; what works is found by trying. */
const plausible: readonly (() => unknown)[] = [
  () => ones([2, 3]),
  () => ones([3, 3]),
  () => tensor([1, 2, 3]),
  () => tensor([0n, 1n]),
  () => ones([2, 3]).gt(0),
  () => ones([1, 2, 3, 4]),
  () => 1,
  () => 0,
  () => [0, 1],
  () => [2, 3],
  () => [ones([2, 3]), ones([2, 3])],
];

const wrong: readonly (readonly [string, () => unknown])[] = [
  ['null', () => null],
  ['undefined', () => undefined],
  ['a string', () => 'wrong'],
  ['NaN', () => Number.NaN],
  ['a negative number', () => -7],
  ['a huge number', () => 1e15],
  ['a fraction', () => 1.5],
  ['true', () => true],
  ['an object', () => ({ wrong: 1 })],
  ['an empty list', () => []],
  ['a list of null', () => [null]],
  ['a typed array', () => new Float32Array(3)],
  ['a tensor of another engine', () => foreign],
  ['a tensor of int64', () => zeros([2, 3], { dtype: 'int64' })],
  ['a tensor of float64', () => zeros([2, 3], { dtype: 'float64' })],
  ['an empty tensor', () => zeros([0])],
  ['a tensor of another rank', () => ones([1, 1, 1, 1, 5])],
];

function read(result: unknown): void {
  const all = Array.isArray(result) ? result : [result];
  for (const t of all) if (t instanceof Tensor && t.numel() < 1000) t.dataSync();
}

/** What a call threw that is no error for a user, or null. */
async function flaw(call: Call, args: readonly unknown[]): Promise<{ works: boolean; error: string | null }> {
  try {
    read(await call(...args));
    return { works: true, error: null };
  } catch (error) {
    const meant = error instanceof HadalError && !(error instanceof InternalError);
    return { works: false, error: meant ? null : String(error).slice(0, 120) };
  }
}

/** A call that works, by trying combinations that are the same every time. */
async function workingArguments(call: Call, count: number): Promise<readonly (() => unknown)[]> {
  for (let k = 0; k < 40; k++) {
    const makers = Array.from(
      { length: count },
      (_, i) => plausible[(i === 0 ? k : k * 7 + i * 3) % plausible.length],
    );
    if (
      (
        await flaw(
          call,
          makers.map((m) => m()),
        )
      ).works
    )
      return makers;
  }
  return Array.from({ length: count }, () => plausible[0]);
}

async function flawsOf(name: string, call: Call, length: number): Promise<string[]> {
  const count = Math.min(Math.max(length, 1), 4);
  const working = await workingArguments(call, count);
  const found = new Set<string>();
  // One place more than is asked for: the first that has a default, which mostly are options.
  for (let place = 0; place <= count; place++) {
    for (const [kind, make] of wrong) {
      const args = working.map((m) => m());
      args[place] = make();
      const { error } = await flaw(call, args);
      if (error !== null) found.add(`${name}, ${kind} in place ${place}: ${error}`);
    }
  }
  const { error } = await flaw(call, []);
  if (error !== null) found.add(`${name}, nothing: ${error}`);
  return [...found];
}

/** Names that TypeScript keeps for the classes themselves. */
function hiddenNames(): Set<string> {
  const names = new Set(['constructor']);
  for (const folder of ['../../src/tensor/methods/', '../../src/tensor/']) {
    const path = fileURLToPath(new URL(folder, import.meta.url));
    for (const file of readdirSync(path).filter((f) => f.endsWith('.ts')))
      for (const [, name] of readFileSync(path + file, 'utf8').matchAll(
        /^ {2}(?:protected|private)(?: (?:abstract|override|static|async|get))* \*?(\w+)/gm,
      ))
        names.add(name);
  }
  return names;
}

function methodsOfTensor(): string[] {
  const hidden = hiddenNames();
  const names = new Set<string>();
  for (let p = Tensor.prototype as object; p !== Object.prototype; p = Object.getPrototypeOf(p) as object)
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(p)))
      if (typeof value === 'function' && !hidden.has(name)) names.add(name);
  return [...names];
}

function callsOf(space: object): (readonly [string, Call])[] {
  return Object.entries(space).filter((entry): entry is [string, Call] => typeof entry[1] === 'function');
}

describe('arguments of the wrong kind', () => {
  test('to functions of tensors', { timeout: 60_000 }, async () => {
    const all = callsOf(functions);
    expect(all.length).toBeGreaterThan(150);
    const found: string[] = [];
    for (const [name, call] of all) found.push(...(await flawsOf(name, call, call.length)));
    expect(found).toEqual([]);
  });

  test('to functions of networks', { timeout: 60_000 }, async () => {
    const all = callsOf(functional);
    expect(all.length).toBeGreaterThan(50);
    const found: string[] = [];
    for (const [name, call] of all) found.push(...(await flawsOf(name, call, call.length)));
    expect(found).toEqual([]);
  });

  test('to methods of a tensor', { timeout: 60_000 }, async () => {
    const all = methodsOfTensor();
    expect(all.length).toBeGreaterThan(200);
    const found: string[] = [];
    for (const name of all) {
      const length = (Reflect.get(Tensor.prototype, name) as Call).length;
      const call: Call = (...args) => {
        const t = ones([2, 3]);
        return Reflect.apply(Reflect.get(t, name) as Call, t, args);
      };
      found.push(...(await flawsOf(name, call, length)));
    }
    expect(found).toEqual([]);
  });

  test.each<[string, () => unknown, string]>([
    [
      'an array',
      () => Reflect.apply(functions.sin, null, [[1, 2]]),
      'sin: expected a tensor, got an array; make one of it with tensor(...)',
    ],
    [
      'a module',
      () => Reflect.apply(ones([2]).matmul, ones([2]), [new nn.ReLU()]),
      'matmul: expected a tensor, got an object with',
    ],
    [
      'no weight',
      () => Reflect.apply(functional.linear, null, [ones([2, 2])]),
      'linear: the weight is a tensor, got nothing',
    ],
    [
      'no forward',
      () => new (nn.Module as unknown as new () => nn.ReLU)().forward(ones([2])),
      'this class has none; write one',
    ],
  ])('%s', (_, body, message) => {
    expect(body).toThrow(ArgumentError);
    expect(body).toThrow(message);
  });
});
