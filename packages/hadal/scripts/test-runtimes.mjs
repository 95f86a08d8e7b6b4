/**
 * The engine's tests, all of them, in Node, Deno, Bun and Chromium:
 *
 *     npm run test:runtimes
 *
 * Deno and Bun come from npm into a folder beside the installed packages (some 200 MB), without install scripts. Chromium is that of
 * the system. Exits with 1 if anything differs, or if a runtime is missing.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { commandLine } from './command-line.mjs';
import { withModule } from './source-server.mjs';

commandLine({
  help: `
The engine's tests in Node, Deno, Bun and Chromium (with and without cross-origin isolation).

Usage: npm run test:runtimes

Deno and Bun come from npm into a folder beside the installed packages (some 200 MB), without install scripts. Chromium is that of
the system. Exit code 1 if anything differs, or if a runtime is missing.`,
});

const versions = { deno: '2.9.6', bun: '1.4.5' };
let failed = false;

function fail(line) {
  console.error(line);
  failed = true;
}

await withModule(
  '/test/everywhere/runtimes.ts',
  async ({ bundleCommand, cache, failuresOf, findRuntimes, runIn, summary }) => {
    if (findRuntimes().length < 3) {
      mkdirSync(cache, { recursive: true });
      writeFileSync(`${cache}package.json`, JSON.stringify({ private: true, dependencies: versions }));
      execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
        cwd: cache,
        stdio: 'inherit',
      });
    }
    const command = await bundleCommand();
    const runtimes = findRuntimes();
    for (const name of ['Deno', 'Bun'])
      if (!runtimes.some((r) => r.name === name)) fail(`${name} has no program for this system`);
    for (const runtime of runtimes) {
      try {
        const report = await runIn(runtime, command, 1);
        console.log(summary(runtime.name, report));
        for (const failure of failuresOf(report)) fail(`  ${failure}`);
      } catch (error) {
        fail(`${runtime.name} failed: ${error.message}`);
      }
    }
  },
);

await withModule('/test/everywhere/pages.ts', async ({ failuresOf, findChromium, openPages, summary }) => {
  const chromium = findChromium();
  if (chromium === null) {
    fail('Chromium is not in PATH');
    return;
  }
  const pages = await openPages(chromium);
  for (const isolated of [true, false]) {
    const report = await pages(isolated, 1);
    console.log(summary(`Chromium, ${isolated ? 'isolated' : 'not isolated'}`, report));
    for (const failure of failuresOf(report)) fail(`  ${failure}`);
  }
});

if (failed) process.exitCode = 1;
