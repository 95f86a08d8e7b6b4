/**
 * What the two attention kernels are built of. Lanes are queries: a **panel** is `width` queries (the columns of the register tile), and a
 * block of scores lies in memory as [key][query of the panel], so that softmax goes along keys without ever joining lanes, and a block of
 * weights is at once the right operand of the product with the values. The left operands are plain rows of keys and values.
 */

import { roundUp } from '../../base/integers.js';
import type { Dependence } from '../dependence.js';
import { canVectorize, dependences } from '../dependence.js';
import { encodeExact, memTypeOf } from '../elements.js';
import type { IndexExpr } from '../index-expr.js';
import type { AttentionGradKernel, AttentionKernel, ExprId, Store } from '../l2.js';
import type { AbstractKernel } from '../l2-sizes.js';
import type { Value } from '../l3.js';
import { L3Builder } from '../l3-builder.js';
import { ExprEmitter } from '../loops/lower-exprs.js';
import { alongLanes } from '../loops/vector-loop.js';
import { statusBuffer } from '../status.js';
import type { Target } from '../target.js';
import { transposed } from '../transpose.js';
import { type UnitRange, unitRange } from '../unit-range.js';

export type AnyAttention = AttentionKernel | AttentionGradKernel;

/** Rows of tiles over features, of those of the register tile. */
const LEAST_ROWS = 2 / 3;

/** Keys of a block, about: 128 x 32 scores are half of a first cache of 32 KiB. */
const KEYS = 128;

function leastMultiple(a: number, b: number): number {
  let at = a;
  while (at % b !== 0) at += a;
  return at;
}

/** How the features of a row are walked by register tiles that have features as rows: even tiles instead of a nearly empty last one. */
export interface FeatureTiles {
  readonly rows: number;
  /** `rows` times the number of tiles: at least the features. */
  readonly covered: number;
}

export interface AttentionSizes {
  /** Queries of a panel. */
  readonly width: number;
  /** Keys of a register tile and of a block, a multiple of it and of the lanes. */
  readonly keyTile: number;
  readonly keyBlock: number;
  readonly tiles: FeatureTiles;
  readonly valueTiles: FeatureTiles;
  /** Distance of rows of queries and keys, and of values; off the powers of 2, which would fall into few sets of a cache. */
  readonly pitch: number;
  readonly valuePitch: number;
  /** Keys, filled up to whole register tiles. */
  readonly paddedKeys: number;
}

/**
 * Queries of a panel: as wide as the register tile, or one vector where that holds all queries (decoding, one token at a time). A query's
 * result is the same in either. Part of a kernel's key through `fewQueries`.
 */
export function panelWidth(kernel: AnyAttention, { lanes, gemm }: Target): number {
  return kernel.queries <= lanes ? lanes : gemm.nr;
}

export function attentionSizes(kernel: AnyAttention, target: Target): AttentionSizes {
  const width = panelWidth(kernel, target);
  const mr = (target.gemm.mr * target.gemm.nr) / width;
  const tilesOf = (features: number): FeatureTiles => {
    // The fewest rows of nothing, then the highest tiles; low ones wait for their operands.
    let best = { rows: mr, covered: roundUp(features, mr) };
    for (let rows = mr - 1; rows >= LEAST_ROWS * mr; rows--) {
      const covered = roundUp(features, rows);
      if (covered < best.covered) best = { rows, covered };
    }
    return best;
  };
  const tiles = tilesOf(kernel.features);
  const valueTiles = tilesOf(kernel.valueFeatures);
  // For both widths, so that sums are cut into the same blocks.
  const unit = leastMultiple((target.gemm.mr * target.gemm.nr) / target.lanes, target.lanes);
  return {
    width,
    keyTile: mr,
    keyBlock: roundUp(KEYS, unit),
    tiles,
    valueTiles,
    pitch: roundUp(tiles.covered, width) + 16,
    valuePitch: roundUp(valueTiles.covered, width) + 16,
    paddedKeys: roundUp(kernel.keys, unit),
  };
}

