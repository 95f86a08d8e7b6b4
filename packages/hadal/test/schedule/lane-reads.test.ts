/** Results of long ops meet what is read in steps along the lanes: the long ops keep their vectors. */
import { describe, expect, test } from 'vitest';
import { decompose } from '../../src/graph/rewrites/decompose.js';
import { capture, templateOf } from '../../src/graph/template.js';
import { fromTypedArray, type Tensor, tensor } from '../../src/index.js';
import { chooseVector } from '../../src/kernel/loops/vectors.js';
import { avx512Target } from '../../src/runtime/native/targets.js';
import { schedule } from '../../src/schedule/plan.js';
import { onEveryEngine } from '../support/engines.js';

function counted(...shape: number[]): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return fromTypedArray(
    Float32Array.from({ length: size }, (_, i) => ((7 * i) % 11) / 4),
    shape,
  );
}

/** The lanes of each kernel that computes a tensor, in order. */
function lanesOf(t: Tensor): number[] {
  const captured = capture([{ node: t.value.node, into: null }]);
  const { launches } = schedule(decompose(templateOf(captured), avx512Target), avx512Target);
  return launches.map(({ kernel }) =>
    kernel.kind === 'loops' ? chooseVector(kernel, avx512Target).lanes : 0,
  );
}

const columns = (): Tensor => counted(6, 9, 32).logsumexp(1);
const rows = (): Tensor => counted(6, 32, 9).logsumexp(2);
const places = (): Tensor => tensor([3, 1, 0, 2, 3, 1], { dtype: 'int64' });
const each = (): Tensor =>
  tensor(
    Array.from({ length: 32 }, (_, i) => (5 * i) % 32),
    { dtype: 'int64' },
  );

describe('sums down columns', () => {
  test.each<[string, () => Tensor, number[]]>([
    ['beside what lies along the lanes', () => columns().add(counted(4, 32).indexSelect(0, places())), [16]],
    ['beside what lies in steps', () => columns().add(counted(32, 6).t()), [16, 1]],
    ['beside columns of a table', () => columns().add(counted(32, 4).t().indexSelect(0, places())), [16, 1]],
    ['beside places of each lane', () => columns().add(counted(32).indexSelect(0, each())), [16, 1]],
    ['of short ops beside what lies in steps', () => counted(6, 9, 32).sum(1).add(counted(32, 6).t()), [1]],
    ['along rows beside what lies in steps', () => rows().add(counted(32, 6).t()), [16]],
  ])('%s', (_, make, lanes) => {
    expect(lanesOf(make())).toEqual(lanes);
  });
});

onEveryEngine('sums down columns', ({ run }) => {
  test('are the same beside what lies in steps', () => {
    run(() => {
      const sums = columns().tolistSync() as number[][];
      const beside = counted(32, 4).t().indexSelect(0, places());
      const list = beside.tolistSync() as number[][];
      const expected = sums.map((row, i) => row.map((x, j) => Math.fround(x + list[i][j])));
      expect(columns().add(beside).tolistSync()).toEqual(expected);
    });
  });
});

describe('positions of largest elements', () => {
  test('are found in lanes along rows, and down columns if nothing is read there', () => {
    expect(lanesOf(counted(6, 32).argmax(1))).toEqual([16]);
    // Of int64 there are half as many.
    expect(lanesOf(counted(6, 32).argmax(0))).toEqual([8]);
    expect(lanesOf(counted(6, 32).max(1).values)).toEqual([16]);
    expect(lanesOf(counted(6, 32).max(0).values)).toEqual([1]);
  });
});

onEveryEngine('positions of largest elements', ({ run }) => {
  test('are those of the first, or of the first NaN, and say what to read', () => {
    run(() => {
      const list = Array.from({ length: 37 }, (_, i) => (5 * i) % 9);
      const rows = tensor([
        list,
        list.map((x, i) => (i === 20 || i === 30 ? Number.NaN : x)),
        list.map(() => -Infinity),
      ]);
      expect(rows.argmax(1).tolistSync()).toEqual([list.indexOf(8), 20, 0]);
      expect(rows.t().argmax(0).tolistSync()).toEqual([list.indexOf(8), 20, 0]);
      expect(rows.t().contiguous().max(0).values.tolistSync()).toEqual([8, Number.NaN, -Infinity]);
      expect(rows.max(1).values.tolistSync()).toEqual([8, Number.NaN, -Infinity]);
    });
  });

  test('leave rows of nothing alone, constants of float64 among their results', () => {
    run(() => {
      const nothing = tensor([], { dtype: 'float64' }).softmax(-1);
      expect(nothing.add(nothing).tolistSync()).toEqual([]);
    });
  });
});
