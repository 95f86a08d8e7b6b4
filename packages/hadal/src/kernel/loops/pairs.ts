/**
 * Elements two by two: loads and stores of a loops kernel that take every other element along the lanes, and between them all of them,
 * as a 2x2 pooling takes the left and the right column of its windows. Vectors of neighbours are then loaded and taken apart, or put
 * together and stored. That two places are neighbours is a matter of numbers which kernels of one structure need not share, so it is
 * part of a kernel's key.
 */
import type { IndexExpr } from '../index-expr.js';
import { factorOf, indexKey } from '../index-expr.js';
import type { ExprId, LoopKernel } from '../l2.js';
import { indexValues } from '../l2.js';
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';

export interface Pair {
  /** The even elements and the odd ones: expressions that load, or positions in the list of stores. */
  readonly even: number;
  readonly odd: number;
}

export interface Pairs {
  readonly loads: ReadonlyMap<ExprId, Pair>;
  readonly stores: ReadonlyMap<number, Pair>;
  /** What sets these pairs apart from others; empty without pairs. */
  readonly key: string;
}

interface Place {
  readonly id: number;
  readonly buffer: number;
  readonly index: IndexExpr;
}

const NONE: Pairs = { loads: new Map(), stores: new Map(), key: '' };

/** Places of one buffer whose indices differ by their bases alone, in the order of these. */
function families(places: readonly Place[]): Place[][] {
  const found = new Map<string, Place[]>();
  for (const place of places) {
    const key = `${place.buffer} ${indexKey({ ...place.index, base: 0 })}`;
    const family = found.get(key) ?? [];
    family.push(place);
    found.set(key, family);
  }
  return [...found.values()].map((family) => family.sort((p, q) => p.index.base - q.index.base));
}

function pairsOf(places: readonly Place[], mayShare: boolean): Map<number, Pair> {
  const out = new Map<number, Pair>();
  for (const family of families(places)) {
    for (let i = 0; i < family.length; i++) {
      const [before, here, after] = [family[i - 1], family[i], family[i + 1]];
      if (after !== undefined && after.index.base === here.index.base + 1) {
        const pair = { even: here.id, odd: after.id };
        out.set(here.id, pair).set(after.id, pair);
        i++;
      } else if (mayShare && before !== undefined && before.index.base === here.index.base - 1) {
        out.set(here.id, { even: before.id, odd: here.id });
      }
    }
  }
  return out;
}

const knownPairs = new WeakMap<LoopKernel, Pairs>();

/** The pairs along a kernel's vector variable, of float32 only. Kept by kernel: its key, its plan and its lowering ask. */
export function pairsAlongLanes(kernel: LoopKernel): Pairs {
  let pairs = knownPairs.get(kernel);
  if (pairs === undefined) {
    pairs = findPairs(kernel);
    knownPairs.set(kernel, pairs);
  }
  return pairs;
}

function findPairs(kernel: LoopKernel): Pairs {
  const v = kernel.vectorVariable;
  if (v < 0) return NONE;
  const isEveryOther = (index: IndexExpr): boolean =>
    factorOf(index, v) === 2 && indexValues(index).length === 0;
  const loaded = kernel.exprs.flatMap((e, id) =>
    e.op === 'load' && e.dtype === 'float32' && isEveryOther(e.index)
      ? [{ id, buffer: e.buffer, index: e.index }]
      : [],
  );
  const stored = kernel.stores.flatMap((s, id) =>
    s.level === 'full' && kernel.buffers[s.buffer].dtype === 'float32' && isEveryOther(s.index)
      ? [{ id, buffer: s.buffer, index: s.index }]
      : [],
  );
  if (loaded.length + stored.length === 0) return NONE;
  const [loads, stores] = [pairsOf(loaded, true), pairsOf(stored, false)];
  const text = (pairs: ReadonlyMap<number, Pair>): string =>
    [...pairs].map(([id, { even, odd }]) => `${id}=${even}+${odd}`).join(' ');
  return { loads, stores, key: `${text(loads)}/${text(stores)}` };
}

/** The masks of two vectors of neighbours, two elements a lane. */
function spreadMask(b: L3Builder, mask: Value | null): readonly [Value | null, Value | null] {
  if (mask === null) return [null, null];
  const ones = b.convert('f32', mask);
  const spread = (half: 'low' | 'high'): Value => b.compare('ne', b.zip(half, ones, ones), b.like(ones, 0));
  return [spread('low'), spread('high')];
}

/** The even and the odd elements of 2 * lanes neighbours. */
export function loadPair(
  b: L3Builder,
  buffer: number,
  at: Value,
  mask: Value | null,
): readonly [even: Value, odd: Value] {
  const [low, high] = spreadMask(b, mask).map((m, i) =>
    b.load(buffer, at, { lanes: b.lanes, offset: i * b.lanes, mask: m }),
  );
  return [b.zip('even', low, high), b.zip('odd', low, high)];
}

/** Stores 2 * lanes neighbours, given the even and the odd ones. */
export function storePair(
  b: L3Builder,
  buffer: number,
  at: Value,
  [even, odd]: readonly [Value, Value],
  mask: Value | null,
): void {
  const masks = spreadMask(b, mask);
  b.store(buffer, at, b.zip('low', even, odd), { mask: masks[0] });
  b.store(buffer, at, b.zip('high', even, odd), { offset: b.lanes, mask: masks[1] });
}
