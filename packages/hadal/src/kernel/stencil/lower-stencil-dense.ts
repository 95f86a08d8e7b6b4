/**
 * The dense passes of a stencil; `stencil-dense.ts` says what they are.
 *
 *     dense:      weights by tile; for each unit, a block of a sample: stage; for some features, two rows, a vector of columns: tile
 *     denseTaps:  for each sample, for each block: stage; for each unit, some features: for each row of taps: tile over the block
 *
 * A tile of `dense` is features x rows vectors of sums: staged rows are read in vectors, weights are broadcast. One of `denseTaps` is taps x
 * features vectors of sums, one for each lane of the positions, whose lanes are added up at the end; sums start from zero in every sample.
 */
import { InternalError, known } from '../../base/errors.js';
import { dependences } from '../dependence.js';
import { memTypeOf } from '../elements.js';
import { GemmEpilogue } from '../gemm/epilogue.js';
import { factorOf } from '../index-expr.js';
import { type ExprId, type StencilKernel, stencilOffsets } from '../l2.js';
import type { AbstractKernel } from '../l2-sizes.js';
import type { L3Function, Value } from '../l3.js';
import { L3Builder } from '../l3-builder.js';
import { ExprEmitter } from '../loops/lower-exprs.js';
import { statusBuffer } from '../status.js';
import type { Target } from '../target.js';
import { type UnitRange, unitRange } from '../unit-range.js';
import { stencilVariables as v } from './stencil.js';
import { denseTile, type Staging, stagingOf, TAPS_FEATURES, tapChunks } from './stencil-dense.js';

/** Expressions beside its operands that an epilogue may have to be written out for every vector of a tile. */
const SHORT_EPILOGUE = 6;

interface Dense {
  readonly b: L3Builder;
  readonly kernel: StencilKernel;
  readonly emitter: ExprEmitter;
  readonly epilogue: GemmEpilogue;
  readonly staging: Staging;
  /** Workspace: staged rows; weights by tile, or sums; a tile, or sums of all samples. */
  readonly staged: number;
  readonly second: number;
  readonly third: number;
  readonly size: (variable: number) => Value;
}

export function lowerDense(kernel: StencilKernel, sizes: AbstractKernel, target: Target): L3Function {
  const b = new L3Builder(kernel.name, target.lanes, target);
  const deps = dependences(kernel);
  for (const buffer of kernel.buffers) b.buffer(memTypeOf(b, buffer.dtype), buffer.access);
  const [staged, second, third] = [0, 1, 2].map(() => b.buffer('f32', 'readwrite'));
  const emitter = new ExprEmitter(b, kernel, sizes, deps, statusBuffer(b, kernel));
  const epilogue = new GemmEpilogue({ b, kernel, deps, emitter, target }, ...v.positions);
  const size = (variable: number): Value => b.sizeAt(sizes.variableSlots[variable]);
  const d = { b, kernel, emitter, epilogue, staging: stagingOf(kernel), staged, second, third, size };
  const units = unitRange(b, sizes);
  if (kernel.pass === 'dense') dense(d, units);
  else denseTaps(d, units);
  return b.finish();
}

/** Where an operand's element at the bound point lies. */
function place(d: Dense, id: ExprId): { readonly buffer: number; readonly at: Value } {
  const e = d.kernel.exprs[id];
  if (e.op !== 'load') throw new InternalError('a stencil reads memory');
  return { buffer: e.buffer, at: d.emitter.index(e.index) };
}

/**
 * Stages the rows of the image that the block of positions from row `first` on meets; the sample is bound.
 *
 * @param bindChannel binds a channel of the image
 */
