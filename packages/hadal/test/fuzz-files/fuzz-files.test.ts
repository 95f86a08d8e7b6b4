/** A short run of what `npm run fuzz:files` does at length, in a process of its own so that its memory can be measured. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { bundleChild } from '../support/child.js';
import type { FormatReport } from './fuzz.js';
import { mutate, Random } from './mutate.js';

const run = promisify(execFile);
const fixtures = fileURLToPath(new URL('../fixtures', import.meta.url));
let program = '';
beforeAll(async () => {
  program = await bundleChild(fileURLToPath(new URL('./fuzz-child.ts', import.meta.url)));
}, 60_000);

describe('damaged files', { timeout: 120_000 }, () => {
  test.each([1, 2])(
    'load or are refused with a typed error, quickly and in little memory; seed %i',
    async (seed) => {
      const { stdout } = await run(process.execPath, [program, fixtures, '1000', String(seed)], {
        timeout: 100_000,
      });
      const report = JSON.parse(stdout) as { formats: FormatReport[]; megabytes: number };
      expect(report.formats.flatMap(({ failures }) => failures)).toEqual([]);
      expect(report.formats.map(({ format }) => format)).toEqual(['safetensors', 'IDX', 'PNG', 'JPEG']);
      for (const { loaded, refused, slowest } of report.formats) {
        expect(loaded + refused).toBe(1000);
        // Both must be met, or nothing was tested.
        expect(loaded).toBeGreaterThan(20);
        expect(refused).toBeGreaterThan(200);
        expect(slowest).toBeLessThan(5000);
      }
      expect(report.megabytes).toBeLessThan(512);
    },
  );
});

test('damage is a function of its seed', () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);
  const one = (seed: number) => mutate(bytes, new Random(seed));
  expect(one(5)).toEqual(one(5));
  expect(new Set(Array.from({ length: 50 }, (_, seed) => one(seed).join())).size).toBeGreaterThan(40);
});
