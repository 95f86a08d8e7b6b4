/**
 * What the passes of a stencil have in common: strips of columns and their masks, steps of rows, loads of a row and the row that is stored.
 */
import { InternalError } from '../../base/errors.js';
import { dependences } from '../dependence.js';
import { memTypeOf } from '../elements.js';
import { GemmEpilogue } from '../gemm/epilogue.js';
import type { ExprId, StencilKernel } from '../l2.js';
import type { AbstractKernel } from '../l2-sizes.js';
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import { ExprEmitter } from '../loops/lower-exprs.js';
import { statusBuffer } from '../status.js';
import type { Target } from '../target.js';
import type { LaneLimits, RowStep } from './stencil.js';
import {
  firstRow,
  imageLoads,
  rowSteps,
  spreadLanes,
  spreadLoads,
  stencilVariables as v,
} from './stencil.js';

/** A row of vectors: of one strip. */
export type Row = readonly Value[];

/** Filters of more elements take all registers that a second vector of a strip would need. */
const FEW_TAPS = 9;

/** Vectors of a strip. */
export function stripVectors(kernel: StencilKernel, target: Target): number {
  const [rows, columns] = kernel.taps;
  return lanesOf(kernel) > target.lanes && rows * columns <= FEW_TAPS ? 2 : 1;
}

/** Lanes that a row needs. */
export function lanesOf(kernel: StencilKernel): number {
  return kernel.pass === 'spread' ? spreadLanes(kernel) : kernel.positions[1];
}

/** How far behind the last position the last step is. */
export function endOffset(kernel: StencilKernel): number {
  const { from, first, last } = rowSteps(kernel);
  if (kernel.pass !== 'spread') return 0;
  const end = Math.max(kernel.positions[0], Math.ceil((kernel.image[0] + kernel.low[0]) / kernel.strides[0]));
  if (end < from + first.length + last.length) throw new InternalError('steps of a stencil overlap');
  return end - kernel.positions[0];
}

/** A mask for each vector of a strip, or of the loads that are taken apart. */
export type Masks = readonly Value[];

export interface StripMasks {
  /** By load of a row. */
  readonly loads: readonly Masks[];
  /** What there is of a row of results, or of `taps` of a row of positions. */
  readonly whole: Masks;
}

/** The rows of a step: of the image, by the number of what it reads or writes there, and of positions, so many after its own. */
export interface StepPlace {
  image(q: number): Value;
  position(more: number): Value;
}

export class StencilRows {
  readonly b: L3Builder;
  readonly kernel: StencilKernel;
  readonly sizes: AbstractKernel;
  readonly emitter: ExprEmitter;
  readonly epilogue: GemmEpilogue | null;
  readonly scratch: number;
  readonly vectors: number;
  /** The masks of all rows, where one strip is a row. */
  readonly narrow: StripMasks | null;

  constructor(b: L3Builder, kernel: StencilKernel, sizes: AbstractKernel, target: Target) {
    this.b = b;
    this.kernel = kernel;
    this.sizes = sizes;
    const deps = dependences(kernel);
    for (const buffer of kernel.buffers) b.buffer(memTypeOf(b, buffer.dtype), buffer.access);
    this.scratch = b.buffer('f32', 'readwrite');
    this.emitter = new ExprEmitter(b, kernel, sizes, deps, statusBuffer(b, kernel));
    const context = { b, kernel, deps, emitter: this.emitter, target };
    const [row, column] = kernel.pass === 'spread' ? v.image : v.positions;
    this.epilogue = kernel.pass === 'taps' ? null : new GemmEpilogue(context, row, column);
    this.vectors = stripVectors(kernel, target);
    this.narrow = lanesOf(kernel) <= target.lanes ? this.stripMasks(b.index(0)) : null;
  }

  size(variable: number): Value {
    return this.b.sizeAt(this.sizes.variableSlots[variable]);
  }

  hoist(): void {
    const { x, y, stores } = this.kernel;
    const operands = [x, ...(y < 0 ? [] : [y])];
    this.emitter.hoist(
      [...operands, ...stores.map((s) => s.value)],
      stores.map((s) => s.index),
    );
  }

  /** Lanes that a row needs. */
  lanes(): Value {
    const b = this.b;
    const { pass, strides } = this.kernel;
    if (pass !== 'spread') return this.size(v.positions[1]);
    return b.div(b.add(this.size(v.image[1]), b.index(strides[1] - 1)), b.index(strides[1]));
  }

  strips(body: (first: Value, masks: StripMasks) => void): void {
    const b = this.b;
    if (this.narrow !== null) body(b.index(0), this.narrow);
    else
      b.forEach(b.index(0), this.lanes(), this.vectors * b.lanes, (first) =>
        body(first, this.stripMasks(first)),
      );
  }

