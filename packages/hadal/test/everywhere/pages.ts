/** The engine's tests on pages in Chromium, isolated and not. */
import { fileURLToPath } from 'node:url';
import { bundleFor } from './bundle.js';
import { runPage } from './chromium.js';
import type { Report } from './programs.js';

export { findChromium } from './chromium.js';
export { failuresOf, summary } from './runtimes.js';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Bundles the page once; gives what opens it. */
export async function openPages(
  chromium: string,
): Promise<(isolated: boolean, every: number) => Promise<Report>> {
  const script = await bundleFor('page', file('./page.ts'));
  return async (isolated, every) => {
    const html = `<!doctype html><title>hadal</title><script type="module" src="/page.js?every=${every}"></script>`;
    const report = await runPage(chromium, {
      isolated,
      fixtures: file('../fixtures'),
      timeoutMs: 280_000,
      files: new Map([
        ['/', { type: 'text/html', body: html }],
        ['/page.js', { type: 'text/javascript', body: script }],
      ]),
    });
    return report as Report;
  };
}
