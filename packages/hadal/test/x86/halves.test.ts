/** float16 and bfloat16 on the native engine, for each of their values and for what lies between them. */
import { describe, expect, it } from 'vitest';
import { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from '../../src/base/half.js';
import { fromTypedArray } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

const formats = {
  float16: { value: float16Value, bits: float16Bits },
  bfloat16: { value: bfloat16Value, bits: bfloat16Bits },
} as const;

/** All 2^16 values in float32, the points halfway to the next ones, and the float32 on both sides of those. */
function around(value: (bits: number) => number): Float32Array<ArrayBuffer> {
  const all = Float32Array.from({ length: 2 ** 16 }, (_, bits) => value(bits));
  const halfway = all.map((x, bits) => (x + value((bits + 1) & 0xffff)) / 2);
  const words = new Int32Array(halfway.buffer);
  const beside = (step: number): Float32Array<ArrayBuffer> =>
    new Float32Array(words.map((x) => x + step).buffer);
  return Float32Array.from([...all, ...halfway, ...beside(1), ...beside(-1)]);
}

forEachEngine(
  'halves',
  (space) => {
    describe.each(['float16', 'bfloat16'] as const)('%s', (dtype) => {
      const { value, bits } = formats[dtype];
      const x = around(value);
      const nearest = x.map((v) => value(bits(v)));
      const compute = <T>(body: () => T): T => withWorkspace(space, body);

      it('is the nearest one, ties to even, in memory', () => {
        expect(compute(() => fromTypedArray(x, [x.length]).to(dtype).dataSync())).toEqual(nearest);
      });

      it('is the nearest one, ties to even, where it stays in registers', () => {
        const got = compute(() => fromTypedArray(x, [x.length]).to(dtype).to('float32').dataSync());
        expect(got).toEqual(nearest);
      });

      it('is rounded after every op, whether fused or not', () => {
        const pair = (): readonly Float32Array[] =>
          compute(() => {
            const a = fromTypedArray(x, [x.length]).to(dtype);
            const fused = a.mul(0.1).add(a);
            const apart = a.mul(0.1);
            apart.dataSync();
            return [fused, apart.add(a)].map((t) => t.dataSync() as Float32Array);
          });
        const [fused, apart] = pair();
        expect(fused).toEqual(apart);
      });
    });
  },
  ['native AVX-512', 'native AVX2', 'wasm'],
);
