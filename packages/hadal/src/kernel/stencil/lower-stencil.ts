/**
 * Depthwise convolutions and their gradients; `stencil.ts` says what they are and in which steps rows are walked.
 *
 *     for each unit: for each strip of columns: for each step of rows: loads, products, the row that ends
 *
 * `lower-stencil-groups.ts` has the pass `mix`, `lower-stencil-dense.ts` the dense ones. A strip is a vector of columns, or two where rows have more, with masks for what lies beyond the edges that are the same all the way
 * down: nothing is copied to be padded. Sums that go on are carried from step to step in registers, and so is the filter. A unit of `slide`
 * and `spread` is one channel of one sample; of `taps` it is a channel, whose sums start from zero in every sample and are then added up.
 */
import { known } from '../../base/errors.js';
import { type StencilKernel, stencilOffsets } from '../l2.js';
import type { AbstractKernel } from '../l2-sizes.js';
import type { L3Function, Value } from '../l3.js';
import { L3Builder } from '../l3-builder.js';
import type { Target } from '../target.js';
import { unitRange } from '../unit-range.js';
import { lowerDense } from './lower-stencil-dense.js';
import { mix } from './lower-stencil-groups.js';
import type { RowStep } from './stencil.js';
import {
  carriedRows,
  featuresTogether,
  imageLoads,
  rowSteps,
  spreadLoads,
  stencilVariables as v,
} from './stencil.js';
import { denseKey, denseWorkspace, isDense } from './stencil-dense.js';
import { endOffset, lanesOf, type Row, StencilRows, type StripMasks } from './stencil-rows.js';

/** Bytes of each workspace buffer: but of the dense passes a row of a strip, for results that do not fit lanes. */
export function stencilWorkspace(kernel: StencilKernel, target: Target): readonly number[] {
  if (isDense(kernel)) return denseWorkspace(kernel);
  return [4 * target.lanes * 4];
}

/** What of a kernel's sizes its code depends on. */
export function stencilKey(kernel: StencilKernel, target: Target): string {
  const { pass, samples, taps, strides, low, x, y, weights } = kernel;
  if (isDense(kernel))
    return `${denseKey(kernel)} at ${stencilOffsets(kernel)?.join()} ${[x, y, ...weights].join()}`;
  const flags = (steps: readonly RowStep[]): string =>
    steps
      .map((s) => [...s.reads, '', ...s.writes].map((is) => (is === '' ? '>' : is ? '1' : '0')).join(''))
      .join(' ');
  const { first, last } = rowSteps(kernel);
  const loads = (pass === 'spread' ? spreadLoads(kernel) : imageLoads(kernel)).map((l) => l.short);
  const isNarrow = lanesOf(kernel) <= target.lanes;
  return [
    `stencil ${pass} ${taps.join('x')} by ${strides.join('x')} low ${low.join('x')}`,
    `${flags(first)}|${flags(last)}|${endOffset(kernel)} short ${loads.join()}`,
    pass === 'mix' ? `${featuresTogether(kernel, target.lanes)} at ${stencilOffsets(kernel)?.join()}` : '',
    `${isNarrow ? 'narrow' : ''} ${samples === 1 ? 'one' : ''} ${[x, y, ...weights].join()}`,
  ].join(' ');
}

export function lowerStencil(kernel: StencilKernel, sizes: AbstractKernel, target: Target): L3Function {
  if (isDense(kernel)) return lowerDense(kernel, sizes, target);
  const b = new L3Builder(kernel.name, target.lanes, target);
  emitStencil(new StencilRows(b, kernel, sizes, target));
  return b.finish();
}

function none(rows: number): readonly null[] {
  return Array.from({ length: rows }, () => null);
}

