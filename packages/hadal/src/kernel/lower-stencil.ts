/**
 * Depthwise convolutions and their gradients; `stencil.ts` says what they are and in which steps rows are walked.
 *
 *     for each unit: for each strip of columns: for each step of rows: loads, products, the row that ends
 *
 * A strip is a vector of columns, or two where rows have more, with masks for what lies beyond the edges that are the same all the way
 * down: nothing is copied to be padded. Sums that go on are carried from step to step in registers, and so is the filter. A unit of `slide`
 * and `spread` is one channel of one sample; of `taps` it is a channel, whose sums start from zero in every sample and are then added up.
 */
import { InternalError } from '../base/errors.js';
import { dependences } from './dependence.js';
import { memTypeOf } from './elements.js';
import { GemmEpilogue } from './gemm-epilogue.js';
import type { ExprId, StencilKernel } from './l2.js';
import type { AbstractKernel } from './l2-sizes.js';
import type { L3Function, Value } from './l3.js';
import { L3Builder } from './l3-builder.js';
import { ExprEmitter } from './lower-exprs.js';
import { statusBuffer } from './status.js';
import type { LaneLimits, RowStep } from './stencil.js';
import {
  carriedRows,
  firstRow,
  imageLoads,
  rowSteps,
  spreadLanes,
  spreadLoads,
  stencilVariables as v,
} from './stencil.js';
import type { Target } from './target.js';
import { unitRange } from './unit-range.js';

/** A row of vectors: of one strip. */
type Row = readonly Value[];

/** Bytes of each workspace buffer: a row of a strip, for results that do not fit lanes. */
export function stencilWorkspace(target: Target): readonly number[] {
  return [4 * target.lanes * 4];
}

/** Vectors of a strip. */
export function stripVectors(kernel: StencilKernel, target: Target): number {
  return lanesOf(kernel) > target.lanes ? 2 : 1;
}

/** Lanes that a row needs. */
function lanesOf(kernel: StencilKernel): number {
  return kernel.pass === 'spread' ? spreadLanes(kernel) : kernel.positions[1];
}

/** What of a kernel's sizes its code depends on. */
export function stencilKey(kernel: StencilKernel, target: Target): string {
  const { pass, samples, taps, strides, low, x, y, weights } = kernel;
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
    `${isNarrow ? 'narrow' : ''} ${samples === 1 ? 'one' : ''} ${[x, y, ...weights].join()}`,
  ].join(' ');
}

/** How far behind the last position the last step is. */
function endOffset(kernel: StencilKernel): number {
  const { from, first, last } = rowSteps(kernel);
  if (kernel.pass !== 'spread') return 0;
  const end = Math.max(kernel.positions[0], Math.ceil((kernel.image[0] + kernel.low[0]) / kernel.strides[0]));
  if (end < from + first.length + last.length) throw new InternalError('steps of a stencil overlap');
  return end - kernel.positions[0];
}

export function lowerStencil(kernel: StencilKernel, sizes: AbstractKernel, target: Target): L3Function {
  const b = new L3Builder(kernel.name, target.lanes, target);
  new StencilEmitter(b, kernel, sizes, target).emit();
  return b.finish();
}

/** A mask for each vector of a strip, or of the loads that are taken apart. */
type Masks = readonly Value[];

interface StripMasks {
  /** By load of a row. */
  readonly loads: readonly Masks[];
  /** What there is of a row of results, or of `taps` of a row of positions. */
  readonly whole: Masks;
}

function none(rows: number): readonly null[] {
  return Array.from({ length: rows }, () => null);
}

class StencilEmitter {
  readonly #b: L3Builder;
  readonly #kernel: StencilKernel;
  readonly #sizes: AbstractKernel;
  readonly #emitter: ExprEmitter;
  readonly #epilogue: GemmEpilogue | null;
  readonly #scratch: number;
  readonly #vectors: number;
  /** The masks of all rows, where one strip is a row. */
  readonly #narrow: StripMasks | null;

