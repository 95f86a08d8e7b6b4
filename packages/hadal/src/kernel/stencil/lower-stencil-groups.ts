/**
 * Convolutions of groups of a few channels: the pass `mix` of a stencil.
 *
 *     for each row of positions: for each channel of the group: for each row of taps: loads, products for some features
 *
 * Each row that is loaded serves several features, whose weights are broadcast from where they lie. A unit is these features of one sample.
 */
import { InternalError } from '../../base/errors.js';
import type { Value } from '../l3.js';
import { stencilVariables as v } from './stencil.js';
import type { Row, StencilRows, StripMasks } from './stencil-rows.js';

/** Where the weights of a feature lie: those of its first channel, and how far apart those of its channels are. */
interface Weights {
  readonly buffer: number;
  readonly starts: readonly Value[];
  readonly step: Value;
  readonly offsets: readonly number[];
}

function weightsOf(r: StencilRows, first: Value, together: number, offsets: readonly number[]): Weights {
  const { b, emitter } = r;
  const e = r.kernel.exprs[r.kernel.weights[0]];
  if (e.op !== 'load') throw new InternalError('a stencil reads memory');
  const at = (feature: number, channel: number): Value =>
    emitter.bind(v.channel, b.add(first, b.index(feature)), null, () =>
      emitter.bind(v.inGroup, b.index(channel), null, () => emitter.index(e.index)),
    );
  const starts = Array.from({ length: together }, (_, j) => at(j, 0));
  return { buffer: e.buffer, starts, step: b.sub(at(0, 1), starts[0]), offsets };
}

/** @param unit so many features of one sample. */
export function mix(r: StencilRows, unit: Value, together: number, offsets: readonly number[]): void {
  const { b, emitter } = r;
  const blocks = b.div(r.size(v.channel), b.index(together));
  const first = b.mul(b.binary('rem', unit, blocks), b.index(together));
  const group = b.div(first, b.div(r.size(v.channel), r.size(v.group)));
  emitter.bind(v.sample, b.div(unit, blocks), null, () =>
    emitter.bind(v.group, group, null, () => {
      const weights = weightsOf(r, first, together, offsets);
      r.strips((column, masks) => strip(r, column, masks, first, weights));
    }),
  );
}

function strip(r: StencilRows, column: Value, masks: StripMasks, feature: Value, weights: Weights): void {
  const { b, emitter, kernel } = r;
  const [rows, columns] = kernel.taps;
  const { starts, step, buffer, offsets } = weights;
  const lanes = r.lanes();
  const zero = b.index(0);
  emitter.bind(v.image[1], b.mul(column, b.index(kernel.strides[1])), null, () => {
    emitter.hoist([kernel.x], []);
    r.steps([], false, (place, flags) => {
      const zeros = starts.flatMap(() => [...r.zeros()]);
      const images = Array.from({ length: rows }, (_, q) =>
        flags !== null && !flags.reads[q] ? null : place.image(q),
      );
      const sums = b.loop(zero, r.size(v.inGroup), 1, zeros, (channel, before) =>
        emitter.bind(v.inGroup, channel, null, () => {
          const out = [...before];
          const along = b.mul(channel, step);
          const at = starts.map((start) => b.add(start, along));
          images.forEach((image, q) => {
            if (image === null) return;
            const loaded = r.imageRow(image, masks.loads);
            for (let tap = 0; tap < columns; tap++)
              at.forEach((place, j) => {
                const weight = b.broadcast(b.load(buffer, place, { offset: offsets[q * columns + tap] }));
                loaded[tap].forEach((value, i) => {
                  const into = j * r.vectors + i;
                  out[into] = b.fma(value, weight, out[into]);
                });
              });
          });
          return out;
        }),
      );
      starts.forEach((_, j) => {
        const row: Row = sums.slice(j * r.vectors, (j + 1) * r.vectors);
        emitter.bind(v.channel, b.add(feature, b.index(j)), null, () =>
          r.store(place.position(0), column, row, masks.whole, lanes),
        );
      });
      return [];
    });
  });
}