function emitStencil(r: StencilRows): void {
  const b = r.b;
  const { pass } = r.kernel;
  const units = unitRange(b, r.sizes);
  const channels = r.size(v.channel);
  if (pass === 'mix') {
    const offsets = known(stencilOffsets(r.kernel), 'places of weights');
    const together = featuresTogether(r.kernel, b.lanes);
    b.forEach(units.from, units.to, 1, (unit) => mix(r, unit, together, offsets));
    return;
  }
  if (pass === 'taps') {
    b.forEach(units.from, units.to, 1, (channel) => r.emitter.bind(v.channel, channel, null, () => taps(r)));
    return;
  }
  b.forEach(units.from, units.to, 1, (unit) =>
    r.emitter.bind(v.sample, b.div(unit, channels), null, () =>
      r.emitter.bind(v.channel, b.binary('rem', unit, channels), null, () => {
        r.hoist();
        const weights = r.kernel.weights.map((id) => b.spread(r.emitter.emit(id), b.lanes));
        r.strips((first, masks) => {
          if (pass === 'slide') slide(r, first, masks, weights);
          else spread(r, first, masks, weights);
        });
      }),
    ),
  );
}

function slide(r: StencilRows, first: Value, masks: StripMasks, weights: readonly Value[]): void {
  const b = r.b;
  const kernel = r.kernel;
  const [rows, columns] = kernel.taps;
  const [stride, step] = kernel.strides;
  const lanes = r.lanes();
  const start = b.mul(first, b.index(step));
  r.emitter.bind(v.image[1], start, null, () => {
    r.hoist();
    r.steps(none(carriedRows(kernel)), false, (place, flags, carried) => {
      const sums: (Row | null)[] = [...carried, null];
      for (let q = 0; q < stride; q++) {
        if (flags !== null && !flags.reads[q]) continue;
        const loaded = r.imageRow(place.image(q), masks.loads);
        sums.forEach((_, later) => {
          const tap = rows - stride + q - stride * later;
          if (tap < 0) return;
          for (let column = 0; column < columns; column++)
            sums[later] = r.multiply(loaded[column], weights[tap * columns + column], sums[later]);
        });
      }
      const [ended, ...rest] = sums;
      if (flags === null || flags.writes[0])
        r.store(place.position(0), first, ended ?? r.zeros(), masks.whole, lanes);
      return rest;
    });
  });
}

function spread(r: StencilRows, first: Value, masks: StripMasks, weights: readonly Value[]): void {
  const b = r.b;
  const kernel = r.kernel;
  const [rows, columns] = kernel.taps;
  const [stride, step] = kernel.strides;
  const image = r.size(v.image[1]);
  const start = b.mul(first, b.index(step));
  const loads = spreadLoads(kernel);
  r.emitter.bind(v.positions[1], first, null, () => {
    r.hoist();
    // Each row as the parts that its neighbours are made of.
    r.steps(none((rows - stride) * step), false, (place, flags, carried) => {
      const sums: (Row | null)[] = Array.from({ length: rows * step }, (_, i) => carried[i] ?? null);
      if (flags === null || flags.reads[0]) {
        const { buffer, at } = r.emitter.bind(v.positions[0], place.position(0), null, () =>
          r.place(kernel.x),
        );
        const loaded = new Map<number, Row>();
        loads.forEach(({ part, offset }, column) => {
          const row =
            loaded.get(offset) ??
            masks.loads[column].map((mask, j) =>
              b.load(buffer, at, { lanes: b.lanes, offset: offset + j * b.lanes, mask }),
            );
          loaded.set(offset, row);
          for (let tap = 0; tap < rows; tap++) {
            const into = tap * step + part;
            sums[into] = r.multiply(row, weights[tap * columns + column], sums[into]);
          }
        });
      }
      for (let q = 0; q < stride; q++) {
        if (flags !== null && !flags.writes[q]) continue;
        const parts = sums.slice(q * step, (q + 1) * step).map((row) => row ?? r.zeros());
        const together =
          step === 1
            ? parts[0]
            : parts[0].flatMap((even, j) =>
                (['low', 'high'] as const).map((half) => b.zip(half, even, parts[1][j])),
              );
        r.store(place.image(q), start, together, masks.whole, image);
      }
      return sums.slice(stride * step);
    });
  });
}

