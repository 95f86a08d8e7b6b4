/** Programs of the tests that need a process of their own: bundled from the sources, since Node 20 does not run TypeScript. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

/** Beside the installed packages, so that they are found from there; git ignores it. */
const cache = fileURLToPath(new URL('../../../../node_modules/.cache/hadal/', import.meta.url));

/** Bundles a TypeScript file and gives the path of the program. */
export async function bundleChild(entry: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      ssr: entry,
      target: 'node20',
      rolldownOptions: { external: ['koffi', 'jpeg-js'] },
    },
  });
  const [output] = Array.isArray(result) ? result : [result];
  if (!('output' in output)) throw new Error('nothing was built');
  const chunks = output.output.filter((o) => o.type === 'chunk');
  if (chunks.length !== 1) throw new Error(`expected one chunk of ${entry}, got ${chunks.length}`);
  mkdirSync(cache, { recursive: true });
  const program = `${cache}${basename(entry, '.ts')}.mjs`;
  writeFileSync(program, chunks[0].code);
  return program;
}
