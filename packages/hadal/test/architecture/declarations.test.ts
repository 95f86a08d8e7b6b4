/**
 * The types that users see are those of the declarations, where inference may have put an `any` that no source file says: this
 * has them written as the package has them, and reads those that its entries reach.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importsOf, usesOfAny } from './source-scan.js';

const project = fileURLToPath(new URL('../../tsconfig.json', import.meta.url));
const entries = ['index.d.ts', 'datasets/index.d.ts', 'io/index.d.ts'];

let out: string;
const reached = new Map<string, string>();

beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), 'hadal-declarations-'));
  const compiler = createRequire(import.meta.url).resolve('typescript/package.json');
  execFileSync(process.execPath, [
    join(dirname(compiler), 'bin/tsc'),
    ...['-p', project, '--emitDeclarationOnly', '--incremental', 'false', '--composite', 'false'],
    ...['--tsBuildInfoFile', 'null', '--outDir', out],
  ]);
  const waiting = entries.map((entry) => join(out, entry));
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const name = relative(out, file).split(sep).join('/');
    if (reached.has(name)) continue;
    const text = readFileSync(file, 'utf8');
    reached.set(name, text);
    for (const { from } of importsOf(text))
      if (from.startsWith('.')) waiting.push(join(dirname(file), from.replace(/\.js$/, '.d.ts')));
  }
}, 60_000);

afterAll(() => rmSync(out, { recursive: true, force: true }));

describe('the declarations', () => {
  test('reach the tensor, the modules and the engines', () => {
    expect([...reached.keys()]).toEqual(
      expect.arrayContaining(['tensor/tensor.d.ts', 'nn/module.d.ts', 'engine/profile/index.d.ts']),
    );
  });

  test('have no `any`', () => {
    const uses = [...reached].flatMap(([file, text]) => usesOfAny(text).map((use) => `${file}:${use}`));
    expect(uses).toEqual([]);
  });
});
