/** The package can be bundled for a page: nothing of it imports a Node module or koffi statically. */
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { expect, test } from 'vitest';

test('a bundle for browsers names no Node module', { timeout: 60_000 }, async () => {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      minify: false,
      lib: { entry: fileURLToPath(new URL('../../src/index.ts', import.meta.url)), formats: ['es'] },
    },
  });
  const [output] = Array.isArray(result) ? result : [result];
  if (!('output' in output)) throw new Error('nothing was built');
  const chunks = output.output.filter((o) => o.type === 'chunk');
  expect(chunks.length).toBe(1);
  expect(chunks[0].imports).toEqual([]);
  const named =
    chunks[0].code.match(/^import .*|\bfrom\s*["'](node:|koffi).*|.*__vite-browser-external.*/gm) ?? [];
  expect(named).toEqual([]);
});