/** Everything that lowering hands around. */
export interface AttentionContext {
  readonly b: L3Builder;
  readonly kernel: AnyAttention;
  readonly deps: readonly Dependence[];
  readonly emitter: ExprEmitter;
  readonly target: Target;
  readonly sizes: AttentionSizes;
  /** The numbers of the loop variables. */
  readonly query: number;
  readonly key: number;
  readonly feature: number;
  readonly valueFeature: number;
}

/** Room for a whole vector after the last element of a workspace. */
const SLACK = 64;

/** The floats of each workspace with that room. */
export function withSlack(floats: readonly number[]): readonly number[] {
  return floats.map((n) => n + SLACK);
}

/** Begins the lowering of an attention kernel: its buffers, of them the slots of workspaces of so many floats, and its variables. */
export function openAttention(
  kernel: AnyAttention,
  sizes: AbstractKernel,
  target: Target,
  workspaces: readonly number[],
): { readonly c: AttentionContext; readonly slots: readonly number[] } {
  const deps = dependences(kernel);
  const b = new L3Builder(kernel.name, target.lanes, target);
  for (const buffer of kernel.buffers) b.buffer(memTypeOf(b, buffer.dtype), buffer.access);
  const slots = workspaces.map(() => b.buffer('f32', 'readwrite'));
  const emitter = new ExprEmitter(b, kernel, sizes, deps, statusBuffer(b, kernel));
  const query = kernel.batch.length;
  const variables = { query, key: query + 1, feature: query + 2, valueFeature: query + 3 };
  return {
    c: { b, kernel, deps, emitter, target, sizes: attentionSizes(kernel, target), ...variables },
    slots,
  };
}

/** A left operand: element (i, k) at `at + i * rowStep + k * kStep`, taken one by one. */
interface Left {
  readonly buffer: number;
  readonly at: Value;
  readonly rowStep: number;
  readonly kStep: number;
}

/** A right operand: `width` neighbours for each k, `kStep` apart. */
interface Right {
  readonly buffer: number;
  readonly at: Value;
  readonly kStep: number;
}

/** A register tile of `rows` x width: what it starts as plus the product over `depth` steps, in order. */
export function tileProduct(
  c: AttentionContext,
  rows: number,
  left: Left,
  right: Right,
  depth: Value,
  start: readonly Value[],
): readonly Value[] {
  const { b } = c;
  const { lanes } = c.target;
  const columns = c.sizes.width / lanes;
  const out = b.loop(b.index(0), depth, 1, [left.at, right.at, ...start], (_, [at, to, ...acc]) => {
    const vectors = Array.from({ length: columns }, (_x, j) =>
      b.load(right.buffer, to, { lanes, offset: j * lanes }),
    );
    const next: Value[] = [];
    for (let i = 0; i < rows; i++) {
      const element = b.broadcast(b.load(left.buffer, at, { offset: i * left.rowStep }));
      for (let j = 0; j < columns; j++) next.push(b.fma(element, vectors[j], acc[i * columns + j]));
    }
    return [b.add(at, b.index(left.kStep)), b.add(to, b.index(right.kStep)), ...next];
  });
  return out.slice(2);
}

export function zeroTile(c: AttentionContext, rows: number): readonly Value[] {
  const zero = c.b.broadcast(c.b.constant('f32', 0));
  return Array.from({ length: (rows * c.sizes.width) / c.target.lanes }, () => zero);
}

/** The places of a tile's vectors in memory whose rows are `pitch` apart. */
function tileOffsets(c: AttentionContext, rows: number, pitch: number): number[] {
  const { lanes } = c.target;
  const columns = c.sizes.width / lanes;
  return Array.from(
    { length: rows * columns },
    (_, i) => Math.floor(i / columns) * pitch + (i % columns) * lanes,
  );
}

export function loadTile(
  c: AttentionContext,
  rows: number,
  buffer: number,
  at: Value,
  pitch: number,
): readonly Value[] {
  return tileOffsets(c, rows, pitch).map((offset) => c.b.load(buffer, at, { lanes: c.target.lanes, offset }));
}

export function storeTile(
  c: AttentionContext,
  rows: number,
  buffer: number,
  at: Value,
  pitch: number,
  tile: readonly Value[],
): void {
  tileOffsets(c, rows, pitch).forEach((offset, i) => {
    c.b.store(buffer, at, tile[i], { offset });
  });
}

