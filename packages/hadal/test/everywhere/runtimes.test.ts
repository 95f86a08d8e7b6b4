/** A part of the engine's tests in each runtime that is there; `npm run test:runtimes` installs all and runs all. */
import { beforeAll, describe, expect, it } from 'vitest';
import { bundleCommand, failuresOf, findRuntimes, runIn, summary } from './runtimes.js';

const EVERY = 20;
const runtimes = findRuntimes();

describe.each(['Node', 'Deno', 'Bun'])('%s', (name) => {
  const runtime = runtimes.find((r) => r.name === name);
  let command = '';
  beforeAll(async () => {
    if (runtime) command = await bundleCommand();
  }, 60_000);

  it('runs the engine on threads', async (test) => {
    if (!runtime) {
      test.skip(`${name} is not installed: npm run test:runtimes does that`);
      return;
    }
    const report = await runIn(runtime, command, EVERY);
    console.log(summary(name, report));
    expect(failuresOf(report)).toEqual([]);
    expect(report.pytorch.run).toBeGreaterThan(3000 / EVERY);
    expect({ shared: report.shared, workers: report.workers }).toEqual({ shared: true, workers: 2 });
  }, 120_000);
});
