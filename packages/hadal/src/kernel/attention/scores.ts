/** Scores of a block of keys for a panel of queries, with scale, mask and causality; and which weights dropout keeps. */

import type { ExprId } from '../l2.js';
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import { lowerExp, lowerPowerBelow1 } from '../math/index.js';
import type { AnyAttention, AttentionContext, AttentionSizes } from './blocks.js';
import { loadPanelRow, packRows, transpose } from './blocks.js';

/** Workspaces for an operand over query and key: as it is read, and turned so that lanes are queries. */
export interface TurnBuffers {
  readonly rows: number;
  readonly turned: number;
}

/** Floats of each of them: none where no operand is turned. */
export function turnFloats(
  kernel: AnyAttention,
  { width, keyBlock }: AttentionSizes,
): readonly [rows: number, turned: number] {
  if (kernel.mask === null && kernel.dropout === null) return [0, 0];
  // Rows end with room for a vector.
  return [width * (keyBlock + 16) + 64, keyBlock * width + 64];
}

/** A panel of queries and a block of keys. */
export interface Block {
  readonly fromQuery: Value;
  /** Queries of the panel that there are. */
  readonly queries: Value;
  readonly fromKey: Value;
  readonly keys: Value;
}

/** An operand over query and key for a block: its values for each key, as vectors or as one for all queries. */
export function turn(
  c: AttentionContext,
  operand: ExprId,
  buffers: TurnBuffers,
  block: Block,
): (key: Value) => readonly Value[] {
  const { b, sizes } = c;
  const zero = b.index(0);
  const pitch = sizes.keyBlock + 16;
  const ofQuery = c.deps[operand].variables.has(c.query);
  packRows(c, {
    operand,
    down: c.query,
    along: c.key,
    buffer: ofQuery ? buffers.rows : buffers.turned,
    at: zero,
    pitch,
    from: block.fromQuery,
    rows: ofQuery ? block.queries : b.index(1),
    fromColumn: block.fromKey,
    columns: block.keys,
    padTo: b.index(ofQuery ? sizes.width : 1),
  });
  if (!ofQuery) {
    const count = sizes.width / c.target.lanes;
    return (key) => {
      const value = b.broadcast(b.load(buffers.turned, key));
      return Array.from({ length: count }, () => value);
    };
  }
  transpose(
    c,
    sizes.width,
    block.keys,
    { buffer: buffers.rows, at: zero, pitch },
    { buffer: buffers.turned, at: zero, pitch: sizes.width },
  );
  return (key) => loadPanelRow(c, buffers.turned, b.mul(key, b.index(sizes.width)));
}

/** What scores are counted in: a weight is `power` of a score minus the row's largest. */
export interface ScoreUnit {
  /** What queries are multiplied by before their products with keys are scores, but for masks and causality. */
  readonly factor: number;
  /** A natural score in this unit, and back. */
  readonly ofNatural: number;
  power(b: L3Builder, x: Value): Value;
}

/**
 * Powers of 2 take fewer steps than those of e. A mask that is added counts in natural scores: one of the lowest number that there is, which
 * hides a key as long as others are seen, would be minus infinity in the other unit.
 */
export function scoreUnit(kernel: AnyAttention): ScoreUnit {
  const isAdded = kernel.mask !== null && kernel.exprs[kernel.mask].dtype !== 'bool';
  if (isAdded) return { factor: kernel.scale, ofNatural: 1, power: lowerExp };
  return { factor: kernel.scale * Math.LOG2E, ofNatural: Math.LOG2E, power: lowerPowerBelow1 };
}

/**
 * Calls `body` for all keys of a block with a function that turns products into scores, or null where products of scaled queries are
 * scores as they are; `carried` go around.
 */
export function forEachScore(
  c: AttentionContext,
  buffers: TurnBuffers,
  block: Block,
  carried: readonly Value[],
  body: (
    key: Value,
    score: ((products: readonly Value[]) => readonly Value[]) | null,
    carried: readonly Value[],
  ) => readonly Value[],
): readonly Value[] {
  const { b, kernel } = c;
  const { lanes } = c.target;
  const { mask, isCausal } = kernel;
  const zero = b.index(0);
  const maskAt = mask === null ? null : turn(c, mask, buffers, block);
  const isBool = mask !== null && kernel.exprs[mask].dtype === 'bool';
  const never = b.broadcast(b.constant('f32', Number.NEGATIVE_INFINITY));
  const masked = (products: readonly Value[], key: Value): readonly Value[] => {
    if (maskAt === null) return products;
    const values = maskAt(key);
    return products.map((x, j) =>
      isBool ? b.select(b.compare('ne', values[j], b.like(x, 0)), x, never) : b.add(x, values[j]),
    );
  };
  const seen = (key: Value, params: readonly Value[]): readonly Value[] =>
    body(key, maskAt === null ? null : (products) => masked(products, key), params);
  if (!isCausal) return b.loop(zero, block.keys, 1, carried, seen);
  // All queries of the panel see the keys up to its first query.
  const first = b.add(block.fromQuery, b.index(1));
  const seenByAll = b.min(block.keys, b.sub(b.max(first, block.fromKey), block.fromKey));
  const places = Array.from({ length: c.sizes.width / lanes }, (_, j) =>
    b.ramp(b.add(block.fromQuery, b.index(j * lanes))),
  );
  const after = b.loop(zero, seenByAll, 1, carried, seen);
  return b.loop(seenByAll, block.keys, 1, after, (key, params) => {
    const at = b.broadcast(b.convert('i32', b.add(block.fromKey, key)));
    const score = (products: readonly Value[]): readonly Value[] =>
      masked(products, key).map((x, j) => b.select(b.compare('le', at, places[j]), x, never));
    return body(key, score, params);
  });
}

/** Makes ready which weights of a block dropout keeps; the result is what a weight is multiplied by, or null for nothing. */
export function dropoutOf(
  c: AttentionContext,
  buffers: TurnBuffers,
  block: Block,
): ((x: readonly Value[], key: Value) => readonly Value[]) | null {
  const { b, emitter } = c;
  const { dropout } = c.kernel;
  if (dropout === null) return null;
  const randomAt = turn(c, dropout.random, buffers, block);
  const [p, keep] = [dropout.p, dropout.keep].map((id) => b.broadcast(emitter.emit(id)));
  return (x, key) => {
    const random = randomAt(key);
    return x.map((v, j) => b.select(b.compare('lt', random[j], p), b.like(v, 0), b.mul(v, keep)));
  };
}
