/** Views and indexing by tensors, against a model on plain arrays: for each element of the result, where it is read. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { arange, fromTypedArray, type IndexItem, slice, Tensor, zeros } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

type Item =
  | { readonly kind: 'number'; readonly at: number }
  | { readonly kind: 'slice'; readonly start: number; readonly end: number; readonly step: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'new' }
  | { readonly kind: 'positions'; readonly shape: readonly number[]; readonly at: readonly number[] }
  | { readonly kind: 'mask'; readonly holds: readonly boolean[] };

interface Case {
  readonly shape: readonly number[];
  readonly items: readonly Item[];
}

/** Flat positions of the elements, and the shape of the result. */
interface Read {
  readonly shape: readonly number[];
  readonly positions: readonly number[];
}

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

function* indices(shape: readonly number[]): Generator<number[]> {
  for (let flat = 0; flat < product(shape); flat++) {
    let rest = flat;
    const index = shape.map(() => 0);
    for (let d = shape.length - 1; d >= 0; d--) {
      index[d] = rest % shape[d];
      rest = Math.floor(rest / shape[d]);
    }
    yield index;
  }
}

/** NumPy's and PyTorch's definition, element by element. */
function model({ shape, items }: Case): Read {
  interface Axis {
    readonly size: number;
    /** The dimension read along and the position for each place; null for a new dimension. */
    readonly dim: number | null;
    readonly at: (i: number) => number;
  }
  const axes: (Axis | 'positions')[] = [];
  const fixed = new Map<number, number>();
  const lists: { dim: number; shape: readonly number[]; at: readonly number[] }[] = [];
  let dim = 0;
  const count = items.filter((i) => i.kind !== 'new').length;
  const all: Item[] = [...items, ...shape.slice(count).map((): Item => ({ kind: 'all' }))];
  for (const item of all) {
    if (item.kind === 'new') axes.push({ size: 1, dim: null, at: () => 0 });
    else {
      const d = dim++;
      const size = shape[d];
      if (item.kind === 'all') axes.push({ size, dim: d, at: (i) => i });
      else if (item.kind === 'number') fixed.set(d, item.at < 0 ? item.at + size : item.at);
      else if (item.kind === 'slice') {
        const picked = Array.from({ length: size }, (_, i) => i).filter(
          (i) => i >= item.start && i < item.end && (i - item.start) % item.step === 0,
        );
        axes.push({ size: picked.length, dim: d, at: (i) => picked[i] });
      } else {
        const list =
          item.kind === 'mask'
            ? { at: item.holds.flatMap((h, i) => (h ? [i] : [])), shape: [item.holds.filter(Boolean).length] }
            : item;
        lists.push({ dim: d, shape: list.shape, at: list.at.map((v) => (v < 0 ? v + size : v)) });
        axes.push('positions');
      }
    }
  }
  const rank = Math.max(0, ...lists.map((l) => l.shape.length));
  const wide = lists.map((l) => [...new Array<number>(rank - l.shape.length).fill(1), ...l.shape]);
  const broadcast = Array.from({ length: rank }, (_, d) => wide.reduce((n, s) => (s[d] === 1 ? n : s[d]), 1));
  const places = axes.flatMap((a, i) => (a === 'positions' ? [i] : []));
  const neighbours = places.every((p, i) => i === 0 || p === places[i - 1] + 1);
  const plain = axes.filter((a): a is Axis => a !== 'positions');
  const lead = places.length === 0 ? 0 : neighbours ? places[0] : 0;
  const out = [
    ...plain.slice(0, lead).map((a) => a.size),
    ...broadcast,
    ...plain.slice(lead).map((a) => a.size),
  ];
  const positions: number[] = [];
  for (const index of indices(out)) {
    const own = index.slice(lead, lead + rank);
    const others = [...index.slice(0, lead), ...index.slice(lead + rank)];
    const at = shape.map((_, d) => fixed.get(d) ?? 0);
    plain.forEach((a, i) => {
      if (a.dim !== null) at[a.dim] = a.at(others[i]);
    });
    lists.forEach((l, i) => {
      let flat = 0;
      wide[i].forEach((s, d) => {
        flat = flat * s + (s === 1 ? 0 : own[d]);
      });
      at[l.dim] = l.at[flat];
    });
    positions.push(at.reduce((flat, v, d) => flat * shape[d] + v, 0));
  }
  return { shape: out, positions };
}

