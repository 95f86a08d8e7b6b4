import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { bar, bytes, closest, plain, table } from '../../src/cli/text.js';
import { hadal } from './run.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

describe('hadal', () => {
  test.each([
    [['--help'], 0, /Usage: hadal VERB/],
    [['-h'], 0, /devices .*\n +info .*\n +explain .*\n +profile .*\n +predict/],
    [['help'], 0, /Usage: hadal VERB/],
    [['help', 'predict'], 0, /Usage: hadal predict/],
    [['predict', '--help'], 0, /Usage: hadal predict/],
    [['info', 'x', '-h'], 0, /Usage: hadal info/],
    [['--version'], 0, new RegExp(`^${version.replaceAll('.', '\\.')}$`)],
    [[], 2, /Usage: hadal VERB/],
  ])('%j', async (args, code, out) => {
    const ran = await hadal(...args);
    expect(ran).toMatchObject({ code, err: '' });
    expect(ran.out).toMatch(out);
  });

  test.each([
    [['predct'], "hadal: there is no verb 'predct'; did you mean 'predict'?; see hadal --help"],
    [['dev'], "hadal: there is no verb 'dev'; did you mean 'devices'?; see hadal --help"],
    [['frobnicate'], "hadal: there is no verb 'frobnicate'; see hadal --help"],
    [['--versoin'], "hadal: there is no option '--versoin'; see hadal --help"],
    [['devices', '--jsn'], "hadal: Unknown option '--jsn'; see hadal --help"],
    [['devices', 'x'], "hadal: devices takes no arguments, got 'x'; see hadal --help"],
    [['info'], 'hadal: info needs the path of a file or folder; see hadal --help'],
    [['profile'], 'hadal: profile needs the path of a script; see hadal --help'],
    [['profile', '--rows', '0', 'x.js'], "hadal: --rows is an integer, 1 or more; got '0'; see hadal --help"],
    [['predict', 'x.png'], 'hadal: predict needs --model RUN; see hadal --help'],
    [['predict', '--model', 'x'], 'hadal: predict needs the paths of images; see hadal --help'],
    [
      ['predict', '-m', 'x', 'y', '--top', '0'],
      "hadal: --top is an integer, 1 or more; got '0'; see hadal --help",
    ],
    [['explain', '--engine', 'gpu'], /^hadal: --engine is one of native, wasm, reference.*; got 'gpu'; see/],
    [['explain', '--batch', '1e3'], /^hadal: --batch is an integer/],
  ])('%j is not understood: exit code 2', async (args, err) => {
    const ran = await hadal(...args);
    expect(ran).toMatchObject({ code: 2, out: '' });
    if (typeof err === 'string') expect(ran.err).toBe(err);
    else expect(ran.err).toMatch(err);
    expect(ran.err).not.toContain('\n');
  });

  test('the program says what to do where it is not built', () => {
    const folder = mkdtempSync(join(tmpdir(), 'hadal-bin-'));
    try {
      mkdirSync(join(folder, 'bin'));
      copyFileSync(
        fileURLToPath(new URL('../../bin/hadal.js', import.meta.url)),
        join(folder, 'bin', 'hadal.mjs'),
      );
      const { status, stderr } = spawnSync(process.execPath, [join(folder, 'bin', 'hadal.mjs'), '--help']);
      expect(status).toBe(1);
      expect(String(stderr)).toContain('In a clone, run: npm run build');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('hadal devices', () => {
  test('names every engine, and what the machine is', async () => {
    const { code, out } = await hadal('devices');
    expect(code).toBe(0);
    expect(out).toMatch(/^native .*\nwasm .*\nreference +(runs|default)/m);
    expect(out).toMatch(/default/);
    expect(out).toMatch(/^cores +\d+ for this process$/m);
    expect(out).toMatch(/^memory +[\d.]+ GB/m);
  });

  test('as JSON', async () => {
    const report = JSON.parse((await hadal('devices', '--json')).out);
    expect(report.engines.map((e: { name: string }) => e.name)).toContain('reference');
    expect(report.engines.at(-1)).toMatchObject({ runs: true });
    expect(report.cores).toBeGreaterThan(0);
  });
});

describe('hadal explain', () => {
  test.each(['wasm', 'reference'])('shows graph and kernels of an expression on %s', async (engine) => {
    const { code, out } = await hadal('explain', '--engine', engine, '--batch', '4');
    expect(code).toBe(0);
    expect(out).toContain(`(x [4, 64] W [64, 32] + b [32]).relu() on ${engine}`);
    expect(out).toMatch(/^graph$/m);
    expect(out).not.toMatch(/^code$/m);
  });

  test('shows code where asked, and JSON', async () => {
    expect((await hadal('explain', '--engine', 'wasm', '--code')).out).toMatch(/^code\n.+/m);
    const explained = JSON.parse((await hadal('explain', '--engine', 'wasm', '--code', '--json')).out);
    expect(explained.kernels.length).toBeGreaterThan(0);
    expect(explained.code.length).toBeGreaterThan(100);
  });
});

describe('text', () => {
  test('table aligns words to the left and sizes to the right', () => {
    expect(
      table([
        ['a', '1.5 kB', 'x'],
        ['long', '12 B', ''],
      ]),
    ).toBe('a     1.5 kB  x\nlong    12 B');
  });

  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [999_949, '999.9 kB'],
    [999_950, '1.0 MB'],
    [2.5e9, '2.5 GB'],
    [3e15, '3000.0 TB'],
  ])('bytes(%d)', (n, text) => {
    expect(bytes(n)).toBe(text);
  });

  test.each([
    [0, ''],
    [1, '████'],
    [0.5, '██'],
    [0.53125, '██▏'],
    [2, '████'],
    [-1, ''],
  ])('bar(%d)', (share, text) => {
    expect(bar(share, 4)).toBe(text);
  });

  test('plain shows control characters', () => {
    expect(plain('a\u001b[2J\nä')).toBe('a\\x1b[2J\\x0aä');
  });

  test.each([
    ['inof', 'info'],
    ['predicts', 'predict'],
    ['device', 'devices'],
    ['x', undefined],
    ['xyz', undefined],
  ])('closest(%s)', (word, meant) => {
    expect(closest(word, ['devices', 'info', 'explain', 'predict'])).toBe(meant);
  });
});
