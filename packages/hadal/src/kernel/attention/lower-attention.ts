/**
 * Lowers an attention kernel to L3: softmax(scale q k^T + mask) v in one pass over the keys, with a running maximum and sum for each
 * query (Milakov and Gimelshein 2018; Dao et al. 2022), so that only a block of the weights is ever in memory.
 *
 *     for each batch point: pack keys and values as rows
 *       for each panel of queries: pack it; maximum = -infinity, sum = 0, result = 0
 *         for each block of keys: scores; new maximum; weights = exp(scores - maximum);
 *           sum and result are scaled to the new maximum; sum += weights; result += weights * values
 *         result / sum is written, and maximum + log(sum) where the backward pass wants it
 *
 * Each query is a lane of its own, and blocks of keys start at the first key: a row's result depends on its own query, the keys and the
 * target's tile alone, whatever else is in the panel. Blocks of keys that causality hides from a whole panel are skipped.
 */

import { canVectorize } from '../dependence.js';
import type { AttentionKernel } from '../l2.js';
import type { AbstractKernel } from '../l2-sizes.js';
import type { L3Function, Value } from '../l3.js';
import { alongLanes } from '../loops/vector-loop.js';
import { lowerLog } from '../math/index.js';
import type { Target } from '../target.js';
import {
  attentionSizes,
  fill,
  forEachBatch,
  loadPanelRow,
  loadTile,
  openAttention,
  packRows,
  storePanelRow,
  storeResult,
  storeRows,
  storeTile,
  tileProduct,
  transpose,
  withSlack,
  zeroTile,
} from './blocks.js';
import type { Block } from './scores.js';
import { dropoutOf, forEachScore, scoreUnit, turnFloats } from './scores.js';

/** Floats of each workspace, in the order of their slots. */
function workspaces(kernel: AttentionKernel, target: Target): readonly number[] {
  const s = attentionSizes(kernel, target);
  const rowsOf = (features: number): number => Math.ceil(features / target.lanes) * target.lanes;
  const resultRows = rowsOf(Math.max(s.valueTiles.covered, kernel.valueFeatures));
  return withSlack([
    s.paddedKeys * s.pitch,
    s.paddedKeys * s.valuePitch,
    s.width * s.pitch,
    rowsOf(kernel.features) * s.width,
    s.keyBlock * s.width,
    resultRows * s.width,
    s.width * s.valuePitch,
    2 * s.width,
    ...turnFloats(kernel, s),
  ]);
}

export function attentionWorkspace(kernel: AttentionKernel, target: Target): readonly number[] {
  return workspaces(kernel, target).map((floats) => floats * 4);
}