function toItem(item: Item): IndexItem {
  switch (item.kind) {
    case 'number':
      return item.at;
    case 'slice':
      return slice(item.start, item.end, item.step);
    case 'all':
      return ':';
    case 'new':
      return null;
    case 'mask':
      return fromTypedArray(Uint8Array.from(item.holds, Number), [item.holds.length], { dtype: 'bool' });
    case 'positions':
      return fromTypedArray(
        BigInt64Array.from(item.at, (v) => BigInt(v)),
        item.shape,
      );
  }
}

/** Shapes that broadcast with [2, 3]. */
const positionShapes = [[2, 3], [3], [1], [2, 1], [1, 1]];

function itemFor(size: number, masks: boolean): fc.Arbitrary<Item> {
  const position = fc.integer({ min: -size, max: size - 1 });
  return fc.oneof(
    position.map((at): Item => ({ kind: 'number', at })),
    fc
      .tuple(fc.nat(size), fc.nat(size), fc.integer({ min: 1, max: 3 }))
      .map(([start, end, step]): Item => ({ kind: 'slice', start, end, step })),
    fc.constant<Item>({ kind: 'all' }),
    fc
      .constantFrom(...positionShapes)
      .chain((shape) =>
        fc
          .array(position, { minLength: product(shape), maxLength: product(shape) })
          .map((at): Item => ({ kind: 'positions', shape, at })),
      ),
    ...(masks
      ? [
          fc
            .array(fc.boolean(), { minLength: size, maxLength: size })
            .map((holds): Item => ({ kind: 'mask', holds })),
        ]
      : []),
  );
}

/** One mask at most and no positions beside it: their lengths would have to agree. */
function fits({ items }: Case): boolean {
  const masks = items.filter((i) => i.kind === 'mask').length;
  return masks === 0 || (masks === 1 && !items.some((i) => i.kind === 'positions'));
}

const cases: fc.Arbitrary<Case> = fc
  .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
  .chain((shape) =>
    fc
      .tuple(
        ...shape.map((size) =>
          fc
            .tuple(fc.boolean(), itemFor(size, true))
            .map(([more, item]): Item[] =>
              more && item.kind !== 'number' ? [{ kind: 'new' }, item] : [item],
            ),
        ),
      )
      .chain((items) => fc.nat(items.length).map((n) => ({ shape, items: items.slice(0, n).flat() }))),
  )
  .filter(fits);

forEachEngine('indexing', (space) => {
  test('reads what the model reads', () => {
    fc.assert(
      fc.property(cases, (c) => {
        withWorkspace(space, () => {
          const x = arange(product(c.shape)).reshape(c.shape);
          const expected = model(c);
          const got = x.index(...c.items.map(toItem));
          expect(got.shape).toEqual(expected.shape);
          expect(Array.from(got.dataSync(), Number)).toEqual(expected.positions);
        });
      }),
      { numRuns: 60 },
    );
  });

  test('writes where it reads', () => {
    fc.assert(
      fc.property(cases, (c) => {
        withWorkspace(space, () => {
          const at = model(c).positions;
          const x = zeros(c.shape).setIndex(1, ...c.items.map(toItem));
          const hit = new Set(at);
          expect(Array.from(x.dataSync(), Number)).toEqual(
            Array.from({ length: product(c.shape) }, (_, i) => Number(hit.has(i))),
          );
          const y = zeros(c.shape).indexPut_(c.items.map(toItem), 1, { accumulate: true });
          const counts = new Array<number>(product(c.shape)).fill(0);
          for (const p of at) counts[p]++;
          expect(Array.from(y.dataSync(), Number)).toEqual(counts);
        });
      }),
      { numRuns: 40 },
    );
  });

  test('gives each element read its gradient', () => {
    fc.assert(
      fc.property(cases, (c) => {
        withWorkspace(space, () => {
          const x = zeros(c.shape, { requiresGrad: true });
          const y = x.index(...c.items.map(toItem));
          if (!(y instanceof Tensor) || y.numel() === 0) return;
          y.sum().backward();
          const counts = new Array<number>(product(c.shape)).fill(0);
          for (const p of model(c).positions) counts[p]++;
          expect(x.grad && Array.from(x.grad.dataSync(), Number)).toEqual(counts);
        });
      }),
      { numRuns: 30 },
    );
  });
});
