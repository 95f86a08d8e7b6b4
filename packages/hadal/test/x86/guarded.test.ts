/** Kernels of all kinds touch nothing outside of their buffers. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundleChild } from '../support/child.js';
import { levels, missing } from './run.js';

describe.each(levels)('%s in memory beside protected pages', (level) => {
  const why = missing(level);
  let program = '';
  beforeAll(async () => {
    program = await bundleChild(fileURLToPath(new URL('./guarded-child.ts', import.meta.url)));
  });

  it.skipIf(why !== null).each([
    ['start', 'read:-1', 'SIGSEGV'],
    ['start', 'write:-1', 'SIGSEGV'],
    ['start', 'read:4', null],
    ['end', 'read:5', 'SIGSEGV'],
    ['end', 'write:5', 'SIGSEGV'],
    ['end', 'write:0', null],
    ['end', 'released:0', 'SIGSEGV'],
  ] as const)('at the %s: %s ends a process with %s', (edge, access, wanted) => {
    const { stdout, signal } = spawnSync(process.execPath, [program, level, edge, access], {
      encoding: 'utf8',
    });
    expect({ stdout, signal }).toEqual({
      stdout: wanted === null ? 'ready\ndone\n' : 'ready\n',
      signal: wanted,
    });
  });

  it.skipIf(why !== null).each(['start', 'end'] as const)(
    `leaves what lies beyond the %s of its buffers alone${why ? ` (${why})` : ''}`,
    (edge) => {
      const { stdout, stderr, signal } = spawnSync(process.execPath, [program, level, edge], {
        encoding: 'utf8',
        timeout: 110_000,
      });
      const last = stdout.trim().split('\n').at(-1);
      expect({ last, stderr, signal }).toEqual({ last: 'done', stderr: '', signal: null });
    },
    120_000,
  );
});
