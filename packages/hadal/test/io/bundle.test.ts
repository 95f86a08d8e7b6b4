/** `hadal/io` can be bundled for a page: images and bytes need nothing of Node. */
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
      lib: { entry: fileURLToPath(new URL('../../src/io/index.ts', import.meta.url)), formats: ['es'] },
      rolldownOptions: { external: ['jpeg-js'] },
    },
  });
  const [output] = Array.isArray(result) ? result : [result];
  if (!('output' in output)) throw new Error('nothing was built');
  const chunks = output.output.filter((o) => o.type === 'chunk');
  expect(chunks.map(({ imports }) => imports)).toEqual([[]]);
  // The decoder of JPEG comes when the first one is read.
  expect(chunks[0].dynamicImports).toEqual(['jpeg-js']);
  expect(chunks[0].code).not.toContain('__vite-browser-external');
});
