/**
 * The rules that keep `src` a one-way street, checked on the source text: which folder may import which, no cycles, no
 * `any`, no file that outgrew its concept.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Import, importsOf, usesOfAny } from './source-scan.js';

/** Highest first. Folders of one line may import each other; every folder may import those of the lines below. */
const layers = [
  ['cli'],
  ['nn', 'optim', 'data', 'datasets', 'train', 'random', 'io'],
  ['tensor'],
  ['autograd'],
  ['engine'],
  ['graph'],
  ['schedule'],
  ['kernel'],
  ['codegen'],
  ['runtime'],
  ['base'],
];

/** The vocabulary that the compiler and the engines share; engines need it although it lies above them. */
const shared = new Set(['kernel/l3.ts', 'kernel/abi.ts', 'kernel/target.ts']);
const sharedReaders = new Set(['codegen', 'runtime']);

const maxLines = 600;

const root = fileURLToPath(new URL('../../src', import.meta.url));

const files = new Map(
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [file.split(sep).join('/'), readFileSync(join(root, file), 'utf8')]),
);

/** What a file imports from within `src`, as paths of source files. */
function internalImports(file: string, text: string): Import[] {
  return importsOf(text)
    .filter(({ from }) => from.startsWith('.'))
    .map((entry) => {
      const target = join(root, dirname(file), entry.from.replace(/\.js$/, '.ts'));
      return { ...entry, from: relative(root, target).split(sep).join('/') };
    });
}

/** The number of a file's layer, 0 for the top; files directly in `src` gather what is exported and lie above all. */
function layerOf(file: string): number {
  const slash = file.indexOf('/');
  if (slash < 0) return -1;
  const layer = layers.findIndex((folders) => folders.includes(file.slice(0, slash)));
  if (layer < 0) throw new Error(`${file}: its folder is in no layer; add it to the list in this test`);
  return layer;
}

/** Why `file` may not import `target`, if it may not. */
function violation(file: string, { from: target, typeOnly, line }: Import): string | undefined {
  if (!files.has(target)) return `${file}:${line} imports ${target}, which does not exist`;
  if (typeOnly || layerOf(target) >= layerOf(file)) return undefined;
  if (shared.has(target) && sharedReaders.has(file.split('/')[0])) return undefined;
  return `${file}:${line} imports a value from ${target}, which is a higher layer`;
}

/** Groups of files that import values from each other in a circle. */
function cycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const state = new Map<string, 'open' | 'done'>();
  const path: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): void => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      found.push([...path.slice(path.indexOf(file)), file]);
      return;
    }
    state.set(file, 'open');
    path.push(file);
    for (const next of graph.get(file) ?? []) visit(next);
    path.pop();
    state.set(file, 'done');
  };
  for (const file of graph.keys()) visit(file);
  return found;
}

describe('src', () => {
  test('has files', () => {
    expect(files.size).toBeGreaterThan(10);
  });

  test('imports values only from the same layer or lower ones', () => {
    const violations = [...files].flatMap(([file, text]) =>
      internalImports(file, text).flatMap((entry) => violation(file, entry) ?? []),
    );
    expect(violations).toEqual([]);
  });

  test('has no cycle of value imports', () => {
    const values = [...files].map(([file, text]): [string, string[]] => [
      file,
      internalImports(file, text)
        .filter(({ typeOnly }) => !typeOnly)
        .map(({ from }) => from),
    ]);
    expect(cycles(new Map(values)).map((cycle) => cycle.join(' -> '))).toEqual([]);
  });

  test('imports nothing by a path without its extension or from outside', () => {
    const odd = [...files].flatMap(([file, text]) =>
      importsOf(text)
        .filter(({ from }) =>
          from.startsWith('.') ? !from.endsWith('.js') : !/^(node:|koffi$|jpeg-js$)/.test(from),
        )
        .map(({ from, line }) => `${file}:${line} imports ${from}`),
    );
    expect(odd).toEqual([]);
  });

  test('has no `any`', () => {
    const uses = [...files].flatMap(([file, text]) => usesOfAny(text).map((use) => `${file}:${use}`));
    expect(uses).toEqual([]);
  });

  test(`has no file over ${maxLines} lines`, () => {
    const long = [...files]
      .map(([file, text]) => ({ file, lines: text.trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > maxLines);
    expect(long).toEqual([]);
  });

  test('names its files in kebab-case', () => {
    const kebab = /^([a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+(-[a-z0-9]+)*\.ts$/;
    expect([...files.keys()].filter((file) => !kebab.test(file))).toEqual([]);
  });
});

describe('the checks', () => {
  test('cycles finds a circle and only that', () => {
    const graph = new Map([
      ['a', ['b', 'c']],
      ['b', ['c']],
      ['c', ['d']],
      ['d', ['b']],
    ]);
    expect(cycles(graph)).toEqual([['b', 'c', 'd', 'b']]);
    expect(
      cycles(
        new Map([
          ['a', ['b', 'c']],
          ['b', ['c']],
        ]),
      ),
    ).toEqual([]);
  });

  test('usesOfAny finds the type and not the word', () => {
    expect(usesOfAny('let a: any;\nconst b = c as any[];\ntype D = Record<string, any>;')).toHaveLength(3);
    expect(usesOfAny("// any\nconst a = 'any';\nx.any();\nconst y = { any: 1 };\nany(2); anything")).toEqual(
      [],
    );
  });

  test('layers are read from the folder', () => {
    expect(layerOf('index.ts')).toBeLessThan(layerOf('nn/linear.ts'));
    expect(layerOf('nn/linear.ts')).toBe(layerOf('data/idx.ts'));
    expect(layerOf('codegen/x86/emit.ts')).toBeLessThan(layerOf('runtime/device.ts'));
    expect(() => layerOf('misc/file.ts')).toThrow('in no layer');
  });

  test('a value import upwards is refused, a type import and the shared vocabulary are not', () => {
    const entry = { typeOnly: false, line: 1 };
    expect(violation('base/dtype.ts', { ...entry, from: 'kernel/l3.ts' })).toMatch(
      /base\/dtype\.ts:1 imports a value/,
    );
    expect(violation('base/dtype.ts', { ...entry, from: 'kernel/l3.ts', typeOnly: true })).toBeUndefined();
    expect(violation('runtime/device.ts', { ...entry, from: 'kernel/l3.ts' })).toBeUndefined();
    expect(violation('runtime/device.ts', { ...entry, from: 'kernel/l3-verify.ts' })).toMatch(/higher layer/);
    expect(violation('kernel/l3.ts', { ...entry, from: 'base/errors.ts' })).toBeUndefined();
    expect(violation('kernel/l3.ts', { ...entry, from: 'base/nothing.ts' })).toMatch(/does not exist/);
  });
});
