/** Limits of containers on processor time, as control groups of both versions tell them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { availableCores } from '../../src/base/cores.js';
import { cpuLimit } from '../../src/base/cpu-limit.js';

const none = Number.POSITIVE_INFINITY;
const root = '/sys/fs/cgroup';

/** The limit in a system of these files. */
function limit(files: { readonly [path: string]: string }): number {
  return cpuLimit((path) => (Object.hasOwn(files, path) ? files[path] : null));
}

const two = (path: string, ...limits: readonly [group: string, text: string][]): number =>
  limit({
    '/proc/self/cgroup': `0::${path}\n`,
    ...Object.fromEntries(limits.map(([group, text]) => [`${root}${group}/cpu.max`, text])),
  });

describe('cpuLimit', () => {
  it.each([
    ['a container’s own', two('/', ['', '150000 100000\n']), 1.5],
    ['none', two('/', ['', 'max 100000\n']), none],
    ['that of a group', two('/a/b', ['/a/b', '50000 100000']), 0.5],
    ['that of a group around it', two('/a/b', ['/a/b', 'max 100000'], ['/a', '300000 100000']), 3],
    ['the least', two('/a/b', ['/a/b', '400000 100000'], ['/a', '300000 100000'], ['', '900000 100000']), 3],
    [
      'that of the root where a path leads outside',
      two('/../x', ['', '200000 100000'], ['/../x', '1 1000']),
      2,
    ],
    ['none without files', limit({}), none],
    ['none in files of another kind', two('/', ['', 'many 100000']), none],
    ['none for a period of 0', two('/', ['', '100 0']), none],
    ['none for a quota of 0', two('/', ['', '0 100000']), none],
    ['none without a period', two('/', ['', '100000']), none],
    ['none for a negative quota', two('/', ['', '-1 100000']), none],
    ['none for hexadecimals', two('/', ['', '0x10 100000']), none],
  ])('of version 2 is %s', (_, found, wanted) => {
    expect(found).toBe(wanted);
  });

  const one = (path: string, at: string, quota: string, period = '100000\n'): number =>
    limit({
      '/proc/self/cgroup': `5:memory:/m\n4:cpu,cpuacct:${path}\n1:name=systemd:/x\n`,
      [`${root}/cpu,cpuacct${at}/cpu.cfs_quota_us`]: quota,
      [`${root}/cpu,cpuacct${at}/cpu.cfs_period_us`]: period,
    });

  it.each([
    ['that of a group', one('/docker/1', '/docker/1', '250000\n'), 2.5],
    ['that of the root, which a container sees in place of its group', one('/docker/1', '', '200000\n'), 2],
    ['none', one('/docker/1', '', '-1\n'), none],
    ['none without a period', one('/docker/1', '', '200000', ''), none],
  ])('of version 1 is %s', (_, found, wanted) => {
    expect(found).toBe(wanted);
  });

  it('takes whatever files hold, and reads no file outside of the groups', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('0', '1', ':', '/', '.', ',', '\n', ' ', 'cpu', 'max', '-', '\0') }),
    );
    fc.assert(
      fc.property(text, text, (groups, content) => {
        const found = cpuLimit((path) => {
          if (path === '/proc/self/cgroup') return groups;
          expect(path.startsWith(`${root}/`)).toBe(true);
          expect(path.split('/')).not.toContain('..');
          expect(path).not.toContain('\0');
          return content;
        });
        expect(found).toBeGreaterThan(0);
      }),
      { numRuns: 2000 },
    );
  });

  it('looks at so many files and no more', () => {
    let reads = 0;
    const lines = `0::${'/a'.repeat(60)}\n1:cpu:${'/a'.repeat(60)}\n2:cpu:${'/a'.repeat(5000)}\n`.repeat(100);
    cpuLimit((path) => {
      reads++;
      return path === '/proc/self/cgroup' ? lines : '1 1';
    });
    expect(reads).toBeLessThan(200);
  });
});

describe('availableCores', () => {
  it('is a number of this machine’s', () => {
    expect(availableCores()).toBeGreaterThanOrEqual(1);
    expect(Number.isInteger(availableCores())).toBe(true);
  });

  it('is less in a container of less', () => {
    const real = process.getBuiltinModule;
    const files = new Map([
      ['/proc/self/cgroup', '0::/\n'],
      [`${root}/cpu.max`, '350000 100000\n'],
    ]);
    const open: string[] = [];
    const fake = {
      constants: { O_RDONLY: 0, O_NONBLOCK: 2048 },
      openSync: (path: string) => {
        if (!files.has(path)) throw new Error('ENOENT');
        return open.push(path) - 1;
      },
      readSync: (file: number, into: Uint8Array) =>
        new TextEncoder().encodeInto(files.get(open[file]) ?? '', into).written,
      closeSync: () => {},
    };
    process.getBuiltinModule = ((name: string) =>
      name === 'node:fs' ? fake : { availableParallelism: () => 16 }) as typeof real;
    try {
      expect(availableCores()).toBe(3);
      files.set(`${root}/cpu.max`, '20000 100000\n');
      expect(availableCores()).toBe(1);
      files.delete(`${root}/cpu.max`);
      expect(availableCores()).toBe(16);
    } finally {
      process.getBuiltinModule = real;
    }
  });
});