  constructor(b: L3Builder, kernel: StencilKernel, sizes: AbstractKernel, target: Target) {
    this.#b = b;
    this.#kernel = kernel;
    this.#sizes = sizes;
    const deps = dependences(kernel);
    for (const buffer of kernel.buffers) b.buffer(memTypeOf(b, buffer.dtype), buffer.access);
    this.#scratch = b.buffer('f32', 'readwrite');
    this.#emitter = new ExprEmitter(b, kernel, sizes, deps, statusBuffer(b, kernel));
    const context = { b, kernel, deps, emitter: this.#emitter, target };
    const [row, column] = kernel.pass === 'spread' ? v.image : v.positions;
    this.#epilogue = kernel.pass === 'taps' ? null : new GemmEpilogue(context, row, column);
    this.#vectors = stripVectors(kernel, target);
    this.#narrow = lanesOf(kernel) <= target.lanes ? this.#stripMasks(b.index(0)) : null;
  }

  emit(): void {
    const b = this.#b;
    const { pass } = this.#kernel;
    const units = unitRange(b, this.#sizes);
    const channels = this.#size(v.channel);
    if (pass === 'taps') {
      b.forEach(units.from, units.to, 1, (channel) =>
        this.#emitter.bind(v.channel, channel, null, () => this.#taps()),
      );
      return;
    }
    b.forEach(units.from, units.to, 1, (unit) =>
      this.#emitter.bind(v.sample, b.div(unit, channels), null, () =>
        this.#emitter.bind(v.channel, b.binary('rem', unit, channels), null, () => {
          this.#hoist();
          const weights = this.#kernel.weights.map((id) => b.spread(this.#emitter.emit(id), b.lanes));
          this.#strips((first, masks) => {
            if (pass === 'slide') this.#slide(first, masks, weights);
            else this.#spread(first, masks, weights);
          });
        }),
      ),
    );
  }

  #size(variable: number): Value {
    return this.#b.sizeAt(this.#sizes.variableSlots[variable]);
  }

  #hoist(): void {
    const { x, y, stores } = this.#kernel;
    const operands = [x, ...(y < 0 ? [] : [y])];
    this.#emitter.hoist(
      [...operands, ...stores.map((s) => s.value)],
      stores.map((s) => s.index),
    );
  }

  /** Lanes that a row needs. */
  #lanes(): Value {
    const b = this.#b;
    const { pass, strides } = this.#kernel;
    if (pass !== 'spread') return this.#size(v.positions[1]);
    return b.div(b.add(this.#size(v.image[1]), b.index(strides[1] - 1)), b.index(strides[1]));
  }

  #strips(body: (first: Value, masks: StripMasks) => void): void {
    const b = this.#b;
    if (this.#narrow !== null) body(b.index(0), this.#narrow);
    else
      b.forEach(b.index(0), this.#lanes(), this.#vectors * b.lanes, (first) =>
        body(first, this.#stripMasks(first)),
      );
  }

  /**
   * Masks of `count` vectors from element `first` on, of `all` elements.
   *
   * @param short how many of the last elements are off
   */
  #masks({ low, short }: LaneLimits, first: Value, all: Value, count: number): Masks {
    const b = this.#b;
    const i32 = (value: number): Value => b.constant('i32', value);
    const end = b.sub(b.convert('i32', all), i32(short));
    return Array.from({ length: count }, (_, j) => {
      const lanes = b.ramp(b.add(first, b.index(j * b.lanes)));
      const below = b.compare('lt', lanes, b.spread(end, b.lanes));
      if (low <= j * b.lanes) return below;
      return b.binary('and', below, b.compare('le', b.spread(i32(low), b.lanes), lanes));
    });
  }

  /** All masks of a strip; equal ones are shared, as those of taps in the middle are. */
  #stripMasks(first: Value): StripMasks {
    const b = this.#b;
    const { pass, strides } = this.#kernel;
    const step = b.index(strides[1]);
    const vectors = this.#vectors * strides[1];
    const lanes = this.#lanes();
    const [start, all] = [b.mul(first, step), b.mul(lanes, step)];
    const made = new Map<string, Masks>();
    const whole = { low: 0, short: 0 };
    const isSpread = pass === 'spread';
    const shared = (limits: LaneLimits): Masks => {
      const key = `${limits.low} ${limits.short}`;
      const masks =
        made.get(key) ??
        (isSpread
          ? this.#masks(limits, first, lanes, this.#vectors)
          : this.#masks(limits, start, all, vectors));
      made.set(key, masks);
      return masks;
    };
    const loads = (isSpread ? spreadLoads(this.#kernel) : imageLoads(this.#kernel)).map(shared);
    if (strides[1] === 1) return { loads, whole: shared(whole) };
    return {
      loads,
      whole: isSpread
        ? this.#masks(whole, start, this.#size(v.image[1]), vectors)
        : this.#masks(whole, first, lanes, this.#vectors),
    };
  }

  /** The element of an operand at the bound point. */
  #place(id: ExprId): { readonly buffer: number; readonly at: Value } {
    const e = this.#kernel.exprs[id];
    if (e.op !== 'load') throw new InternalError('a stencil reads memory');
    return { buffer: e.buffer, at: this.#emitter.index(e.index) };
  }

  #zeros(): Row {
    const b = this.#b;
    const zero = b.spread(b.constant('f32', 0), b.lanes);
    return Array.from({ length: this.#vectors }, () => zero);
  }

  #multiply(row: Row, weight: Value, sum: Row | null): Row {
    const b = this.#b;
    return row.map((value, j) => (sum === null ? b.mul(value, weight) : b.fma(value, weight, sum[j])));
  }

  /**
   * Walks all steps: `step` is given what it does (null for whole steps) and the rows of the step before it, and gives those for the next
   * one. A row that is null has nothing in it; where `isNeeded`, there are no whole steps without all rows.
   */
  #steps(
    carried: readonly (Row | null)[],
    isNeeded: boolean,
    step: (at: StepPlace, flags: RowStep | null, carried: readonly (Row | null)[]) => readonly (Row | null)[],
  ): readonly (Row | null)[] {
    const b = this.#b;
    const vectors = this.#vectors;
    const { from, first, last } = rowSteps(this.#kernel);
    let rows = carried;
    first.forEach((flags, i) => {
      rows = step(this.#placeOf(from + i), flags, rows);
    });
    const end = b.sub(
      b.add(this.#size(v.positions[0]), b.index(endOffset(this.#kernel))),
      b.index(last.length),
    );
    if (!isNeeded || !rows.includes(null)) {
      const inits = rows.map((row) => row ?? this.#zeros());
      const grouped = (values: readonly Value[]): Row[] =>
        inits.map((_, j) => values.slice(j * vectors, (j + 1) * vectors));
      const out = b.loop(b.index(from + first.length), end, 1, inits.flat(), (i, params) =>
        step(this.#placeOf(i), null, grouped(params)).flatMap((row) => row ?? this.#zeros()),
      );
      rows = grouped(out);
    }
    last.forEach((flags, i) => {
      rows = step(this.#placeOf(b.add(end, b.index(i))), flags, rows);
    });
    return rows;
  }

  #placeOf(step: number | Value): StepPlace {
    const b = this.#b;
    const kernel = this.#kernel;
    const stride = kernel.strides[0];
    const plus = (value: Value, more: number): Value =>
      more < 0 ? b.sub(value, b.index(-more)) : b.add(value, b.index(more));
    const at = (times: number, more: number): Value => {
      if (typeof step === 'number') return b.index(times * step + more);
      return plus(b.mul(step, b.index(times)), more);
    };
    return {
      image: (q) => at(stride, firstRow(kernel, q)),
      position: (more) => at(1, more),
    };
  }

  /** The loads of a row, as one vector a tap for each vector of the strip; its row is bound. */
  #imageRow(row: Value, masks: readonly Masks[]): readonly Row[] {
    const b = this.#b;
    const { strides, taps, x } = this.#kernel;
    const step = strides[1];
    const { buffer, at } = this.#emitter.bind(v.image[0], row, null, () => this.#place(x));
    const rows: Value[][] = [];
    for (const [i, { offset }] of imageLoads(this.#kernel).entries()) {
      const loaded = masks[i].map((mask, j) =>
        b.load(buffer, at, { lanes: b.lanes, offset: offset + j * b.lanes, mask }),
      );
      if (step === 1) {
        rows.push(loaded);
        continue;
      }
      for (const which of ['even', 'odd'] as const) {
        if (rows.length === taps[1]) break;
        rows.push(
          Array.from({ length: this.#vectors }, (_, j) => b.zip(which, loaded[2 * j], loaded[2 * j + 1])),
        );
      }
    }
    return rows;
  }

  /** Stores a row of results from a column on. */
  #store(row: Value, column: Value, values: Row, masks: Masks, columns: Value): void {
    const b = this.#b;
    const epilogue = this.#epilogue;
    if (epilogue === null) throw new InternalError('taps are stored one by one');
    if (epilogue.isInLanes) {
      epilogue.fromRegisters(values, 1, masks, row, column);
      return;
    }
    values.forEach((value, j) => {
      b.store(this.#scratch, b.index(j * b.lanes), value);
    });
    const count = b.min(b.index(values.length * b.lanes), b.sub(columns, column));
    epilogue.rowFromMemory(this.#scratch, b.index(0), row, column, count);
  }

  #slide(first: Value, masks: StripMasks, weights: readonly Value[]): void {
    const b = this.#b;
    const kernel = this.#kernel;
    const [rows, columns] = kernel.taps;
    const [stride, step] = kernel.strides;
    const lanes = this.#lanes();
    const start = b.mul(first, b.index(step));
    this.#emitter.bind(v.image[1], start, null, () => {
      this.#hoist();
      this.#steps(none(carriedRows(kernel)), false, (place, flags, carried) => {
        const sums: (Row | null)[] = [...carried, null];
        for (let q = 0; q < stride; q++) {
          if (flags !== null && !flags.reads[q]) continue;
          const loaded = this.#imageRow(place.image(q), masks.loads);
          sums.forEach((_, later) => {
            const tap = rows - stride + q - stride * later;
            if (tap < 0) return;
            for (let column = 0; column < columns; column++)
              sums[later] = this.#multiply(loaded[column], weights[tap * columns + column], sums[later]);
          });
        }
        const [ended, ...rest] = sums;
        if (flags === null || flags.writes[0])
          this.#store(place.position(0), first, ended ?? this.#zeros(), masks.whole, lanes);
        return rest;
      });
    });
  }

  #spread(first: Value, masks: StripMasks, weights: readonly Value[]): void {
    const b = this.#b;
    const kernel = this.#kernel;
    const [rows, columns] = kernel.taps;
    const [stride, step] = kernel.strides;
    const image = this.#size(v.image[1]);
    const start = b.mul(first, b.index(step));
    const loads = spreadLoads(kernel);
    this.#emitter.bind(v.positions[1], first, null, () => {
      this.#hoist();
      // Each row as the parts that its neighbours are made of.
      this.#steps(none((rows - stride) * step), false, (place, flags, carried) => {
        const sums: (Row | null)[] = Array.from({ length: rows * step }, (_, i) => carried[i] ?? null);
        if (flags === null || flags.reads[0]) {
          const { buffer, at } = this.#emitter.bind(v.positions[0], place.position(0), null, () =>
            this.#place(kernel.x),
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
              sums[into] = this.#multiply(row, weights[tap * columns + column], sums[into]);
            }
          });
        }
        for (let q = 0; q < stride; q++) {
          if (flags !== null && !flags.writes[q]) continue;
          const parts = sums.slice(q * step, (q + 1) * step).map((row) => row ?? this.#zeros());
          const together =
            step === 1
              ? parts[0]
              : parts[0].flatMap((even, j) =>
                  (['low', 'high'] as const).map((half) => b.zip(half, even, parts[1][j])),
                );
          this.#store(place.image(q), start, together, masks.whole, image);
        }
        return sums.slice(stride * step);
      });
    });
  }

  #taps(): void {
    const b = this.#b;
    const kernel = this.#kernel;
    const [rows, columns] = kernel.taps;
    const zeros = Array.from({ length: rows * columns }, () => b.spread(b.constant('f32', 0), b.lanes));
    this.#hoist();
    const ofSample = (sample: Value): readonly Value[] =>
      this.#emitter.bind(v.sample, sample, null, () => {
        this.#hoist();
        if (this.#narrow !== null) return this.#tapsOfStrip(b.index(0), this.#narrow, zeros);
        const width = this.#vectors * b.lanes;
        return b.loop(b.index(0), this.#lanes(), width, zeros, (first, sums) =>
          this.#tapsOfStrip(first, this.#stripMasks(first), sums),
        );
      });
    const sums =
      kernel.samples === 1
        ? ofSample(b.index(0))
        : b.loop(b.index(0), this.#size(v.sample), 1, zeros, (sample, totals) =>
            ofSample(sample).map((sum, i) => b.add(totals[i], sum)),
          );
    sums.forEach((sum, tap) => {
      const [row, column] = [Math.floor(tap / columns), tap % columns];
      this.#emitter.bind(v.taps[0], b.index(row), null, () =>
        this.#emitter.bind(v.taps[1], b.index(column), null, () => {
          this.#emitter.bindDot(b.horizontal('add', sum));
          this.#emitter.storeAll(kernel.stores);
          this.#emitter.unbindDot();
        }),
      );
    });
  }

  /** The sums of all taps with those of one strip added. */
  #tapsOfStrip(first: Value, masks: StripMasks, before: readonly Value[]): readonly Value[] {
    const b = this.#b;
    const kernel = this.#kernel;
    const [rows, columns] = kernel.taps;
    const [stride, step] = kernel.strides;
    const start = b.mul(first, b.index(step));
    const held = carriedRows(kernel);
    const vectors = this.#vectors;
    /** The sums travel with the rows that are held, as rows of one vector each that is filled up. */
    const sumRows = Math.ceil(before.length / vectors);
    const filled = [...before, ...this.#zeros()].slice(0, sumRows * vectors);
    const packed = Array.from({ length: sumRows }, (_, i) => filled.slice(i * vectors, (i + 1) * vectors));
    return this.#emitter.bind(v.image[1], start, null, () =>
      this.#emitter.bind(v.positions[1], first, null, () => {
        this.#hoist();
        const out = this.#steps([...none(held), ...packed], true, (place, flags, carried) => {
          const sums = carried.slice(held).flatMap((row) => row ?? []);
          const there = carried.slice(0, held);
          if (flags === null || flags.writes[0]) {
            const { buffer, at } = this.#emitter.bind(v.positions[0], place.position(held), null, () =>
              this.#place(kernel.y),
            );
            there.push(
              masks.whole.map((mask, j) => b.load(buffer, at, { lanes: b.lanes, offset: j * b.lanes, mask })),
            );
          } else there.push(null);
          for (let q = 0; q < stride; q++) {
            if (flags !== null && !flags.reads[q]) continue;
            const loaded = this.#imageRow(place.image(q), masks.loads);
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
}

/** The rows of a step: of the image, by the number of what it reads or writes there, and of positions, so many after its own. */
interface StepPlace {
  image(q: number): Value;
  position(more: number): Value;
}
