/**
 * Lowers the gradients of attention to L3 (Dao et al. 2022, algorithm 4): the weights of a block are computed again from the scores and
 * the logarithm of each row's sum, and all three gradients are added up in the same pass.
 *
 *     for each batch point: pack keys and values; gradients of keys and values = 0
 *       for each group of panels of queries: pack them and the gradients of their outputs; gradients of queries = 0
 *         for each block of keys, for each panel: weights = exp(scores - logSum); d = weights * (grad values^T - delta) * scale;
 *           gradients of queries += d keys
 *         for each tile of keys: gradients of values += weights^T grad, of keys += d^T queries, over all panels of the group
 *         gradients of queries are written
 *       gradients of keys and values are written
 *
 * Sums go over blocks and groups in order, so a result depends on the shape and the target's tile alone.
 */

import type { AttentionGradKernel, ExprId } from '../l2.js';
import type { AbstractKernel } from '../l2-sizes.js';
import type { L3Function, Value } from '../l3.js';
import type { Target } from '../target.js';
import {
  attentionSizes,
  fill,
  forEachBatch,
  loadPanelRow,
  loadTile,
  openAttention,
  packPanelRow,
  packRows,
  storePanelRow,
  storeRows,
  storeTile,
  tileProduct,
  transpose,
  withSlack,
  zeroTile,
} from './blocks.js';
import type { Block } from './scores.js';
import { dropoutOf, forEachScore, scoreUnit, turnFloats } from './scores.js';

/** Queries of a group, about: the depth of the products that give the gradients of keys and values. */
const GROUP = 64;

function panelsOf(width: number): number {
  return Math.max(1, Math.round(GROUP / width));
}

/** Floats of each workspace, in the order of their slots. */
function workspaces(kernel: AttentionGradKernel, target: Target): readonly number[] {
  const s = attentionSizes(kernel, target);
  const panels = panelsOf(s.width);
  const queries = panels * s.width;
  const rowsOf = (features: number): number => Math.ceil(features / target.lanes) * target.lanes;
  const rows = rowsOf(kernel.features);
  const valueRows = rowsOf(kernel.valueFeatures);
  return withSlack([
    s.paddedKeys * s.pitch,
    s.paddedKeys * s.valuePitch,
    s.paddedKeys * s.pitch,
    s.paddedKeys * s.valuePitch,
    queries * s.pitch,
    queries * s.valuePitch,
    panels * rows * s.width,
    panels * valueRows * s.width,
    panels * 2 * s.width,
    panels * s.keyBlock * s.width,
    panels * s.keyBlock * s.width,
    panels * Math.max(s.tiles.covered, rows) * s.width,
    ...turnFloats(kernel, s),
  ]);
}

export function attentionGradWorkspace(kernel: AttentionGradKernel, target: Target): readonly number[] {
  return workspaces(kernel, target).map((floats) => floats * 4);
}