function taps(r: StencilRows): void {
  const b = r.b;
  const kernel = r.kernel;
  const [rows, columns] = kernel.taps;
  const zeros = Array.from({ length: rows * columns }, () => b.spread(b.constant('f32', 0), b.lanes));
  r.hoist();
  const ofSample = (sample: Value): readonly Value[] =>
    r.emitter.bind(v.sample, sample, null, () => {
      r.hoist();
      if (r.narrow !== null) return tapsOfStrip(r, b.index(0), r.narrow, zeros);
      const width = r.vectors * b.lanes;
      return b.loop(b.index(0), r.lanes(), width, zeros, (first, sums) =>
        tapsOfStrip(r, first, r.stripMasks(first), sums),
      );
    });
  const sums =
    kernel.samples === 1
      ? ofSample(b.index(0))
      : b.loop(b.index(0), r.size(v.sample), 1, zeros, (sample, totals) =>
          ofSample(sample).map((sum, i) => b.add(totals[i], sum)),
        );
  sums.forEach((sum, tap) => {
    const [row, column] = [Math.floor(tap / columns), tap % columns];
    r.emitter.bind(v.taps[0], b.index(row), null, () =>
      r.emitter.bind(v.taps[1], b.index(column), null, () => {
        r.emitter.bindDot(b.horizontal('add', sum));
        r.emitter.storeAll(kernel.stores);
        r.emitter.unbindDot();
      }),
    );
  });
}

/** The sums of all taps with those of one strip added. */
function tapsOfStrip(
  r: StencilRows,
  first: Value,
  masks: StripMasks,
  before: readonly Value[],
): readonly Value[] {
  const b = r.b;
  const kernel = r.kernel;
  const [rows, columns] = kernel.taps;
  const [stride, step] = kernel.strides;
  const start = b.mul(first, b.index(step));
  const held = carriedRows(kernel);
  const vectors = r.vectors;
  /** The sums travel with the rows that are held, as rows of one vector each that is filled up. */
  const sumRows = Math.ceil(before.length / vectors);
  const filled = [...before, ...r.zeros()].slice(0, sumRows * vectors);
  const packed = Array.from({ length: sumRows }, (_, i) => filled.slice(i * vectors, (i + 1) * vectors));
  return r.emitter.bind(v.image[1], start, null, () =>
    r.emitter.bind(v.positions[1], first, null, () => {
      r.hoist();
      const out = r.steps([...none(held), ...packed], true, (place, flags, carried) => {
        const sums = carried.slice(held).flatMap((row) => row ?? []);
        const there = carried.slice(0, held);
        if (flags === null || flags.writes[0]) {
          const { buffer, at } = r.emitter.bind(v.positions[0], place.position(held), null, () =>
            r.place(kernel.y),
          );
          there.push(
            masks.whole.map((mask, j) => b.load(buffer, at, { lanes: b.lanes, offset: j * b.lanes, mask })),
          );
        } else there.push(null);
        for (let q = 0; q < stride; q++) {
          if (flags !== null && !flags.reads[q]) continue;
          const loaded = r.imageRow(place.image(q), masks.loads);
          there.forEach((row, later) => {
            const tap = rows - stride + q - stride * later;
            if (tap < 0 || row === null) return;
            for (let column = 0; column < columns; column++) {
              const into = tap * columns + column;
              for (let j = 0; j < vectors; j++) sums[into] = b.fma(loaded[column][j], row[j], sums[into]);
            }
          });
        }
        const again = Array.from({ length: sumRows }, (_, i) => sums.slice(i * vectors, (i + 1) * vectors));
        return [...there.slice(1), ...again];
      });
      return out
        .slice(held)
        .flatMap((row) => row ?? [])
        .slice(0, before.length);
    }),
  );
}
