/** When the native engine looks for graphs that nobody can reach. */
import v8 from 'node:v8';
import { afterEach, expect, test, vi } from 'vitest';
import { findHeap, GraphGarbage } from '../../src/runtime/native/graph-garbage.js';

const MB = 2 ** 20;

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function counted(live: number) {
  let used = 0;
  let collections = 0;
  const garbage = new GraphGarbage(() => ({
    used: () => used,
    collect() {
      collections++;
      used = live;
    },
  }));
  return {
    run(nodes: number, bytes: number): number {
      used += bytes;
      garbage.add(nodes);
      garbage.collect();
      return collections;
    },
  };
}

test('graphs of a hundred thousand nodes are looked for once the heap is more than twice as large as they left it', () => {
  const { run } = counted(50 * MB);
  const collections = Array.from({ length: 7 }, () => run(100_000, 60 * MB));
  // 60, 120 and 180 MB against 128; then 110, 170 and 230 against 228.
  expect(collections).toEqual([0, 0, 1, 1, 1, 2, 2]);
});

test('small graphs are left to the host', () => {
  const { run } = counted(50 * MB);
  for (let i = 0; i < 49; i++) expect(run(1000, 60 * MB)).toBe(0);
  expect(run(1000, 60 * MB)).toBe(1);
});

test('where garbage cannot be looked for nothing is done', () => {
  const garbage = new GraphGarbage(() => null);
  garbage.add(1e6);
  garbage.collect();
});

test('a host that has `gc` keeps its flags', () => {
  const gc = vi.fn();
  vi.stubGlobal('gc', gc);
  const flags = vi.spyOn(v8, 'setFlagsFromString');
  const heap = findHeap();
  heap?.collect();
  expect(gc.mock.calls).toEqual([[]]);
  expect(flags.mock.calls).toEqual([]);
  expect(heap?.used()).toBeGreaterThan(MB);
});