function stage(
  d: Dense,
  first: Value,
  bindChannel: (channel: Value, body: () => { buffer: number; at: Value }) => { buffer: number; at: Value },
): void {
  const { b, kernel, emitter, staging, staged, size } = d;
  const { strides, low, x } = kernel;
  const [height, width] = v.image.map(size);
  const channels = b.index(kernel.groupChannels);
  const zero = b.index(0);
  const step = strides[1];
  const rowAt = b.mul(first, b.index(strides[0]));
  const i32 = (value: number): Value => b.spread(b.constant('i32', value), b.lanes);
  b.forEach(zero, b.index(staging.imageRows), 1, (y) => {
    // Counted from the first of the rows of zeros ahead of the image.
    const from = b.add(rowAt, y);
    const isBelow = b.compare('lt', from, b.add(height, b.index(low[0])));
    const isThere = b.binary('and', b.compare('le', b.index(low[0]), from), isBelow);
    const last = b.sub(height, b.index(1));
    const row = b.min(b.sub(b.max(from, b.index(low[0])), b.index(low[0])), last);
    const end = b.select(isThere, b.add(width, b.index(low[1])), zero);
    const ends = b.spread(b.convert('i32', end), b.lanes);
    const isIn = (lanes: Value): Value => {
      const below = b.compare('lt', lanes, ends);
      return low[1] === 0 ? below : b.binary('and', below, b.compare('le', i32(low[1]), lanes));
    };
    b.forEach(zero, channels, 1, (channel) => {
      const { buffer, at } = emitter.bind(v.image[0], row, null, () =>
        emitter.bind(v.image[1], zero, null, () => bindChannel(channel, () => place(d, x))),
      );
      const to = b.mul(b.add(b.mul(y, channels), channel), b.index(staging.rowStep));
      b.forEach(zero, b.index(staging.pitch), b.lanes, (column) => {
        const start = step === 1 ? column : b.mul(column, b.index(step));
        const loaded = Array.from({ length: step }, (_, i) => {
          const lanes = b.add(start, b.index(i * b.lanes));
          const mask = isIn(b.ramp(lanes));
          return b.load(buffer, b.add(at, lanes), { lanes: b.lanes, offset: -low[1], mask });
        });
        const into = b.add(to, column);
        if (step === 1) b.store(staged, into, loaded[0]);
        else
          (['even', 'odd'] as const).forEach((which, phase) => {
            b.store(staged, into, b.zip(which, loaded[0], loaded[1]), { offset: phase * staging.pitch });
          });
      });
    });
  });
}

/** How far behind the start of a staged row what a tap meets lies. */
function tapOffset({ kernel, staging }: Dense, tap: number): number {
  const step = kernel.strides[1];
  return (tap % step) * staging.pitch + Math.floor(tap / step);
}

// --- the convolution ---------------------------------------------------------------------------------------------------

/** Copies the weights so that those of a tile lie in the order in which it reads them: by row of taps, channel, tap, feature. */
function copyWeights(d: Dense): void {
  const { b, kernel, emitter, second, size } = d;
  const [rows, columns] = kernel.taps;
  const offsets = known(stencilOffsets(kernel), 'places of weights');
  const together = denseTile(kernel).features;
  const channels = kernel.groupChannels;
  const block = channels * rows * columns * together;
  const zero = b.index(0);
  b.forEach(zero, size(v.channel), 1, (feature) => {
    const group = b.div(feature, b.index(together));
    const inTile = b.binary('rem', feature, b.index(together));
    const start = b.add(b.mul(group, b.index(block)), inTile);
    emitter.bind(v.channel, feature, null, () =>
      b.forEach(zero, b.index(channels), 1, (channel) => {
        const { buffer, at } = emitter.bind(v.inGroup, channel, null, () => place(d, kernel.weights[0]));
        const to = b.add(start, b.mul(channel, b.index(columns * together)));
        for (let tap = 0; tap < rows * columns; tap++) {
          const [row, column] = [Math.floor(tap / columns), tap % columns];
          const offset = (row * channels * columns + column) * together;
          b.store(second, to, b.load(buffer, at, { offset: offsets[tap] }), { offset });
        }
      }),
    );
  });
}

