/** Every L3 op on every type it takes, scalar and vector, on values that tell definitions apart. */
import { describe, expect, it } from 'vitest';
import { compileX86 } from '../../src/codegen/x86/compile.js';
import type { L3Function } from '../../src/kernel/l3.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import type { Case } from './op-cases.js';
import { cases, isScalarOnly } from './op-cases.js';
import { COUNT, data } from './op-data.js';
import type { Arguments, Level } from './run.js';
import { compareEngines, dotsOf, levels, missing, runNative } from './run.js';

function check(c: Case, level: Level, lanes: number, wide = false): void {
  const b = new L3Builder(
    c.name.replaceAll(' ', '_'),
    lanes,
    { float16: true, scales: false, prefetches: true },
    wide,
  );
  const inputs = c.inputs.map((mem) => b.buffer(mem, 'read'));
  const output = b.buffer(c.output, 'readwrite');
  b.forEach(b.index(0), b.size(), lanes, (i) => {
    const mask = c.masked ? b.load(inputs[0], i, { lanes }) : null;
    const x = inputs.map((slot) => b.load(slot, i, { lanes, mask }));
    b.store(output, i, c.build(b, x, i), { mask });
  });
  const stride = [1, 5, 7, 3];
  const block = (shift: number): Arguments => ({
    buffers: [...c.inputs.map((mem, k) => data(mem, stride[k] + shift)), data(c.output, 11).fill(0)],
    sizes: [COUNT],
    scalars: [],
  });
  compareEngines(b.finish(), level, [block(0), block(4)]);
}

describe.each(levels)('%s', (level) => {
  const why = missing(level);
  const vector = level === 'avx512' ? 16 : 8;
  const note = why ? ` (${why})` : '';
  const onScalars = cases.filter((c) => !c.vectorOnly && (!c.avx512Only || level === 'avx512'));
  it.skipIf(why !== null).each(onScalars)(`$name on scalars${note}`, (c) => check(c, level, 1));
  const onVectors = cases.filter(
    (c) => !isScalarOnly(c) && (!(c.masked || c.avx512Only) || level === 'avx512'),
  );
  it.skipIf(why !== null).each(onVectors.filter((c) => c.needs === undefined))(
    `$name on ${vector} lanes${note}`,
    (c) => check(c, level, vector),
  );
  const dots = why === null ? dotsOf(level) : [];
  for (const c of onVectors.filter((c) => c.needs !== undefined)) {
    const has = c.needs !== undefined && dots.includes(c.needs);
    const lack = has ? '' : ` (the processor has no ${c.needs})`;
    it.skipIf(!has)(`${c.name} on ${vector} lanes${note}${lack}`, () => check(c, level, vector));
  }
  const inWide = cases.filter(
    (c) => !/index|zip|dot|horizontal (?!.*mask)|^(div|rem) i|^(div|rem) of/.test(c.name),
  );
  if (level === 'avx512')
    it.skipIf(why !== null).each(inWide)(`$name on 8 wide lanes${note}`, (c) => check(c, level, 8, true));
});

/** Transposes `blocks` blocks of lanes x lanes, one behind the other in memory, by perfect shuffles in registers. */
function transposed(lanes: number): L3Function {
  const b = new L3Builder('transpose', lanes);
  const [input, output] = [b.buffer('f32', 'read'), b.buffer('f32', 'readwrite')];
  const blocks = b.size();
  b.forEach(b.index(0), blocks, 1, (block) => {
    const at = b.mul(block, b.index(lanes * lanes));
    let rows = Array.from({ length: lanes }, (_, i) => b.load(input, at, { lanes, offset: i * lanes }));
    for (let n = lanes; n > 1; n /= 2) {
      rows = rows.slice(0, lanes / 2).flatMap((a, i) => {
        const c = rows[i + lanes / 2];
        return [b.zip('low', a, c), b.zip('high', a, c)];
      });
    }
    rows.forEach((v, i) => {
      b.store(output, at, v, { offset: i * lanes });
    });
  });
  return b.finish();
}

describe.each(levels)('zip on %s', (level) => {
  const lanes = level === 'avx512' ? 16 : 8;
  const fn = transposed(lanes);

  it('transposes a block without a spill, one move for two zips at most', () => {
    const { listing } = compileX86(fn, { level });
    expect(listing).toContain(' 0 spills');
    const zips = lanes * Math.log2(lanes);
    const count = (name: string): number => listing.split(`  ${name} `).length - 1;
    expect(count('vmovaps')).toBe(level === 'avx512' ? zips / 2 : 0);
    expect(count('vpermt2ps')).toBe(level === 'avx512' ? zips : 0);
    expect(count('vperm2f128')).toBe(level === 'avx512' ? 0 : zips);
    // The blocks, and what the permutations go by.
    expect(count('vmovups')).toBe(2 * lanes + (level === 'avx512' ? 2 : 0));
  });

  it.skipIf(missing(level) !== null)('transposes', () => {
    const blocks = 3;
    const side = lanes * lanes;
    const a = Float32Array.from({ length: blocks * side }, (_, i) => i);
    const out = new Float32Array(blocks * side);
    const buffers = [new Uint8Array(a.buffer), new Uint8Array(out.buffer)];
    compareEngines(fn, level, [{ buffers, sizes: [blocks], scalars: [] }]);
    runNative(fn, level, [{ buffers, sizes: [blocks], scalars: [] }]);
    const at = (i: number): number => i - (i % side) + (i % lanes) * lanes + Math.floor((i % side) / lanes);
    expect([...out]).toEqual(Array.from(out, (_, i) => at(i)));
  });
});

describe.skipIf(missing('avx512') !== null)('tail', () => {
  it('is on below the count, however large the count', () => {
    const b = new L3Builder('tail', 16);
    const input = b.buffer('f32', 'read');
    const output = b.buffer('f32', 'readwrite');
    const count = b.size();
    const mask = b.tail(count);
    b.store(output, b.index(0), b.load(input, b.index(0), { lanes: 16, mask }), { mask });
    const fn = b.finish();
    for (const n of [0, 1, 7, 15, 16, 17, 255, 256, 257, 65536, 2 ** 32, 2 ** 32 + 3]) {
      const buffers = [data('f32', 1), new Uint8Array(4 * COUNT).fill(9)];
      compareEngines(fn, 'avx512', [{ buffers, sizes: [n], scalars: [] }]);
    }
  });
});
