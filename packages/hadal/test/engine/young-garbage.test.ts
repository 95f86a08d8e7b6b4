/** When the native engine looks for results that nobody can reach. */
import v8 from 'node:v8';
import { afterEach, expect, test, vi } from 'vitest';
import { findYoung, YoungGarbage } from '../../src/runtime/native/young-garbage.js';

const MB = 2 ** 20;

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function counted(freedByWalk: (walk: number) => number) {
  let walks = 0;
  let held = 2 ** 40;
  const garbage = new YoungGarbage(() => ({
    walk() {
      held -= freedByWalk(++walks);
    },
    held: () => held,
  }));
  return { garbage, walks: () => walks };
}

test('a look is worth it after 16 MB', () => {
  const { garbage, walks } = counted(() => 16 * MB);
  for (let i = 1; i <= 64; i++) {
    garbage.add(4 * MB);
    garbage.collect();
    expect(walks()).toBe(Math.floor(i / 4));
  }
});

test('looks in vain become rarer, and what they find brings them back', () => {
  const { garbage, walks } = counted((walk) => (walk >= 4 ? 16 * MB : 0));
  const at: number[] = [];
  for (let handedOut = 16; handedOut <= 320; handedOut += 16) {
    const before = walks();
    garbage.add(16 * MB);
    garbage.collect();
    if (walks() > before) at.push(handedOut);
  }
  // After 16, 32, 64 and 128 MB more; the fourth finds less than a quarter of what was handed out, so the next comes after 256.
  expect(at).toEqual([16, 48, 112, 240]);
});

test('where garbage cannot be looked for nothing is done', () => {
  const garbage = new YoungGarbage(() => null);
  garbage.add(64 * MB);
  garbage.collect();
});

test('a host that has `gc` keeps its flags', () => {
  const gc = vi.fn();
  vi.stubGlobal('gc', gc);
  const flags = vi.spyOn(v8, 'setFlagsFromString');
  findYoung()?.walk();
  expect(gc.mock.calls).toEqual([[{ type: 'minor' }]]);
  expect(flags.mock.calls).toEqual([]);
});

test('a host without `gc` has none afterwards, and no other flag is set', () => {
  vi.stubGlobal('gc', undefined);
  const flags = vi.spyOn(v8, 'setFlagsFromString');
  findYoung()?.walk();
  expect(flags.mock.calls).toEqual([['--expose-gc'], ['--no-expose-gc']]);
});