export function lowerAttentionGrad(
  kernel: AttentionGradKernel,
  sizes: AbstractKernel,
  target: Target,
): L3Function {
  const { lanes } = target;
  const { c, slots } = openAttention(kernel, sizes, target, workspaces(kernel, target));
  const { b, emitter, sizes: s } = c;
  const [
    keys,
    values,
    keyGrads,
    valueGrads,
    queryRows,
    gradRows,
    queryPanels,
    gradPanels,
    stats,
    weights,
    differences,
    queryGrads,
    turnRows,
    turned,
  ] = slots;
  const [queryCount, keyCount] = [c.query, c.key].map((v) => b.sizeAt(sizes.variableSlots[v]));
  const zero = b.index(0);
  const { width } = s;
  const panels = panelsOf(s.width);
  const groupSize = panels * width;
  const [features, valueFeatures] = [kernel.features, kernel.valueFeatures].map((n) => b.index(n));
  const rowsOf = (n: number): number => Math.ceil(n / lanes) * lanes;
  /** Sizes of a panel's part of each workspace. */
  const queryPart = rowsOf(kernel.features) * width;
  const gradPart = rowsOf(kernel.valueFeatures) * width;
  const blockPart = s.keyBlock * width;
  const queryGradPart = Math.max(s.tiles.covered, rowsOf(kernel.features)) * width;
  const wanted = new Set(kernel.results);
  const unit = scoreUnit(kernel);

  const rowsIn = (operand: ExprId, down: number, isValue: boolean, buffer: number) => ({
    operand,
    down,
    along: isValue ? c.valueFeature : c.feature,
    buffer,
    at: zero,
    pitch: isValue ? s.valuePitch : s.pitch,
    fromColumn: zero,
    columns: isValue ? valueFeatures : features,
  });

  function packKeys(): void {
    const all = { from: zero, rows: keyCount, padTo: zero };
    packRows(c, { ...rowsIn(kernel.k, c.key, false, keys), ...all });
    packRows(c, { ...rowsIn(kernel.v, c.key, true, values), ...all });
    const padded = b.mul(
      b.div(b.add(keyCount, b.index(s.keyTile - 1)), b.index(s.keyTile)),
      b.index(s.keyTile),
    );
    fill(c, keyGrads, zero, b.mul(padded, b.index(s.pitch)), 0);
    fill(c, valueGrads, zero, b.mul(padded, b.index(s.valuePitch)), 0);
  }

  /** A group of panels: queries and gradients as rows and turned, log sums and deltas; zeros beyond the last query. */
  function packGroup(from: Value, count: Value, used: Value): void {
    const group = { from, rows: count, padTo: b.mul(used, b.index(width)) };
    packRows(c, { ...rowsIn(kernel.q, c.query, false, queryRows), ...group });
    packRows(c, { ...rowsIn(kernel.grad, c.query, true, gradRows), ...group });
    b.forEach(zero, used, 1, (p) =>
      emitter.scoped(() => {
        const row = b.mul(p, b.index(width));
        const turnPanel = (
          source: number,
          pitch: number,
          destination: number,
          part: number,
          columns: Value,
          factor: number,
        ) =>
          transpose(
            c,
            width,
            columns,
            { buffer: source, at: b.mul(row, b.index(pitch)), pitch },
            { buffer: destination, at: b.mul(p, b.index(part)), pitch: width },
            factor,
          );
        turnPanel(queryRows, s.pitch, queryPanels, queryPart, features, unit.factor);
        turnPanel(gradRows, s.valuePitch, gradPanels, gradPart, valueFeatures, 1);
        const at = b.mul(row, b.index(2));
        const left = b.min(b.index(width), b.sub(count, row));
        // Queries beyond the last have weights exp(score - infinity) = 0.
        const none = Number.POSITIVE_INFINITY;
        packPanelRow(c, kernel.logSum, stats, at, b.add(from, row), left, none);
        packPanelRow(c, kernel.delta, stats, b.add(at, b.index(width)), b.add(from, row), left, 0);
      }),
    );
    fill(c, queryGrads, zero, b.mul(used, b.index(queryGradPart)), 0);
  }

  /** Products of the rows of a block of keys with a panel, one row of vectors for each key. */
  function products(
    block: Block,
    rows: { readonly buffer: number; readonly pitch: number },
    panel: { readonly buffer: number; readonly at: Value },
    depth: Value,
    out: { readonly buffer: number; readonly at: Value },
  ): void {
    b.forEach(zero, block.keys, s.keyTile, (t) => {
      const at = b.mul(b.add(block.fromKey, t), b.index(rows.pitch));
      const left = { buffer: rows.buffer, at, rowStep: rows.pitch, kStep: 1 };
      const tile = tileProduct(c, s.keyTile, left, { ...panel, kStep: width }, depth, zeroTile(c, s.keyTile));
      storeTile(c, s.keyTile, out.buffer, b.add(out.at, b.mul(t, b.index(width))), width, tile);
    });
  }

  /** Weights (as dropout leaves them) and d in place of the two products, for a panel; zeros up to `allKeys` of the block. */
  function weightPass(block: Block, p: Value, allKeys: Value): void {
    const blockAt = b.mul(p, b.index(blockPart));
    const statsAt = b.mul(p, b.index(2 * width));
    const logSums = loadPanelRow(c, stats, statsAt).map((x) =>
      unit.ofNatural === 1 ? x : b.mul(x, b.like(x, unit.ofNatural)),
    );
    const deltas = loadPanelRow(c, stats, b.add(statsAt, b.index(width)));
    const buffers = { rows: turnRows, turned };
    const scale = b.broadcast(b.constant('f32', kernel.scale));
    // The tiles of keys reach over what causality hides from this panel: nothing flows back from there.
    const tileEnd = b.mul(
      b.div(b.add(allKeys, b.index(s.keyTile - 1)), b.index(s.keyTile)),
      b.index(s.keyTile),
    );
    const beyond = b.add(blockAt, b.mul(block.keys, b.index(width)));
    for (const buffer of [weights, differences])
      fill(c, buffer, beyond, b.mul(b.sub(tileEnd, block.keys), b.index(width)), 0);
    type Score = ((products: readonly Value[]) => readonly Value[]) | null;
    const weightsOf = (at: Value, score: Score): readonly Value[] => {
      const products = loadPanelRow(c, weights, at);
      return (score?.(products) ?? products).map((x, j) => unit.power(b, b.sub(x, logSums[j])));
    };
    const placeOf = (r: Value): Value => b.add(blockAt, b.mul(r, b.index(width)));
    const put = (at: Value, w: readonly Value[], kept: readonly Value[], d: readonly Value[]): void => {
      const change = w.map((x, j) => b.mul(b.mul(x, b.sub(d[j], deltas[j])), scale));
      storePanelRow(c, weights, at, kept);
      storePanelRow(c, differences, at, change);
    };
    if (kernel.dropout === null) {
      forEachScore(c, buffers, block, [], (r, score) => {
        const at = placeOf(r);
        const w = weightsOf(at, score);
        put(at, w, w, loadPanelRow(c, differences, at));
        return [];
      });
      return;
    }
    // Mask and dropout are turned in the same memory, one after the other.
    forEachScore(c, buffers, block, [], (r, score) => {
      storePanelRow(c, weights, placeOf(r), weightsOf(placeOf(r), score));
      return [];
    });
    const drop = dropoutOf(c, buffers, block);
    if (drop === null) return;
    b.forEach(zero, block.keys, 1, (r) => {
      const at = placeOf(r);
      const w = loadPanelRow(c, weights, at);
      put(at, w, drop(w, r), drop(loadPanelRow(c, differences, at), r));
    });
  }

  /** Gradients of queries += d keys, for a panel. */
  function addToQueries(block: Block, p: Value): void {
    const { rows: height, covered } = s.tiles;
    const base = b.mul(p, b.index(queryGradPart));
    const right = { buffer: differences, at: b.mul(p, b.index(blockPart)), kStep: width };
    b.forEach(zero, b.index(covered), height, (t) => {
      const at = b.add(base, b.mul(t, b.index(width)));
      const left = {
        buffer: keys,
        at: b.add(b.mul(block.fromKey, b.index(s.pitch)), t),
        rowStep: 1,
        kStep: s.pitch,
      };
      const start = loadTile(c, height, queryGrads, at, width);
      storeTile(c, height, queryGrads, at, width, tileProduct(c, height, left, right, block.keys, start));
    });
  }

  /** Gradients of keys (or values) += d^T queries (weights^T grad) over all queries of the group, for a block of keys. */
  function addToKeys(
    block: Block,
    used: Value,
    left: number,
    right: { readonly buffer: number; readonly pitch: number; readonly features: number },
    out: number,
  ): void {
    b.forEach(zero, block.keys, s.keyTile, (t) => {
      // Causality hides these keys from the panels before.
      const key = b.add(block.fromKey, t);
      const firstPanel = kernel.isCausal
        ? b.div(b.sub(b.max(key, block.fromQuery), block.fromQuery), b.index(width))
        : zero;
      b.forEach(zero, b.index(right.features), width, (column) => {
        const at = b.add(b.mul(key, b.index(right.pitch)), column);
        const start = loadTile(c, s.keyTile, out, at, right.pitch);
        const tile = b.loop(firstPanel, used, 1, start, (p, acc) =>
          tileProduct(
            c,
            s.keyTile,
            {
              buffer: left,
              at: b.add(b.mul(p, b.index(blockPart)), b.mul(t, b.index(width))),
              rowStep: width,
              kStep: 1,
            },
            {
              buffer: right.buffer,
              at: b.add(b.mul(p, b.index(width * right.pitch)), column),
              kStep: right.pitch,
            },
            b.index(width),
            acc,
          ),
        );
        storeTile(c, s.keyTile, out, at, right.pitch, tile);
      });
    });
  }

  function writeQueries(from: Value, count: Value, used: Value): void {
    // The rows of the queries are no longer needed.
    b.forEach(zero, used, 1, (p) =>
      transpose(
        c,
        kernel.features,
        b.index(width),
        { buffer: queryGrads, at: b.mul(p, b.index(queryGradPart)), pitch: width },
        { buffer: queryRows, at: b.mul(p, b.index(width * s.pitch)), pitch: s.pitch },
      ),
    );
    write('query', { down: c.query, buffer: queryRows, from, rows: count });
  }

  function write(
    what: 'query' | 'key' | 'value',
    p: { readonly down: number; readonly buffer: number; readonly from: Value; readonly rows: Value },
  ): void {
    const isValue = what === 'value';
    kernel.stores.forEach((store, i) => {
      if (kernel.results[i] !== what) return;
      storeRows(c, store, {
        ...p,
        along: isValue ? c.valueFeature : c.feature,
        at: zero,
        fromColumn: zero,
        pitch: isValue ? s.valuePitch : s.pitch,
        columns: isValue ? valueFeatures : features,
      });
    });
  }

  function group(from: Value): void {
    const count = b.min(b.index(groupSize), b.sub(queryCount, from));
    const used = b.div(b.add(count, b.index(width - 1)), b.index(width));
    packGroup(from, count, used);
    const end = kernel.isCausal ? b.min(keyCount, b.add(from, count)) : keyCount;
    b.forEach(zero, end, s.keyBlock, (fromKey) =>
      emitter.scoped(() => {
        const blockKeys = b.min(b.index(s.keyBlock), b.sub(end, fromKey));
        const whole = { fromQuery: from, queries: count, fromKey, keys: blockKeys };
        b.forEach(zero, used, 1, (p) =>
          emitter.scoped(() => {
            const row = b.mul(p, b.index(width));
            const queries = b.min(b.index(width), b.sub(count, row));
            const fromQuery = b.add(from, row);
            const seen = b.sub(b.max(b.add(fromQuery, queries), fromKey), fromKey);
            const own = kernel.isCausal ? b.min(blockKeys, seen) : blockKeys;
            const block = { fromQuery, queries, fromKey, keys: own };
            const at = b.mul(p, b.index(blockPart));
            const queryPanel = { buffer: queryPanels, at: b.mul(p, b.index(queryPart)) };
            const gradPanel = { buffer: gradPanels, at: b.mul(p, b.index(gradPart)) };
            products(block, { buffer: keys, pitch: s.pitch }, queryPanel, features, { buffer: weights, at });
            products(block, { buffer: values, pitch: s.valuePitch }, gradPanel, valueFeatures, {
              buffer: differences,
              at,
            });
            weightPass(block, p, blockKeys);
            if (wanted.has('query')) addToQueries(block, p);
          }),
        );
        if (wanted.has('value')) {
          const right = { buffer: gradRows, pitch: s.valuePitch, features: kernel.valueFeatures };
          addToKeys(whole, used, weights, right, valueGrads);
        }
        if (wanted.has('key')) {
          const right = { buffer: queryRows, pitch: s.pitch, features: kernel.features };
          addToKeys(whole, used, differences, right, keyGrads);
        }
      }),
    );
    if (wanted.has('query')) writeQueries(from, count, used);
  }

  const roots = [kernel.q, kernel.k, kernel.v, kernel.grad, kernel.logSum, kernel.delta];
  forEachBatch(c, sizes, roots, b.index(1), () => {
    packKeys();
    b.forEach(zero, queryCount, groupSize, (from) => emitter.scoped(() => group(from)));
    write('key', { down: c.key, buffer: keyGrads, from: zero, rows: keyCount });
    write('value', { down: c.key, buffer: valueGrads, from: zero, rows: keyCount });
  });
  return b.finish();
}
