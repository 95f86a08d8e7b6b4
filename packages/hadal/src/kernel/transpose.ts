/** Square blocks of vectors turned around in registers. */
import type { Value } from './l3.js';
import type { L3Builder } from './l3-builder.js';

/**
 * As many vectors as they have lanes, from rows to columns: log2(lanes) rounds of the perfect shuffle, which interleaves the first half of
 * the vectors with the second, bring element (i, k) to (k, i).
 */
export function transposed(b: L3Builder, rows: readonly Value[]): readonly Value[] {
  let block = rows;
  const half = rows.length / 2;
  for (let round = 1; round < rows.length; round *= 2)
    block = block.map((_, i) => b.zip(i % 2 === 0 ? 'low' : 'high', block[i >> 1], block[(i >> 1) + half]));
  return block;
}