function dense(d: Dense, units: UnitRange): void {
  const { b, kernel, emitter, staging, size } = d;
  const zero = b.index(0);
  const [rows, columns] = v.positions.map(size);
  const tile = denseTile(kernel);
  const blocks = b.div(b.add(rows, b.index(staging.rows - 1)), b.index(staging.rows));
  copyWeights(d);
  b.forEach(units.from, units.to, 1, (unit) => {
    const first = b.mul(b.binary('rem', unit, blocks), b.index(staging.rows));
    const count = b.min(b.index(staging.rows), b.sub(rows, first));
    emitter.bind(v.sample, b.div(unit, blocks), null, () => {
      stage(d, first, (channel, body) => emitter.bind(v.inGroup, channel, null, body));
      b.forEach(zero, size(v.channel), tile.features, (feature) => {
        const weights = b.mul(feature, b.index(kernel.groupChannels * kernel.taps[0] * kernel.taps[1]));
        b.forEach(zero, count, tile.rows, (row) => {
          const stepRow = kernel.strides[0] * kernel.groupChannels * staging.rowStep;
          const rowStart = b.mul(row, b.index(stepRow));
          b.forEach(zero, columns, b.lanes, (column) => {
            prefetchTile(d, feature, b.add(first, row), column);
            const sums = tileSums(d, b.add(rowStart, column), weights, stepRow);
            storeTile(d, sums, feature, b.add(first, row), column);
          });
        });
      });
    });
  });
}

/**
 * Asks for the lines of a tile of results. Stores that miss the caches are completed one after the other, some 35 cycles each on Zen 4 if the
 * line lies in the third one; asked for ahead, they come while the tile is computed.
 */
function prefetchTile(d: Dense, feature: Value, row: Value, column: Value): void {
  const { b, kernel, emitter } = d;
  const tile = denseTile(kernel);
  const one = b.index(1);
  for (const { buffer, index } of kernel.stores) {
    if ([v.channel, ...v.positions].some((variable) => factorOf(index, variable) === null)) continue;
    const placeOf = (f: Value, r: Value): Value =>
      emitter.bind(v.channel, f, null, () =>
        emitter.bind(v.positions[0], r, null, () =>
          emitter.bind(v.positions[1], column, null, () => emitter.index(index)),
        ),
      );
    const start = placeOf(feature, row);
    const featureStep = b.sub(placeOf(b.add(feature, one), row), start);
    const rowStep = b.sub(placeOf(feature, b.add(row, one)), start);
    let at = start;
    for (let f = 0; f < tile.features; f++) {
      if (f > 0) at = b.add(at, featureStep);
      let line = at;
      for (let r = 0; r < tile.rows; r++) {
        if (r > 0) line = b.add(line, rowStep);
        b.prefetch('store', buffer, line);
      }
    }
  }
}

/** Sums by feature and row. */
function tileSums(d: Dense, start: Value, weights: Value, stepRow: number): readonly Value[] {
  const { b, kernel, staging, staged, second } = d;
  const { groupChannels, taps } = kernel;
  const tile = denseTile(kernel);
  const zero = b.spread(b.constant('f32', 0), b.lanes);
  const zeros = Array.from({ length: tile.features * tile.rows }, () => zero);
  const rounds = b.index(groupChannels * taps[0]);
  const out = b.loop(b.index(0), rounds, 1, [start, weights, ...zeros], (_, [at, from, ...sums]) => {
    for (let tap = 0; tap < taps[1]; tap++) {
      const seen = Array.from({ length: tile.rows }, (_r, row) =>
        b.load(staged, at, { lanes: b.lanes, offset: row * stepRow + tapOffset(d, tap) }),
      );
      for (let feature = 0; feature < tile.features; feature++) {
        const weight = b.broadcast(b.load(second, from, { offset: tap * tile.features + feature }));
        seen.forEach((value, row) => {
          const into = feature * tile.rows + row;
          sums[into] = b.fma(value, weight, sums[into]);
        });
      }
    }
    return [b.add(at, b.index(staging.rowStep)), b.add(from, b.index(taps[1] * tile.features)), ...sums];
  });
  return out.slice(2);
}