  /**
   * Masks of `count` vectors from element `first` on, of `all` elements.
   *
   * @param short how many of the last elements are off
   */
  masks({ low, short }: LaneLimits, first: Value, all: Value, count: number): Masks {
    const b = this.b;
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
  stripMasks(first: Value): StripMasks {
    const b = this.b;
    const { pass, strides } = this.kernel;
    const step = b.index(strides[1]);
    const vectors = this.vectors * strides[1];
    const lanes = this.lanes();
    const [start, all] = [b.mul(first, step), b.mul(lanes, step)];
    const made = new Map<string, Masks>();
    const whole = { low: 0, short: 0 };
    const isSpread = pass === 'spread';
    const shared = (limits: LaneLimits): Masks => {
      const key = `${limits.low} ${limits.short}`;
      const masks =
        made.get(key) ??
        (isSpread ? this.masks(limits, first, lanes, this.vectors) : this.masks(limits, start, all, vectors));
      made.set(key, masks);
      return masks;
    };
    const loads = (isSpread ? spreadLoads(this.kernel) : imageLoads(this.kernel)).map(shared);
    if (strides[1] === 1) return { loads, whole: shared(whole) };
    return {
      loads,
      whole: isSpread
        ? this.masks(whole, start, this.size(v.image[1]), vectors)
        : this.masks(whole, first, lanes, this.vectors),
    };
  }

  /** The element of an operand at the bound point. */
  place(id: ExprId): { readonly buffer: number; readonly at: Value } {
    const e = this.kernel.exprs[id];
    if (e.op !== 'load') throw new InternalError('a stencil reads memory');
    return { buffer: e.buffer, at: this.emitter.index(e.index) };
  }

  zeros(): Row {
    const b = this.b;
    const zero = b.spread(b.constant('f32', 0), b.lanes);
    return Array.from({ length: this.vectors }, () => zero);
  }

  /** A sum begins with 0, and products that are all -0 add up to 0. */
  multiply(row: Row, weight: Value, sum: Row | null): Row {
    const b = this.b;
    const before = sum ?? this.zeros();
    return row.map((value, j) => b.fma(value, weight, before[j]));
  }

  /**
   * Walks all steps: `step` is given what it does (null for whole steps) and the rows of the step before it, and gives those for the next
   * one. A row that is null has nothing in it; where `isNeeded`, there are no whole steps without all rows.
   */
  steps(
    carried: readonly (Row | null)[],
    isNeeded: boolean,
    step: (at: StepPlace, flags: RowStep | null, carried: readonly (Row | null)[]) => readonly (Row | null)[],
  ): readonly (Row | null)[] {
    const b = this.b;
    const vectors = this.vectors;
    const { from, first, last } = rowSteps(this.kernel);
    let rows = carried;
    first.forEach((flags, i) => {
      rows = step(this.placeOf(from + i), flags, rows);
    });
    const end = b.sub(
      b.add(this.size(v.positions[0]), b.index(endOffset(this.kernel))),
      b.index(last.length),
    );
    if (!isNeeded || !rows.includes(null)) {
      const inits = rows.map((row) => row ?? this.zeros());
      const grouped = (values: readonly Value[]): Row[] =>
        inits.map((_, j) => values.slice(j * vectors, (j + 1) * vectors));
      const out = b.loop(b.index(from + first.length), end, 1, inits.flat(), (i, params) =>
        step(this.placeOf(i), null, grouped(params)).flatMap((row) => row ?? this.zeros()),
      );
      rows = grouped(out);
    }
    last.forEach((flags, i) => {
      rows = step(this.placeOf(b.add(end, b.index(i))), flags, rows);
    });
    return rows;
  }

  placeOf(step: number | Value): StepPlace {
    const b = this.b;
    const kernel = this.kernel;
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
  imageRow(row: Value, masks: readonly Masks[]): readonly Row[] {
    const b = this.b;
    const { strides, taps, x } = this.kernel;
    const step = strides[1];
    const { buffer, at } = this.emitter.bind(v.image[0], row, null, () => this.place(x));
    const rows: Value[][] = [];
    for (const [i, { offset }] of imageLoads(this.kernel).entries()) {
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
          Array.from({ length: this.vectors }, (_, j) => b.zip(which, loaded[2 * j], loaded[2 * j + 1])),
        );
      }
    }
    return rows;
  }

  /** Stores a row of results from a column on. */
  store(row: Value, column: Value, values: Row, masks: Masks, columns: Value): void {
    const b = this.b;
    const epilogue = this.epilogue;
    if (epilogue === null) throw new InternalError('taps are stored one by one');
    if (epilogue.isInLanes) {
      epilogue.fromRegisters(values, 1, masks, row, column);
      return;
    }
    values.forEach((value, j) => {
      b.store(this.scratch, b.index(j * b.lanes), value);
    });
    const count = b.min(b.index(values.length * b.lanes), b.sub(columns, column));
    epilogue.rowFromMemory(this.scratch, b.index(0), row, column, count);
  }
}
