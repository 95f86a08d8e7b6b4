/** Bundles of a TypeScript file for pages and for programs, from the sources. */
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

/** One file of JavaScript, `hadal` in it being its sources. `kind` is what runs it. */
export async function bundleFor(kind: 'page' | 'program', entry: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    resolve: {
      alias: [
        { find: /^hadal$/, replacement: fileURLToPath(new URL('../../src/index.ts', import.meta.url)) },
      ],
    },
    build: {
      write: false,
      // As pages are published: what workers run must come through that.
      minify: kind === 'page',
      target: 'es2023',
      ...(kind === 'page' ? { lib: { entry, formats: ['es' as const] } } : { ssr: entry }),
      rolldownOptions: { external: ['koffi'] },
    },
    ...(kind === 'program' ? { ssr: { noExternal: true } } : {}),
  });
  const [output] = Array.isArray(result) ? result : [result];
  if (!('output' in output)) throw new Error('nothing was built');
  const chunks = output.output.filter((o) => o.type === 'chunk');
  if (chunks.length !== 1) throw new Error(`expected one chunk of ${entry}, got ${chunks.length}`);
  return chunks[0].code;
}
