/**
 * Memory frees itself: resident memory stays flat over many training steps, synchronous and with `await`. Each case runs in a process
 * of its own, so that nothing else is measured. The full run is `npm run bench -- --suite memory`; here the steps are
 * fewer and the bound is wider, for the noise of a short run. V8's heap and the pools take some 8,000 steps to find their size.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'vite';
import { beforeAll, describe, expect, test } from 'vitest';

const run = promisify(execFile);
const entry = fileURLToPath(new URL('./memory-child.ts', import.meta.url));
/** Beside the installed packages, so that koffi is found from there; git ignores it. */
const cache = fileURLToPath(new URL('../../../../node_modules/.cache/hadal/', import.meta.url));
const program = `${cache}memory-child.mjs`;

beforeAll(async () => {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    build: { write: false, ssr: entry, target: 'node20', rolldownOptions: { external: ['koffi'] } },
  });
  const [output] = Array.isArray(result) ? result : [result];
  if (!('output' in output)) throw new Error('nothing was built');
  mkdirSync(cache, { recursive: true });
  writeFileSync(program, output.output.map((o) => (o.type === 'chunk' ? o.code : '')).join('\n'));
});

describe('resident memory', () => {
  for (const engine of ['native', 'wasm']) {
    for (const mode of ['sync', 'await', 'compiled']) {
      test(`is flat on ${engine}, ${mode}`, { timeout: 120_000 }, async () => {
        const { stdout } = await run(process.execPath, [program, engine, mode, '16000']);
        const result = JSON.parse(stdout) as { skipped?: string; first: number; last: number };
        if (result.skipped !== undefined) return;
        expect(result.last).toBeLessThan(result.first * 1.15);
      });
    }
  }
});

test('what a step leaves behind goes when V8 goes over its young generation', {
  timeout: 60_000,
}, async () => {
  const { stdout } = await run(process.execPath, ['--expose-gc', program, 'native', 'scavenged', '0']);
  const result = JSON.parse(stdout) as { skipped?: string; first: number; last: number };
  if (result.skipped !== undefined) return;
  // A step leaves more than 2 MB of values that the model has handed out.
  expect(result.last - result.first).toBeLessThan(0.5e6);
});

test('large results that are dropped make room for the next ones', {
  timeout: 60_000,
}, async () => {
  const { stdout } = await run(process.execPath, [program, 'native', 'large', '200']);
  const result = JSON.parse(stdout) as { skipped?: string; most: number };
  if (result.skipped !== undefined) return;
  // The input, the last result, the one before and one that grew old, of 16 MiB each; V8 alone leaves 100 MB.
  expect(result.most).toBeLessThan(75e6);
});
