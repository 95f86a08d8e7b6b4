/** Two copies of the package in one process, as two versions in a tree of dependencies are: each works, and they do not mix unnoticed. */
import { beforeAll, describe, expect, test, vi } from 'vitest';
import * as first from '../../src/index.js';

type Package = typeof first;

let second: Package;
beforeAll(async () => {
  vi.resetModules();
  second = (await import('../../src/index.js')) as Package;
});

describe('two copies of the package', () => {
  test('each computes by itself', () => {
    expect(second.Tensor).not.toBe(first.Tensor);
    for (const { ones } of [first, second])
      expect(
        ones([80, 80])
          .matmul(ones([80, 80]))
          .sum()
          .itemSync(),
      ).toBe(80 ** 3);
  });

  test.each<[string, (mine: first.Tensor, other: first.Tensor) => unknown]>([
    ['add', (mine, other) => mine.add(other)],
    ['where', (mine, other) => first.where(mine.gt(0), other, mine)],
    ['matmul', (mine, other) => mine.matmul(other)],
    ['copy_', (mine, other) => mine.copy_(other)],
    ['sin', (_, other) => first.sin(other)],
    ['linear', (_, other) => new first.nn.Linear(3, 2).forward(other)],
  ])('%s of a tensor of the other one says so', (_, body) => {
    const run = (): unknown => body(first.ones([3, 3]), second.ones([3, 3]));
    expect(run).toThrow(first.ArgumentError);
    expect(run).toThrow(/another.*install it once/);
  });
});
