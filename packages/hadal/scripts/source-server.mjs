/** Runs TypeScript of the sources and tests from a script, without a build. */
import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';

/** The folder of this package. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** Gives `body` the exports of a module, named by its path from the package's folder, such as '/test/support/fuzz.ts'. */
export async function withModule(path, body) {
  const server = await createServer({
    configFile: false,
    root,
    server: { middlewareMode: true, watch: null, hmr: false, ws: false },
    appType: 'custom',
    logLevel: 'error',
    optimizeDeps: { noDiscovery: true, include: [] },
  });
  try {
    await body(await server.ssrLoadModule(path));
  } finally {
    await server.close();
  }
}
