/** Stores that go past the caches store the same, at any address. */
import { describe, expect, it } from 'vitest';
import { compileX86 } from '../../src/codegen/x86/compile.js';
import { explain, full, ones } from '../../src/index.js';
import { STREAMED_BYTES } from '../../src/kernel/l2.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';
import { compareEngines, levels, missing } from './run.js';

const COUNT = 400;

/** out[i + shift] = 2 in[i] for whole vectors, then lane by lane. */
function doubled(lanes: number) {
  const b = new L3Builder('doubled', lanes);
  const [input, output] = [b.buffer('f32', 'read'), b.buffer('f32', 'write')];
  const [shift, count] = [b.size(), b.size()];
  const step = (i: ReturnType<typeof b.index>, wide: number): void => {
    const x = b.load(input, i, { lanes: wide });
    b.store(output, b.add(i, shift), b.add(x, x), { streamed: true });
  };
  const whole = b.mul(b.div(count, b.index(lanes)), b.index(lanes));
  b.forEach(b.index(0), whole, lanes, (i) => step(i, lanes));
  b.forEach(whole, count, 1, (i) => step(i, 1));
  return b.finish();
}

describe.each(levels)('streamed stores on %s', (level) => {
  const lanes = level === 'avx512' ? 16 : 8;
  const why = missing(level);

  it.skipIf(why !== null)('store the same at every offset', () => {
    const input = new Uint8Array(Float32Array.from({ length: COUNT }, (_, i) => i / 7 - 20).buffer);
    for (let shift = 0; shift <= lanes; shift++) {
      const output = new Uint8Array(4 * (COUNT + lanes));
      compareEngines(doubled(lanes), level, [
        { buffers: [input, output], sizes: [shift, COUNT - 3], scalars: [] },
      ]);
    }
  });

  if (level === 'avx512')
    it.skipIf(why !== null)('store what a mask says, and stream where it leaves nothing out', () => {
      const b = new L3Builder('masked', lanes);
      const [input, output] = [b.buffer('f32', 'read'), b.buffer('f32', 'write')];
      const count = b.size();
      b.forEach(b.index(0), count, lanes, (i) => {
        const mask = b.tail(b.sub(count, i));
        b.store(output, i, b.load(input, i, { lanes, mask }), { mask, streamed: true });
      });
      const fn = b.finish();
      expect(compileX86(fn, { level }).listing).toContain('vmovntps');
      const values = new Uint8Array(Float32Array.from({ length: COUNT }, (_, i) => i / 7 - 20).buffer);
      for (const n of [1, lanes - 1, lanes, 2 * lanes + 3])
        compareEngines(fn, level, [
          { buffers: [values, new Uint8Array(4 * COUNT)], sizes: [n], scalars: [] },
        ]);
    });

  it.skipIf(why !== null)('pass the caches, and are fenced off from what follows', () => {
    const { listing } = compileX86(doubled(lanes), { level });
    expect(listing).toContain('vmovntps');
    expect(listing).toMatch(/sfence\s+vzeroupper/);
  });
});

forEachEngine(
  'large results',
  (space) => {
    const columns = 1001;
    const rows = Math.ceil(STREAMED_BYTES / 4 / columns);

    it('are streamed, small ones are not', () => {
      withWorkspace(space, () => {
        const x = full([rows, columns], 3);
        expect(String(explain(x.mul(2)))).toContain('(streamed)');
        expect(String(explain(x.index(0).mul(2)))).not.toContain('(streamed)');
      });
    });

    it('are right to the last element', () => {
      withWorkspace(space, () => {
        const values = ones([rows, columns]).cumsum(1).mul(2).dataSync();
        for (const row of [0, 1, 15, rows - 1])
          for (const column of [0, 1, 17, columns - 2, columns - 1])
            expect(values[row * columns + column]).toBe(2 * (column + 1));
      });
    });
  },
  ['wasm', 'native AVX-512', 'native AVX2'],
);