/** Stores a tile from a row and a column on, as much of it as there are positions. */
function storeTile(d: Dense, sums: readonly Value[], feature: Value, row: Value, column: Value): void {
  const { b, kernel, emitter, epilogue, third, size } = d;
  const [rows, columns] = v.positions.map(size);
  const tile = denseTile(kernel);
  const count = b.min(b.index(b.lanes), b.sub(columns, column));
  const isShort =
    epilogue.isInLanes &&
    kernel.stores.length === 1 &&
    kernel.exprs.length - kernel.weights.length - 1 <= SHORT_EPILOGUE;
  if (isShort) {
    const masks = Array.from({ length: tile.rows }, (_, i) =>
      b.tail(b.select(b.compare('lt', b.add(row, b.index(i)), rows), count, b.index(0))),
    );
    for (let i = 0; i < tile.features; i++)
      emitter.bind(v.channel, b.add(feature, b.index(i)), null, () =>
        masks.forEach((mask, j) => {
          epilogue.fromRegisters([sums[i * tile.rows + j]], 1, [mask], b.add(row, b.index(j)), column);
        }),
      );
    return;
  }
  sums.forEach((sum, i) => {
    b.store(third, b.index(0), sum, { offset: i * b.lanes });
  });
  b.forEach(b.index(0), b.index(tile.features), 1, (i) =>
    emitter.bind(v.channel, b.add(feature, i), null, () =>
      b.forEach(b.index(0), b.min(b.index(tile.rows), b.sub(rows, row)), 1, (j) => {
        const start = b.mul(b.add(b.mul(i, b.index(tile.rows)), j), b.index(b.lanes));
        epilogue.rowFromMemory(third, start, b.add(row, j), column, count);
      }),
    ),
  );
}

// --- its gradient by the filter ----------------------------------------------------------------------------------------

function denseTaps(d: Dense, units: UnitRange): void {
  const { b, kernel, emitter, staging, second, third, size } = d;
  const zero = b.index(0);
  const [tapRows, tapColumns] = kernel.taps;
  const channels = b.index(kernel.groupChannels);
  const unitSums = TAPS_FEATURES * kernel.groupChannels * tapRows * tapColumns * b.lanes;
  const [from, to] = [units.from, units.to].map((unit) => b.mul(unit, b.index(unitSums)));
  const clear = (buffer: number): void =>
    b.forEach(from, to, b.lanes, (i) => b.store(buffer, i, b.spread(b.constant('f32', 0), b.lanes)));
  clear(third);
  b.forEach(zero, size(v.sample), 1, (sample) =>
    emitter.bind(v.sample, sample, null, () => {
      clear(second);
      b.forEach(zero, size(v.positions[0]), staging.rows, (first) => {
        stage(d, first, (channel, body) => emitter.bind(v.channel, channel, null, body));
        b.forEach(units.from, units.to, 1, (unit) => tapsOfUnit(d, first, unit, unitSums));
      });
      b.forEach(from, to, b.lanes, (i) => {
        const sum = b.add(b.load(third, i, { lanes: b.lanes }), b.load(second, i, { lanes: b.lanes }));
        b.store(third, i, sum);
      });
    }),
  );
  const features = [units.from, units.to].map((unit) => b.mul(unit, b.index(TAPS_FEATURES)));
  b.forEach(features[0], features[1], 1, (feature) =>
    b.forEach(zero, b.index(tapRows), 1, (row) =>
      b.forEach(zero, channels, 1, (channel) =>
        b.forEach(zero, b.index(tapColumns), 1, (column) => {
          const unit = b.div(feature, b.index(TAPS_FEATURES));
          const inUnit = b.binary('rem', feature, b.index(TAPS_FEATURES));
          const tap = b.add(b.mul(b.add(b.mul(row, channels), channel), b.index(tapColumns)), column);
          const vector = b.add(b.mul(tap, b.index(TAPS_FEATURES)), inUnit);
          const at = b.add(b.mul(unit, b.index(unitSums)), b.mul(vector, b.index(b.lanes)));
          const sum = b.horizontal('add', b.load(third, at, { lanes: b.lanes }));
          emitter.bind(v.channel, b.add(b.mul(feature, channels), channel), null, () =>
            emitter.bind(v.taps[0], row, null, () =>
              emitter.bind(v.taps[1], column, null, () => {
                emitter.bindDot(sum);
                emitter.storeAll(kernel.stores);
                emitter.unbindDot();
              }),
            ),
          );
        }),
      ),
    ),
  );
}

