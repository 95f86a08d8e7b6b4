/** A part of the engine's tests on pages in Chromium; `npm run test:runtimes` runs all of them. */
import { beforeAll, describe, expect, it } from 'vitest';
import { failuresOf, findChromium, openPages, summary } from './pages.js';
import type { Report } from './programs.js';

const chromium = findChromium();
const EVERY = 5;

describe.skipIf(chromium === null)(`Chromium${chromium ? '' : ' (skipped: no Chromium in PATH)'}`, () => {
  let open: (isolated: boolean, every: number) => Promise<Report>;
  beforeAll(async () => {
    open = await openPages(chromium ?? '');
  }, 60_000);

  it.each([
    ['on threads, over shared memory, on a page that is cross-origin isolated', true],
    ['on one thread on a page that is not', false],
  ])(
    'runs the engine %s',
    async (_, isolated) => {
      const report = await open(isolated, EVERY);
      console.log(summary('Chromium', report));
      expect(failuresOf(report)).toEqual([]);
      expect(report.pytorch.run).toBeGreaterThan(3000 / EVERY);
      expect(report.random.run).toBe(100 / EVERY);
      expect({ shared: report.shared, workers: report.workers }).toEqual({
        shared: isolated,
        workers: isolated ? 2 : 0,
      });
    },
    300_000,
  );
});
