/** A graph too large for memory is an error that names the largest tensors, before anything is allocated. */
import { expect, test } from 'vitest';
import { arange, OutOfMemoryError, ones } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

forEachEngine('a graph too large for memory', (space) => {
  test('throws, names its largest tensors, and leaves the engine as it was', () => {
    withWorkspace(space, () => {
      const kept = ones([3]).add(1);
      const before = process.memoryUsage().rss;
      const read = (): unknown =>
        ones([1_000_000]).unsqueeze(1).mul(arange(4_000_000).unsqueeze(0)).add(1).dataSync();
      expect(read).toThrow(OutOfMemoryError);
      expect(read).toThrow(/needs .* TiB of memory, .* are left.*float32\[1000000, 4000000\]: 14\.6 TiB/s);
      // What else the run would have computed is no part of the matter.
      expect(read).not.toThrow(/float32\[3\]/);
      expect(process.memoryUsage().rss - before).toBeLessThan(512 * 2 ** 20);
      expect(Array.from(kept.mul(2).dataSync(), Number)).toEqual([4, 4, 4]);
    });
  });

  test('more than 4 GiB are beyond what WebAssembly can address', () => {
    if (space.engine.name !== 'wasm') return;
    withWorkspace(space, () => {
      const large = (): unknown => ones([2 ** 30 + 2 ** 20]).dataSync();
      expect(large).toThrow(OutOfMemoryError);
      expect(large).toThrow(/needs 4\.\d+ GiB of memory/);
      expect(Array.from(ones([2]).dataSync(), Number)).toEqual([1, 1]);
    });
  });

  test('a large graph with a small result needs no such memory', () => {
    withWorkspace(space, () => {
      if (space.engine.name === 'reference') return;
      const rows = ones([20_000, 1]).mul(arange(500)).sum(0);
      expect(rows.dataSync()[499]).toBe(20_000 * 499);
    });
  });
});