/** Adds what a block makes of a unit's sums; they lie by row of taps, channel, tap, feature. */
function tapsOfUnit(d: Dense, first: Value, unit: Value, unitSums: number): void {
  const { b, kernel, emitter, staging, staged, second, size } = d;
  const zero = b.index(0);
  const [tapRows, tapColumns] = kernel.taps;
  const [rows, columns] = v.positions.map(size);
  const count = b.min(b.index(staging.rows), b.sub(rows, first));
  const channels = b.index(kernel.groupChannels);
  const feature = b.mul(unit, b.index(TAPS_FEATURES));
  const yAt = (more: number, row: Value): { buffer: number; at: Value } =>
    emitter.bind(v.channel, b.mul(b.add(feature, b.index(more)), channels), null, () =>
      emitter.bind(v.positions[0], row, null, () =>
        emitter.bind(v.positions[1], zero, null, () => place(d, kernel.y)),
      ),
    );
  const { buffer, at: start } = yAt(0, first);
  const featureStep = b.sub(yAt(1, first).at, start);
  const rowStep = b.sub(yAt(0, b.add(first, b.index(1))).at, start);
  const stepRow = kernel.strides[0] * kernel.groupChannels * staging.rowStep;
  b.forEach(zero, b.mul(b.index(tapRows), channels), 1, (round) => {
    const rowAt = b.mul(round, b.index(staging.rowStep));
    const sumsAt = b.add(
      b.mul(unit, b.index(unitSums)),
      b.mul(round, b.index(tapColumns * TAPS_FEATURES * b.lanes)),
    );
    for (const [from, to] of tapChunks(tapColumns)) {
      const vectors = (to - from) * TAPS_FEATURES;
      const offset = (i: number): number => (from * TAPS_FEATURES + i) * b.lanes;
      const before = Array.from({ length: vectors }, (_, i) =>
        b.load(second, sumsAt, { lanes: b.lanes, offset: offset(i) }),
      );
      const after = b.loop(zero, count, 1, [rowAt, start, ...before], (_, [xRow, yRow, ...outer]) => [
        b.add(xRow, b.index(stepRow)),
        b.add(yRow, rowStep),
        ...b.loop(zero, columns, b.lanes, outer, (column, sums) => {
          const mask = b.tail(b.min(b.sub(columns, column), b.index(b.lanes)));
          const next = [...sums];
          const seen = Array.from({ length: to - from }, (_t, i) =>
            b.load(staged, b.add(xRow, column), { lanes: b.lanes, offset: tapOffset(d, from + i) }),
          );
          let y = b.add(yRow, column);
          for (let f = 0; f < TAPS_FEATURES; f++) {
            if (f > 0) y = b.add(y, featureStep);
            const gradient = b.load(buffer, y, { lanes: b.lanes, mask });
            seen.forEach((value, i) => {
              const into = i * TAPS_FEATURES + f;
              next[into] = b.fma(value, gradient, next[into]);
            });
          }
          return next;
        }),
      ]);
      after.slice(2).forEach((sum, i) => {
        b.store(second, sumsAt, sum, { offset: offset(i) });
      });
    }
  });
}