export function lowerAttention(kernel: AttentionKernel, sizes: AbstractKernel, target: Target): L3Function {
  const { lanes } = target;
  const { c, slots } = openAttention(kernel, sizes, target, workspaces(kernel, target));
  const { b, emitter, sizes: s } = c;
  const [keys, values, queryRows, panel, scores, result, rows, stats, turnRows, turned] = slots;
  const [queryCount, keyCount] = [c.query, c.key].map((v) => b.sizeAt(sizes.variableSlots[v]));
  const zero = b.index(0);
  const { width } = s;
  const [maxima, sums] = [zero, b.index(width)];
  const isMasked = kernel.mask !== null || kernel.isCausal;
  const roots = [kernel.q, kernel.k, kernel.v];
  const unit = scoreUnit(kernel);

  function packKeys(): void {
    const common = { down: c.key, at: zero, from: zero, rows: keyCount, fromColumn: zero, padTo: zero };
    packRows(c, {
      ...common,
      operand: kernel.k,
      along: c.feature,
      buffer: keys,
      pitch: s.pitch,
      columns: b.index(kernel.features),
    });
    packRows(c, {
      ...common,
      operand: kernel.v,
      along: c.valueFeature,
      buffer: values,
      pitch: s.valuePitch,
      columns: b.index(kernel.valueFeatures),
    });
  }

  function packQueries(from: Value, count: Value): void {
    packRows(c, {
      operand: kernel.q,
      down: c.query,
      along: c.feature,
      buffer: queryRows,
      at: zero,
      pitch: s.pitch,
      from,
      rows: count,
      fromColumn: zero,
      columns: b.index(kernel.features),
      padTo: b.index(width),
    });
    transpose(
      c,
      width,
      b.index(kernel.features),
      { buffer: queryRows, at: zero, pitch: s.pitch },
      { buffer: panel, at: zero, pitch: width },
      unit.factor,
    );
  }

  /** Products of the keys of a block with the queries of the panel. */
  function products(block: Block): void {
    b.forEach(zero, block.keys, s.keyTile, (t) => {
      const left = {
        buffer: keys,
        at: b.mul(b.add(block.fromKey, t), b.index(s.pitch)),
        rowStep: s.pitch,
        kStep: 1,
      };
      const right = { buffer: panel, at: zero, kStep: width };
      const tile = tileProduct(c, s.keyTile, left, right, b.index(kernel.features), zeroTile(c, s.keyTile));
      storeTile(c, s.keyTile, scores, b.mul(t, b.index(width)), width, tile);
    });
  }

  /** Scores in place of products; what they are at most, as numbers that can be subtracted. */
  function scorePass(block: Block): { readonly shift: readonly Value[]; readonly rescale: readonly Value[] } {
    const before = loadPanelRow(c, stats, maxima);
    const after = forEachScore(c, { rows: turnRows, turned }, block, before, (r, score, largest) => {
      const at = b.mul(r, b.index(width));
      let now = loadPanelRow(c, scores, at);
      if (score !== null) {
        now = score(now);
        storePanelRow(c, scores, at, now);
      }
      // NaN never becomes the maximum; it goes on through its weight.
      return largest.map((m, j) => b.max(now[j], m));
    });
    storePanelRow(c, stats, maxima, after);
    // While a query has seen nothing but -infinity its weights are exp(-infinity) = 0, not exp(-infinity + infinity).
    const shift = after.map((m) =>
      b.select(b.compare('eq', m, b.like(m, Number.NEGATIVE_INFINITY)), b.like(m, 0), m),
    );
    return { shift, rescale: before.map((m, j) => unit.power(b, b.sub(m, shift[j]))) };
  }

  /** Weights in place of scores, and their sums. */
  function weightPass(block: Block, shift: readonly Value[], rescale: readonly Value[]): void {
    const drop = dropoutOf(c, { rows: turnRows, turned }, block);
    const added = b.loop(
      zero,
      block.keys,
      1,
      shift.map((m) => b.like(m, 0)),
      (r, sum) => {
        const at = b.mul(r, b.index(width));
        const weights = loadPanelRow(c, scores, at).map((x, j) => unit.power(b, b.sub(x, shift[j])));
        storePanelRow(c, scores, at, drop === null ? weights : drop(weights, r));
        return sum.map((x, j) => b.add(x, weights[j]));
      },
    );
    const total = loadPanelRow(c, stats, sums).map((x, j) => b.fma(x, rescale[j], added[j]));
    storePanelRow(c, stats, sums, total);
  }

  /** result = result * rescale + weights * values of a block. */
  function addValues(block: Block, rescale: readonly Value[]): void {
    const { rows: height, covered } = s.valueTiles;
    b.forEach(zero, b.index(covered), height, (t) => {
      const at = b.mul(t, b.index(width));
      const start = loadTile(c, height, result, at, width).map((x, i) =>
        b.mul(x, rescale[i % rescale.length]),
      );
      const left = {
        buffer: values,
        at: b.add(b.mul(block.fromKey, b.index(s.valuePitch)), t),
        rowStep: 1,
        kStep: s.valuePitch,
      };
      const tile = tileProduct(
        c,
        height,
        left,
        { buffer: scores, at: zero, kStep: width },
        block.keys,
        start,
      );
      storeTile(c, height, result, at, width, tile);
    });
  }

  function finish(from: Value, count: Value): void {
    const [largest, total] = [maxima, sums].map((at) => loadPanelRow(c, stats, at));
    const isEmpty = total.map((x) => b.compare('eq', x, b.like(x, 0)));
    // A query that sees nothing gives zeros; without masks a row of nothing but -infinity is NaN, as in a softmax.
    const divisor = isMasked ? total.map((x, j) => b.select(isEmpty[j], b.like(x, 1), x)) : total;
    b.forEach(zero, b.index(kernel.valueFeatures), 1, (i) => {
      const at = b.mul(i, b.index(width));
      storePanelRow(
        c,
        result,
        at,
        loadPanelRow(c, result, at).map((x, j) => b.div(x, divisor[j])),
      );
    });
    transpose(
      c,
      kernel.valueFeatures,
      b.index(width),
      { buffer: result, at: zero, pitch: width },
      { buffer: rows, at: zero, pitch: s.valuePitch },
    );
    kernel.stores.forEach((store, i) => {
      if (kernel.results[i] === 'output') {
        storeRows(c, store, {
          down: c.query,
          along: c.valueFeature,
          buffer: rows,
          at: zero,
          pitch: s.valuePitch,
          from,
          rows: count,
          fromColumn: zero,
          columns: b.index(kernel.valueFeatures),
        });
        return;
      }
      const logSums = total.map((x, j) => {
        const most = unit.ofNatural === 1 ? largest[j] : b.mul(largest[j], b.like(x, 1 / unit.ofNatural));
        const sum = b.add(most, lowerLog(b, x));
        // exp(score - infinity) is 0: nothing flows back through a query that sees nothing.
        return isMasked ? b.select(isEmpty[j], b.like(x, Number.POSITIVE_INFINITY), sum) : sum;
      });
      storePanelRow(c, stats, maxima, logSums);
      const isVector = canVectorize(kernel, c.deps, [store.value], [store.index], c.query, target.masks);
      emitter.scoped(() => {
        emitter.hoist([store.value], [store.index]);
        alongLanes(b, target, count, isVector, (j, lanesNow) => {
          const options = lanesNow ? { lanes, mask: lanesNow.mask } : {};
          emitter.bind(c.query, b.add(from, j), lanesNow, () =>
            storeResult(c, store, b.load(stats, b.add(maxima, j), options), lanesNow?.mask ?? null),
          );
        });
      });
    });
  }

  const panelCount = b.div(b.add(queryCount, b.index(width - 1)), b.index(width));
  forEachBatch(c, sizes, roots, panelCount, (own) => {
    packKeys();
    b.forEach(own.from, own.to, 1, (panelAt) =>
      emitter.scoped(() => {
        const from = b.mul(panelAt, b.index(width));
        const count = b.min(b.index(width), b.sub(queryCount, from));
        packQueries(from, count);
        fill(c, stats, maxima, b.index(width), Number.NEGATIVE_INFINITY);
        fill(c, stats, sums, b.index(width), 0);
        fill(c, result, zero, b.index(s.valueTiles.covered * width), 0);
        const end = kernel.isCausal ? b.min(keyCount, b.add(from, count)) : keyCount;
        b.forEach(zero, end, s.keyBlock, (fromKey) =>
          emitter.scoped(() => {
            const block = {
              fromQuery: from,
              queries: count,
              fromKey,
              keys: b.min(b.index(s.keyBlock), b.sub(end, fromKey)),
            };
            products(block);
            const { shift, rescale } = scorePass(block);
            weightPass(block, shift, rescale);
            addValues(block, rescale);
          }),
        );
        finish(from, count);
      }),
    );
  });
  return b.finish();
}
