/** The names of kernels for `perf`. */
import { existsSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compileX86 } from '../../src/codegen/x86/index.js';
import { config } from '../../src/index.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import { openNative } from '../../src/runtime/native/index.js';
import { perfMapPath } from '../../src/runtime/native/perf-map.js';
import { NativeExecutable } from '../../src/runtime/native/program.js';

const opened = openNative();
const path = perfMapPath();

function load(name: string): { readonly line: string } {
  if (!opened.ok) throw new Error(opened.reason);
  const b = new L3Builder(name, 1);
  b.store(b.buffer('f32', 'write'), b.index(0), b.constant('f32', 1));
  const { code } = compileX86(b.finish(), opened.features);
  const executable = opened.device.load(name, code);
  if (!(executable instanceof NativeExecutable)) throw new Error('not native');
  return { line: `${executable.address.toString(16)} ${code.length.toString(16)} hadal:` };
}
const lines = (): string[] => readFileSync(path, 'utf8').trimEnd().split('\n');

describe.skipIf(!opened.ok)('config.perfMap', () => {
  beforeEach(() => {
    config.perfMap = false;
    rmSync(path, { force: true });
  });
  afterEach(() => {
    config.perfMap = false;
    rmSync(path, { force: true });
  });

  it('writes nothing until it is asked to', () => {
    load('quiet');
    expect(existsSync(path)).toBe(false);
  });

  it('names what was loaded before and what is loaded after, once each', () => {
    const before = load('before');
    config.perfMap = true;
    const after = load('after the fact');
    expect(lines()).toContain(`${before.line}before`);
    expect(lines().at(-1)).toBe(`${after.line}after the fact`);
    config.perfMap = true;
    expect(new Set(lines()).size).toBe(lines().length);
  });

  it('keeps a name on its line', () => {
    config.perfMap = true;
    const { line } = load('a\nb\0c');
    expect(lines().at(-1)).toBe(`${line}a b c`);
  });

  it('adds to what this process has written, and replaces what an earlier one left', () => {
    writeFileSync(path, '1 2 node\n');
    config.perfMap = true;
    load('more');
    expect(lines()[0]).toBe('1 2 node');
    config.perfMap = false;
    writeFileSync(path, '1 2 of another process\n');
    utimesSync(path, 1, 1);
    const { line } = load('first');
    config.perfMap = true;
    expect(lines()).toEqual([`${line}first`]);
  });

  it('refuses what is not a boolean', () => {
    expect(() => Object.assign(config, { perfMap: 1 })).toThrow('true or false, not 1');
  });
});
