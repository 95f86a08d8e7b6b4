/** The matrix product on packed panels, in L3: what lowering will write for this engine, made by hand. */
import type { L3Function, Value } from '../../src/kernel/l3.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import type { GemmTiles } from '../../src/kernel/target.js';

/** One register tile over the depth: accumulators of `mr` x `nr`, from index `a` of packed A and index `b` of packed B on. */
function tile(
  l3: L3Builder,
  { mr, nr }: GemmTiles,
  buffers: readonly number[],
  a: Value,
  b: Value,
  depth: Value,
): readonly Value[] {
  const vectors = nr / l3.lanes;
  const zero = l3.broadcast(l3.constant('f32', 0));
  const inits = [a, b, ...Array.from({ length: mr * vectors }, () => zero)];
  const results = l3.loop(l3.index(0), depth, 1, inits, (_, [ia, ib, ...accumulators]) => {
    const columns = Array.from({ length: vectors }, (_, v) =>
      l3.load(buffers[1], ib, { lanes: l3.lanes, offset: v * l3.lanes }),
    );
    const next: Value[] = [];
    for (let row = 0; row < mr; row++) {
      const x = l3.broadcast(l3.load(buffers[0], ia, { offset: row }));
      columns.forEach((y, v) => {
        next.push(l3.fma(x, y, accumulators[row * vectors + v]));
      });
    }
    return [l3.add(ia, l3.index(mr)), l3.add(ib, l3.index(nr)), ...next];
  });
  return results.slice(2);
}

/** sizes: depth, rounds. Writes the tile once for each round; operands stay in the first cache. */
export function microKernel(tiles: GemmTiles, lanes: number): L3Function {
  const l3 = new L3Builder('micro', lanes);
  const buffers = [l3.buffer('f32', 'read'), l3.buffer('f32', 'read'), l3.buffer('f32', 'readwrite')];
  const [depth, rounds] = [l3.size(), l3.size()];
  l3.forEach(l3.index(0), rounds, 1, () => {
    tile(l3, tiles, buffers, l3.index(0), l3.index(0), depth).forEach((x, i) => {
      l3.store(buffers[2], l3.index(0), x, { offset: i * lanes });
    });
  });
  return l3.finish();
}

/**
 * sizes: M, N, K, multiples of the tile. C[M, N] += A * B, with A packed as [K / kc][M / mr][kc][mr] and B as
 * [K / kc][N / nr][kc][nr].
 */
export function packedGemm(tiles: GemmTiles, lanes: number): L3Function {
  const { mr, nr, kc, mc, nc } = tiles;
  const l3 = new L3Builder('gemm', lanes);
  const buffers = [l3.buffer('f32', 'read'), l3.buffer('f32', 'read'), l3.buffer('f32', 'readwrite')];
  const [m, n, k] = [l3.size(), l3.size(), l3.size()];
  const zero = l3.index(0);
  l3.forEach(zero, n, nc, (jc) => {
    const lastColumn = l3.min(l3.add(jc, l3.index(nc)), n);
    l3.forEach(zero, k, kc, (pc) => {
      const depth = l3.min(l3.sub(k, pc), l3.index(kc));
      l3.forEach(zero, m, mc, (ic) => {
        const lastRow = l3.min(l3.add(ic, l3.index(mc)), m);
        l3.forEach(jc, lastColumn, nr, (j) => {
          l3.forEach(ic, lastRow, mr, (i) => {
            const a = l3.add(l3.mul(pc, m), l3.mul(i, depth));
            const b = l3.add(l3.mul(pc, n), l3.mul(j, depth));
            const vectors = nr / lanes;
            tile(l3, tiles, buffers, a, b, depth).forEach((x, at) => {
              const row = l3.add(l3.mul(l3.add(i, l3.index(Math.floor(at / vectors))), n), j);
              const offset = (at % vectors) * lanes;
              l3.store(buffers[2], row, l3.add(l3.load(buffers[2], row, { lanes, offset }), x), { offset });
            });
          });
        });
      });
    });
  });
  return l3.finish();
}
