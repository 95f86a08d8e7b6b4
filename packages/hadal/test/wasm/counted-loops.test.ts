/** Loops that only count: their pointers are addresses in locals and their bodies are written several times over. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planKernel } from '../../src/codegen/wasm/plan.js';
import type { Value } from '../../src/kernel/l3.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import { bytesOf, expectSame } from './harness.js';

const data = (): Uint8Array => bytesOf(Float32Array.from({ length: 256 }, (_, i) => Math.sin(i)));

const access = fc.record({
  pointer: fc.nat(2),
  offset: fc.integer({ min: -8, max: 8 }),
  isVector: fc.boolean(),
});

const program = fc.record({
  lanes: fc.constantFrom(1, 4),
  first: fc.nat(3),
  count: fc.nat(10),
  steps: fc.tuple(fc.nat(9), fc.nat(9), fc.nat(9)),
  loads: fc.array(access, { minLength: 1, maxLength: 5 }),
  stores: fc.array(access, { maxLength: 3 }),
  usesIndex: fc.boolean(),
  usesResult: fc.boolean(),
});

describe('loops that only count', () => {
  it('do what the interpreter does, for any count, steps, offsets and stores on their way', () => {
    fc.assert(
      fc.property(program, (p) => {
        const b = new L3Builder('counted', p.lanes);
        const buffers = [b.buffer('f32', 'read'), b.buffer('f32', 'readwrite'), b.buffer('f32', 'readwrite')];
        const out = b.buffer('f32', 'write');
        const [from, to] = [b.size(), b.size()];
        const sum = b.broadcast(b.constant('f32', 0));
        const starts = [16, 24, 40].map((at) => b.add(b.index(at), from));
        const results = b.loop(from, to, 1, [...starts, sum], (i, [...params]) => {
          const places = params.slice(0, 3);
          let acc = params[3];
          for (const { pointer, offset, isVector } of p.loads) {
            const x = b.load(buffers[pointer], places[pointer], { lanes: isVector ? p.lanes : 1, offset });
            acc = b.fma(b.spread(x, p.lanes), b.broadcast(b.constant('f32', 0.5)), acc);
          }
          for (const { pointer, offset, isVector } of p.stores) {
            const value: Value = isVector ? acc : b.load(buffers[0], places[0]);
            b.store(buffers[Math.max(pointer, 1)], places[Math.max(pointer, 1)], value, { offset });
          }
          if (p.usesIndex) b.store(out, i, b.constant('f32', 1), { offset: 8 });
          return [...places.map((place, j) => b.add(place, b.index(p.steps[j]))), acc];
        });
        b.store(out, b.index(0), results[3]);
        if (p.usesResult) b.store(out, b.index(4), b.convert('f32', b.convert('i32', results[0])));
        expectSame(b.finish(), {
          buffers: [data(), data(), data(), new Uint8Array(128)],
          sizes: [p.first, p.first + p.count],
        });
      }),
      { numRuns: 300 },
    );
  });

  it('are told from loops that need their index or where a pointer ends', () => {
    const pointersOf = (body: (b: L3Builder, at: Value, i: Value) => void, readsEnd: boolean): number => {
      const b = new L3Builder('told', 4);
      const [x, o] = [b.buffer('f32', 'read'), b.buffer('f32', 'write')];
      const zero = b.broadcast(b.constant('f32', 0));
      const [end, sum] = b.loop(b.index(0), b.size(), 1, [b.index(0), zero], (i, [at, acc]) => {
        body(b, at, i);
        return [b.add(at, b.index(4)), b.add(acc, b.load(x, at, { lanes: 4 }))];
      });
      b.store(o, readsEnd ? end : b.index(0), sum);
      const fn = b.finish();
      const loop = fn.body.find((instr) => instr.op === 'loop');
      if (loop?.op !== 'loop') throw new Error('no loop');
      return planKernel(fn).pointers(loop).length;
    };
    expect(pointersOf(() => undefined, false)).toBe(1);
    expect(pointersOf(() => undefined, true)).toBe(0);
    expect(pointersOf((b, _, i) => b.store(1, i, b.constant('f32', 1)), false)).toBe(0);
    expect(pointersOf((b, at) => b.store(1, b.mul(at, at), b.constant('f32', 1)), false)).toBe(0);
    expect(pointersOf((b, at) => b.store(1, at, b.constant('f32', 1)), false)).toBe(0);
  });
});
