/**
 * Runs every example of the documentation: the `@example` of each docstring and the TypeScript blocks of README.md. What an example
 * prints must be what its comment after `console.log(...)` says.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { transformWithOxc } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as datasets from '../../src/datasets/index.js';
import * as main from '../../src/index.js';
import * as io from '../../src/io/index.js';

const hadal = { ...main, ...datasets, ...io };

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const src = join(root, 'packages/hadal/src');

interface Example {
  readonly title: string;
  readonly code: string;
}

function docstringExamples(): Example[] {
  const out: Example[] = [];
  for (const file of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const text = readFileSync(join(src, file), 'utf8');
    for (const [comment] of text.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
      const lines = comment
        .replace(/^\/\*\*|\*\/$/g, '')
        .split('\n')
        .map((l) => l.replace(/^\s*\* ?/, ''));
      const start = lines.findIndex((l) => l.trim() === '@example');
      if (start < 0) continue;
      const rest = lines.slice(start + 1);
      const end = rest.findIndex((l) => l.startsWith('@'));
      const code = (end < 0 ? rest : rest.slice(0, end)).filter((l) => !l.startsWith('```')).join('\n');
      const line = text.slice(0, text.indexOf(comment)).split('\n').length;
      out.push({ title: `${file}:${line}`, code });
    }
  }
  return out;
}

/** `import { a, b as c, type T } from 'hadal'` (or a subpath) as a destructuring of what the package exports. */
function withoutImports(code: string): string {
  return code.replace(/import\s*\{([^}]*)\}\s*from\s*'hadal(?:\/\w+)?';?/g, (_, names: string) => {
    const list = names
      .split(',')
      .map((n) => n.trim())
      .filter((n) => n !== '' && !n.startsWith('type '))
      .map((n) => n.replace(/\s+as\s+/, ': '));
    return `const { ${list.join(', ')} } = hadal;`;
  });
}

/** Erases the types that examples have. */
async function withoutTypes(code: string): Promise<string> {
  return (await transformWithOxc(code, 'example.ts', { sourceType: 'module', sourcemap: false })).code;
}

type Runner = (lib: typeof hadal, console: { log: (...x: unknown[]) => void }) => Promise<void>;

async function run(code: string): Promise<string[]> {
  const printed: string[] = [];
  const AsyncFunction = (async () => {}).constructor as new (...args: string[]) => Runner;
  const body = new AsyncFunction('hadal', 'console', await withoutTypes(withoutImports(code)));
  const show = (x: unknown): string =>
    typeof x === 'string' ? x : inspect(x, { breakLength: Number.POSITIVE_INFINITY });
  await body(hadal, { log: (...x) => void printed.push(x.map(show).join(' ')) });
  return printed;
}

/** Where examples save files. */
const folder = mkdtempSync(join(tmpdir(), 'hadal-examples-'));
beforeAll(() => process.chdir(folder));
afterAll(() => {
  process.chdir(root);
  rmSync(folder, { recursive: true });
});

const examples = docstringExamples();

describe('examples in docstrings', () => {
  test('are found', () => {
    expect(examples.length).toBeGreaterThan(15);
  });

  test.each(examples)('$title', async ({ code }) => {
    expect(code).toContain("from 'hadal");
    const expected = [...code.matchAll(/console\.log\(.*\);? \/\/ (.*)$/gm)].map((m) => m[1].trim());
    const before = hadal.engine().name;
    const printed = await run(code);
    if (hadal.engine().name !== before) await hadal.setEngine(before as 'native');
    // A line in a loop says all that it prints.
    expect(printed.join(' ')).toBe(expected.join(' '));
  });
});
