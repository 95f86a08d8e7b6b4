import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MemType } from '../../src/kernel/l3.js';
import { ELEMENTS, mems, randomProgram } from './random-program.js';
import type { Arguments } from './run.js';
import { compareEngines, levels, missing } from './run.js';

function randomArguments(seed: number): Arguments {
  let state = (seed ^ 0x9e3779b9) >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
  const floats = Float32Array.from({ length: ELEMENTS }, () => {
    const kind = next() >>> 28;
    if (kind === 0)
      return [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0][(next() >>> 20) & 3];
    return (next() / 2 ** 32 - 0.5) * 2 ** ((next() >>> 28) - 4);
  });
  const ints = Int32Array.from({ length: ELEMENTS }, () =>
    next() & 0x100 ? next() | 0 : (next() >>> 24) - 100,
  );
  const longs = BigInt64Array.from({ length: ELEMENTS }, () => (BigInt(next() | 0) << 32n) | BigInt(next()));
  const small = Uint8Array.from({ length: ELEMENTS }, () => next() >>> 16);
  const bools = Uint8Array.from({ length: ELEMENTS }, () => (next() >>> 20) & 1);
  const doubles = Float64Array.from(floats, (x) => x * (1 + next() / 2 ** 40));
  const halves = Int16Array.from(ints);
  const words = Uint32Array.from(ints, (x) => x);
  const data = {
    f32: floats,
    i32: ints,
    i64: longs,
    u8: small,
    bool: bools,
    f64: doubles,
    i8: small,
    i16: halves,
    u16: halves,
    u32: words,
    f16: halves,
  } satisfies { readonly [M in MemType]: ArrayBufferView };
  const inputs = mems.map((mem) => new Uint8Array(data[mem].buffer.slice(0)));
  return {
    buffers: [...inputs, ...inputs.map((x) => new Uint8Array(x.byteLength))],
    sizes: [3, (next() >>> 16) % 4, 1 + ((next() >>> 16) % 6)],
    scalars: [
      1.5 - ((next() >>> 16) % 8),
      (next() | 0) >> 8,
      (BigInt(next() | 0) << 20n) + 5n,
      next() / 1e9 - 2,
    ],
  };
}

describe.each(levels)('random programs on %s', (level) => {
  const why = missing(level);
  const lanesOf = { avx512: 16, avx2: 8 };
  const sizes = [
    { name: 'short', length: 12, depth: 2, runs: 150 },
    { name: 'nested', length: 25, depth: 4, runs: 100 },
    { name: 'with more values than registers', length: 220, depth: 1, runs: 25 },
  ];
  for (const { lanes, wide } of [
    { lanes: 1, wide: false },
    { lanes: lanesOf[level], wide: false },
    ...(level === 'avx512' ? [{ lanes: 8, wide: true }] : []),
  ]) {
    it.skipIf(why !== null).each(sizes)(
      `$name, ${lanes} ${wide ? 'wide ' : ''}lanes, agree with the interpreter${why ? ` (${why})` : ''}`,
      ({ length, depth, runs }) => {
        let compared = 0;
        fc.assert(
          fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (seed) => {
            const fn = randomProgram({ seed, lanes, wide, masks: level === 'avx512', length, depth });
            compareEngines(fn, level, [randomArguments(seed), randomArguments(seed + 1)]);
            compared++;
          }),
          { numRuns: runs, seed: 20240601 + lanes, endOnFailure: true },
        );
        expect(compared).toBe(runs);
      },
      120_000,
    );
  }
});