/** The vectors of one row of a panel. */
export function loadPanelRow(c: AttentionContext, buffer: number, at: Value): readonly Value[] {
  return loadTile(c, 1, buffer, at, c.sizes.width);
}

export function storePanelRow(c: AttentionContext, buffer: number, at: Value, row: readonly Value[]): void {
  storeTile(c, 1, buffer, at, c.sizes.width, row);
}

/** Sets `count` elements from `at` on. */
export function fill(c: AttentionContext, buffer: number, at: Value, count: Value, value: number): void {
  const { b, target } = c;
  const wide = b.broadcast(b.constant('f32', value));
  alongLanes(b, target, count, true, (i, lanesNow) => {
    if (lanesNow) b.store(buffer, b.add(at, i), wide, { mask: lanesNow.mask });
    else b.store(buffer, b.add(at, i), b.constant('f32', value));
  });
}

/** Rows in a workspace, `pitch` apart, and the part of an operand or a result that they stand for. */
export interface Rows {
  /** The variable that counts rows, and the one that counts what is in a row. */
  readonly down: number;
  readonly along: number;
  readonly buffer: number;
  readonly at: Value;
  readonly pitch: number;
  readonly from: Value;
  readonly rows: Value;
  readonly fromColumn: Value;
  readonly columns: Value;
}

type Lanes = { readonly mask: Value | null } | null;

/** Runs `body` for each place, `column` after where its row begins, vector by vector if `isVector`; what does not vary is hoisted. */
function walkRows(
  c: AttentionContext,
  p: Rows,
  isVector: boolean,
  values: readonly ExprId[],
  indices: readonly IndexExpr[],
  body: (row: Value, column: Value, lanesNow: Lanes) => void,
): void {
  const { b, emitter, target } = c;
  emitter.scoped(() => {
    emitter.hoist(values, indices);
    b.forEach(b.index(0), p.rows, 1, (i) => {
      const row = b.add(p.at, b.mul(i, b.index(p.pitch)));
      emitter.bind(p.down, b.add(p.from, i), null, () => {
        emitter.hoist(values, indices);
        alongLanes(b, target, p.columns, isVector, (j, lanesNow) =>
          emitter.bind(p.along, b.add(p.fromColumn, j), lanesNow, () => body(row, j, lanesNow)),
        );
      });
    });
  });
}

/** Writes rows of an operand, whatever expression it is, as float32 (bools as 0 and 1); rows of zeros follow up to `padTo`. */
export function packRows(
  c: AttentionContext,
  p: Rows & { readonly operand: ExprId; readonly padTo: Value },
): void {
  const { b, emitter, target } = c;
  const isVector =
    canVectorize(c.kernel, c.deps, [p.operand], [], p.along, target.masks) &&
    c.deps[p.operand].variables.has(p.along);
  walkRows(c, p, isVector, [p.operand], [], (row, column, lanesNow) => {
    const value = lanesNow ? emitter.emitLanes(p.operand) : emitter.emit(p.operand);
    // Rows have room for a whole vector at their end.
    b.store(p.buffer, b.add(row, column), b.convert('f32', value));
  });
  b.forEach(p.rows, p.padTo, 1, (i) =>
    fill(c, p.buffer, b.add(p.at, b.mul(i, b.index(p.pitch))), p.columns, 0),
  );
}

/** A row of an operand over queries as one vector row of a panel; lanes beyond `count` are `beyond`. */
export function packPanelRow(
  c: AttentionContext,
  operand: ExprId,
  buffer: number,
  at: Value,
  from: Value,
  count: Value,
  beyond: number,
): void {
  const { b, emitter, target } = c;
  fill(c, buffer, at, b.index(c.sizes.width), beyond);
  const isVector =
    canVectorize(c.kernel, c.deps, [operand], [], c.query, target.masks) &&
    c.deps[operand].variables.has(c.query);
  emitter.scoped(() => {
    emitter.hoist([operand], []);
    alongLanes(b, target, count, isVector, (i, lanesNow) =>
      emitter.bind(c.query, b.add(from, i), lanesNow, () => {
        const value = lanesNow ? emitter.emitLanes(operand) : emitter.emit(operand);
        b.store(buffer, b.add(at, i), value, { mask: lanesNow?.mask ?? null });
      }),
    );
  });
}

