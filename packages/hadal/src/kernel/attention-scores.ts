/** Scores of a block of keys for a panel of queries, with scale, mask and causality; and which weights dropout keeps. */
import type { AnyAttention, AttentionContext, AttentionSizes } from './attention-blocks.js';
import { loadPanelRow, packRows, transpose } from './attention-blocks.js';
import type { ExprId } from './l2.js';
import type { Value } from './l3.js';

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

/** Makes ready what the scores of a block need; the result turns products of key `key` of the block into scores. */
export function scoresOf(
  c: AttentionContext,
  buffers: TurnBuffers,
  block: Block,
): (products: readonly Value[], key: Value) => readonly Value[] {
  const { b, kernel } = c;
  const { lanes } = c.target;
  const { mask } = kernel;
  const maskAt = mask === null ? null : turn(c, mask, buffers, block);
  const isBool = mask !== null && kernel.exprs[mask].dtype === 'bool';
  const places = kernel.isCausal
    ? Array.from({ length: c.sizes.width / lanes }, (_, j) =>
        b.ramp(b.add(block.fromQuery, b.index(j * lanes))),
      )
    : [];
  return (products, key) => {
    const scale = b.broadcast(b.constant('f32', kernel.scale));
    let scores = products.map((x) => b.mul(x, scale));
    const never = b.broadcast(b.constant('f32', Number.NEGATIVE_INFINITY));
    if (maskAt !== null) {
      const values = maskAt(key);
      scores = scores.map((x, j) =>
        isBool ? b.select(b.compare('ne', values[j], b.like(x, 0)), x, never) : b.add(x, values[j]),
      );
    }
    if (kernel.isCausal) {
      const at = b.broadcast(b.convert('i32', b.add(block.fromKey, key)));
      scores = scores.map((x, j) => b.select(b.compare('le', at, places[j]), x, never));
    }
    return scores;
  };
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
