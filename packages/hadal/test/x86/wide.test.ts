/** float64 and int64 in lanes give the bits that they give one by one, whatever is fused and on any number of threads. */
import { describe, expect, it } from 'vitest';
import { explain, fromTypedArray, type Tensor } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { openWorkspace } from '../support/open-engines.js';
import { openThreadedNative } from '../support/threaded-native.js';
import { missing } from './run.js';

const lengths = [1, 7, 8, 9, 16, 23, 64, 1027];
const special = [
  0,
  -0,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  1e-310,
  -1e300,
  0.5,
  1,
  2,
];

function doubles(n: number, seed: number): Tensor {
  let state = seed;
  const data = Float64Array.from({ length: n }, (_, i) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return i % 5 === 3
      ? special[(state >>> 8) % special.length]
      : (state / 2 ** 31) * 2 ** ((state & 15) - 6);
  });
  return fromTypedArray(data, [n]);
}
function longs(n: number, seed: number): Tensor {
  let state = seed;
  const data = BigInt64Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (BigInt(state) << 31n) ^ BigInt(state >>> 3);
  });
  return fromTypedArray(data, [n]);
}

const maps: { readonly [name: string]: (x: Tensor, y: Tensor, p: Tensor, q: Tensor) => readonly Tensor[] } = {
  arithmetic: (x, y) => [x.add(y), x.sub(y).mul(x), x.div(y), x.neg().abs(), x.maximum(y), x.minimum(y)],
  rounding: (x) => [x.floor(), x.ceil(), x.round(), x.trunc(), x.sqrt(), x.sign()],
  functions: (x) => [
    x.exp(),
    x.log(),
    x.sin(),
    x.cos(),
    x.tanh(),
    x.erf(),
    x.sigmoid(),
    x.expm1(),
    x.log1p(),
  ],
  comparisons: (x, y, p, q) => [
    x.lt(y),
    x.eq(x),
    p.gt(q),
    x.where(x.gt(y), y),
    p.where(p.le(q), q),
    x.isnan(),
  ],
  integers: (_x, _y, p, q) => [p.add(q), p.mul(q), p.sub(q).neg(), p.abs(), p.maximum(q), p.bitwiseAnd(q)],
  conversions: (x, _y, p) => [
    x.to('float32'),
    x.to('float16'),
    x.nanToNum().clamp(-1000, 1000).to('int64'),
    x.to('bool'),
    p.to('float64'),
    p.to('float32'),
    p.to('int32'),
    p.to('uint8'),
    p.remainder(1000).to('uint32'),
    x.to('float32').to('float64'),
  ],
  positions: (x) => [x.flip([0]), x.pad([3, 2]), x.reshape([-1, 1]).mul(x)],
  columns: (x) => [x.reshape([-1, 1]).mul(x).sum(0), x.reshape([-1, 1]).add(x).amax(0)],
};

const why = missing('avx512');

describe.skipIf(why !== null)(`vectors of 64-bit elements${why ? ` (${why})` : ''}`, () => {
  const opened = openWorkspace('native AVX2');
  if (!opened.ok) throw new Error(opened.reason);
  const single = opened.space;
  const [one, three] = [1, 3].map((shares) => openThreadedNative(shares, { level: 'avx512' }).space);

  const bytesOf = (t: Tensor): readonly number[] => {
    const data = t.dataSync();
    const same =
      data instanceof Float64Array || data instanceof Float32Array
        ? data.map((x) => (Number.isNaN(x) ? Number.NaN : x))
        : data;
    return [...new Uint8Array(same.buffer, same.byteOffset, same.byteLength)];
  };

  it.each(Object.keys(maps))('%s', (name) => {
    for (const n of name === 'columns' || name === 'positions' ? lengths.slice(0, -1) : lengths) {
      const compute = (): readonly (readonly number[])[] =>
        maps[name](doubles(n, 1), doubles(n, 2), longs(n, 3), longs(n, 4)).map(bytesOf);
      const wanted = withWorkspace(single, compute);
      expect(withWorkspace(one, compute)).toEqual(wanted);
      expect(withWorkspace(three, compute)).toEqual(wanted);
    }
  });

  it('are what maps of float64 run on', () => {
    const text = withWorkspace(one, () => explain(doubles(100, 1).mul(2).exp()).code);
    expect(text).toContain('f64x8 = ');
  });
});