/**
 * A matrix turned, times a factor: element (i, j) at `from + i * fromPitch + j` goes to `to + j * toPitch + i`, for whole blocks of lanes x lanes. The
 * vectors of a block are interleaved with those half a block further on, log2(lanes) times.
 */
export function transpose(
  c: AttentionContext,
  rows: number,
  columns: Value,
  source: { readonly buffer: number; readonly at: Value; readonly pitch: number },
  destination: { readonly buffer: number; readonly at: Value; readonly pitch: number },
  factor = 1,
): void {
  const { b } = c;
  const { lanes } = c.target;
  const times = factor === 1 ? null : b.broadcast(b.constant('f32', factor));
  b.forEach(b.index(0), columns, lanes, (j) => {
    b.forEach(b.index(0), b.index(roundUp(rows, lanes)), lanes, (i) => {
      const from = b.add(b.add(source.at, b.mul(i, b.index(source.pitch))), j);
      const to = b.add(b.add(destination.at, b.mul(j, b.index(destination.pitch))), i);
      const lines = Array.from({ length: lanes }, (_, r) =>
        b.load(source.buffer, from, { lanes, offset: r * source.pitch }),
      );
      transposed(b, lines).forEach((v, r) => {
        const value = times === null ? v : b.mul(v, times);
        b.store(destination.buffer, to, value, { offset: r * destination.pitch });
      });
    });
  });
}

/** Stores rows of a result that lie in a workspace. */
export function storeRows(c: AttentionContext, store: Store, p: Rows): void {
  const { b, target } = c;
  const isVector = canVectorize(c.kernel, c.deps, [store.value], [store.index], p.along, target.masks);
  walkRows(c, p, isVector, [store.value], [store.index], (row, column, lanesNow) => {
    const mask = lanesNow?.mask ?? null;
    const options = lanesNow ? { lanes: target.lanes, mask } : {};
    storeResult(c, store, b.load(p.buffer, b.add(row, column), options), mask);
  });
}

/** Stores a result whose position is bound. */
export function storeResult(c: AttentionContext, store: Store, result: Value, mask: Value | null): void {
  const { b, emitter } = c;
  emitter.bindDot(result);
  const value = encodeExact(b, emitter.emitLanes(store.value), c.kernel.exprs[store.value].dtype);
  b.store(store.buffer, emitter.index(store.index), value, { mask });
  emitter.unbindDot();
}

/** Runs `body` for the units of each batch point that this launch is asked to run; a batch point has `each` of them. */
export function forEachBatch(
  c: AttentionContext,
  sizes: AbstractKernel,
  roots: readonly ExprId[],
  each: Value,
  body: (own: UnitRange) => void,
): void {
  const { b, emitter } = c;
  const { batch } = c.kernel;
  const indices = c.kernel.stores.map((s) => s.index);
  const units = unitRange(b, sizes);
  const zero = b.index(0);
  const batchSizes = batch.map((_, i) => b.sizeAt(sizes.variableSlots[i]));
  /** `before`: batch points ahead of the loops that are open. */
  const nest = (depth: number, before: Value): void => {
    emitter.hoist(roots, indices);
    if (depth === batch.length) {
      const first = b.mul(before, each);
      const from = b.sub(b.max(units.from, first), first);
      const to = b.sub(b.max(b.min(units.to, b.add(first, each)), first), first);
      b.when(b.compare('lt', from, to), () => emitter.scoped(() => body({ from, to })));
      return;
    }
    const size = batchSizes[depth];
    let [from, to] = [zero, size];
    if (depth === 0) {
      const inner = b.max(batchSizes.slice(1).reduce(b.mul.bind(b), each), b.index(1));
      from = b.div(units.from, inner);
      to = b.div(b.add(units.to, b.sub(inner, b.index(1))), inner);
    }
    b.forEach(from, to, 1, (i) =>
      emitter.bind(depth, i, null, () => nest(depth + 1, b.add(b.mul(before, size), i))),
    );
  };
  nest(0, zero);
}
