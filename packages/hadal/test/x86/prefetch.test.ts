/** Hints ahead of loads and stores change nothing, wherever it points to. */
import { describe, expect, it } from 'vitest';
import { compileX86 } from '../../src/codegen/x86/compile.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import { printL3 } from '../../src/kernel/l3-print.js';
import { verifyL3 } from '../../src/kernel/l3-verify.js';
import { compareEngines, levels, missing } from './run.js';

function copy(lanes: number, prefetches: boolean, access: 'read' | 'readwrite' = 'readwrite') {
  const b = new L3Builder('copy', lanes, { float16: false, scales: false, prefetches });
  const [input, output] = [b.buffer('f32', access), b.buffer('f32', 'write')];
  b.forEach(b.index(0), b.size(), lanes, (i) => {
    b.prefetch('store', output, b.mul(i, b.index(1 << 20)), -3);
    b.prefetch('load', input, b.mul(i, b.index(1 << 20)), 1 << 20);
    if (access === 'read') b.prefetch('store', input, i);
    b.store(output, i, b.load(input, i, { lanes }));
  });
  return b.finish();
}

describe.each(levels)('prefetches on %s', (level) => {
  const lanes = level === 'avx512' ? 16 : 8;
  const why = missing(level);

  it.skipIf(why !== null)('touch nothing', () => {
    const fn = copy(lanes, true);
    expect(compileX86(fn, { level }).listing).toMatch(/prefetchw.*prefetcht0/s);
    const values = new Uint8Array(Float32Array.from({ length: 64 }, (_, i) => i / 7).buffer);
    compareEngines(fn, level, [{ buffers: [values, new Uint8Array(256)], sizes: [64], scalars: [] }]);
  });
});

it('prefetches are there for targets that have them, and for memory that is stored to', () => {
  expect(printL3(copy(8, true))).toContain('prefetch to store f32');
  expect(printL3(copy(8, false))).not.toContain('prefetch');
  expect(() => verifyL3(copy(8, true))).not.toThrow();
  expect(() => verifyL3(copy(8, true, 'read'))).toThrow('b0 is not f32 memory to store');
});
