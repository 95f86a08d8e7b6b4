/** The verb `profile`: it runs a script with the script's own arguments and reports on it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ones } from '../../src/index.js';
import { hadal } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'hadal-profile-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Scripts run in this process and cannot import the sources, so they call what is put here for them. */
const bridge = globalThis as { profiled?: (args: readonly string[]) => unknown };
const seen: string[][] = [];

let scripts = 0;
function script(text: string): string {
  const path = join(folder, `script-${scripts++}.mjs`);
  writeFileSync(path, text);
  return path;
}

beforeAll(() => {
  bridge.profiled = (args) => {
    seen.push([...args]);
    return ones([8, 8])
      .matmul(ones([8, 8]))
      .relu()
      .dataSync();
  };
});

describe('hadal profile', () => {
  const run = 'await globalThis.profiled(process.argv.slice(2));';

  test('prints where the time of a script went, which gets the arguments behind it', async () => {
    const before = process.argv;
    const { code, out, err } = await hadal('profile', '--rows', '5', script(run), '--epochs', '3', '--json');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/1 graph run, 1 launch on/);
    expect(out).toContain('gemm_relu');
    expect(seen.at(-1)).toEqual(['--epochs', '3', '--json']);
    expect(process.argv).toBe(before);
  });

  test('as JSON, with the timeline in a file', async () => {
    const trace = join(folder, 'trace.json');
    const { code, out, err } = await hadal('profile', '--json', '--trace', trace, script(run));
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ launches: 1, kernels: [{ name: 'gemm_relu', count: 1 }] });
    expect(err).toContain(trace);
    const events = JSON.parse(readFileSync(trace, 'utf8')).traceEvents as { name: string }[];
    expect(events.some((e) => e.name === 'gemm_relu')).toBe(true);
  });

  test('says so where nothing was launched', async () => {
    const { out } = await hadal('profile', script('export const x = 1;'));
    expect(out).toContain('Nothing was launched');
  });

  test('a script that is not there or a trace that cannot be written is one line', async () => {
    expect(await hadal('profile', join(folder, 'no.mjs'))).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^hadal: .*no\.mjs does not exist/),
    });
    const { code, err } = await hadal('profile', '--trace', join(folder, 'no', 't.json'), script(run));
    expect(code).toBe(1);
    expect(err).toMatch(/^hadal: saveTrace: .* cannot be written/);
  });
});
