/**
 * Memory frees itself: after V8 has collected its garbage a training loop holds what it held thousands of steps before, synchronous
 * and with `await`. Each case runs in a process of its own, so that nothing else is measured. Resident memory swings with V8's
 * heap and has a wide bound here; `npm run bench -- --suite memory` measures it over many more steps.
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

interface Taken {
  readonly inUse: number;
  readonly resident: number;
}

describe('memory', () => {
  for (const engine of ['native', 'wasm']) {
    for (const mode of ['sync', 'await', 'compiled']) {
      test(`stays what it is on ${engine}, ${mode}`, { timeout: 120_000 }, async () => {
        const { stdout } = await run(process.execPath, ['--expose-gc', program, engine, mode, '12000']);
        const result = JSON.parse(stdout) as { skipped?: string; first: Taken; last: Taken };
        if (result.skipped !== undefined) return;
        // 9,000 steps: less than 112 bytes each that V8 knows of, less than some 11 kB that it does not.
        expect(result.last.inUse - result.first.inUse).toBeLessThan(1e6);
        expect(result.last.resident).toBeLessThan(result.first.resident * 2);
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
  const result = JSON.parse(stdout) as { skipped?: string; median: number };
  if (result.skipped !== undefined) return;
  // The input, the last result and the one before, of 16 MiB each; V8 alone leaves 100 MB.
  expect(result.median).toBeLessThan(60e6);
});
