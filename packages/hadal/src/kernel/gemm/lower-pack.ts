/**
 * Packing for gemm: copies a block of an operand into panels, so that the register tile reads both operands one element after the
 * other. A panel holds `width` rows of A or columns of B, zeros beyond the edge, in one of two layouts:
 * - `steps`: for each k its `width` elements lie together, which is what vectors of B need;
 * - `rows`: each row lies together, `pitch` apart. The tile broadcasts elements of A one by one and reads rows as well as steps, so an
 *   A that is contiguous along k is copied in vectors instead of being transposed.
 *
 * Whole panels of an operand that is memory with constant strides are packed by a straight run of loads and stores; windows and other
 * views through tables of offsets (see `lower-pack-tables.ts`); edges and operands that are expressions go element by element.
 */

import { greatestDivisor } from '../../base/integers.js';
import type { Dependence } from '../dependence.js';
import { factorOf } from '../index-expr.js';
import type { ExprId, GemmKernel } from '../l2.js';
import { indexValues } from '../l2.js';
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import type { ExprEmitter } from '../loops/lower-exprs.js';
import { alongLanes, copyNeighbours } from '../loops/vector-loop.js';
import type { Target } from '../target.js';
import { transposed } from '../transpose.js';
import { type GemmArithmetic, singles } from './arithmetic.js';
import { packElements, packGroups } from './lower-pack-elements.js';
import { fillTable, packSteps, packTableRows, separate } from './lower-pack-tables.js';

export type PanelLayout = { readonly kind: 'steps' } | { readonly kind: 'rows'; readonly pitch: number };

export interface Packing {
  /** The buffer slot that is filled. */
  readonly buffer: number;
  /** Where the panels begin in it, for layouts in steps; at its head if absent. */
  readonly start?: Value;
  readonly operand: ExprId;
  /** The variable that runs across a panel (m for A, n for B), and the one that runs along it. */
  readonly across: number;
  readonly along: number;
  readonly width: number;
  readonly layout: PanelLayout;
  /** The block: from these positions, this many. */
  readonly from: Value;
  readonly count: Value;
  readonly fromK: Value;
  readonly depth: Value;
  readonly arithmetic: GemmArithmetic;
  /** A buffer slot for `depth` offsets. */
  readonly table: number;
  /** Whole panels are read in place: there is at most one, with fewer rows or columns than it is wide. */
  readonly isRest?: boolean;
  /** Whole panels that are packed side by side where rows or columns lie together; as many as share their lines if absent. */
  readonly together?: number;
}

export interface PackContext {
  readonly b: L3Builder;
  readonly kernel: GemmKernel;
  readonly deps: readonly Dependence[];
  readonly emitter: ExprEmitter;
  readonly target: Target;
}

export function packPanels(c: PackContext, p: Packing): void {
  const { b } = c;
  const zero = b.index(0);
  if (p.arithmetic.dot !== null) {
    packGroups(c, p);
    return;
  }
  const isSingle = p.arithmetic === singles;
  const strides = isSingle ? constantStrides(c, p.operand, p.across, p.along) : null;
  const parts =
    isSingle && strides === null ? separate(c.kernel, c.deps, p.operand, p.across, p.along) : null;
  if (parts !== null) fillTable(c, p, parts);
  const together = strides === null ? zero : packTogether(c, p, strides);
  b.forEach(together, p.count, p.width, (panel) => {
    const rows = b.min(b.index(p.width), b.sub(p.count, panel));
    const first = b.add(p.from, panel);
    if (p.layout.kind === 'rows' && strides !== null) {
      packRows(c, p, strides.buffer, p.layout.pitch, rows, b.mul(panel, b.index(p.layout.pitch)), first);
      return;
    }
    if (p.layout.kind === 'rows' && parts !== null) {
      const { pitch } = p.layout;
      packTableRows(c, p, parts, pitch, rows, b.mul(panel, b.index(pitch)), first);
      return;
    }
    const base = b.add(p.start ?? zero, b.mul(panel, p.depth));
    if (parts !== null) {
      packSteps(c, p, parts, rows, base, first);
      return;
    }
    if (strides === null) {
      packElements(c, p, rows, base, first);
      return;
    }
    if (p.isRest) {
      packPart(c, p, strides, rows, base, first);
      return;
    }
    const whole = b.compare('eq', rows, b.index(p.width));
    b.when(whole, () => packWhole(c, p, strides, base, first));
    b.when(b.unary('not', whole), () => packPart(c, p, strides, rows, base, first));
  });
}

/**
 * Packs several panels side by side, and says how far it came: those that are no whole vectors wide by as many as are, so that a line of
 * memory which several of them share is read once, for lines of rows that lie 4 KiB apart are gone from the nearest cache when the next
 * panel comes to them; others by as many as are asked for.
 */
function packTogether(c: PackContext, p: Packing, s: Strides): Value {
  const { b, target } = c;
  const zero = b.index(0);
  const panels = p.together ?? target.lanes / greatestDivisor(target.lanes, p.width);
  if (p.layout.kind !== 'steps' || !s.acrossOne || s.alongOne || p.isRest || panels === 1) return zero;
  const width = b.index(panels * p.width);
  const whole = b.mul(b.div(p.count, width), width);
  b.forEach(zero, whole, panels * p.width, (panel) => {
    const first = b.add(p.from, panel);
    const start = positionAt(c, p, first, p.fromK);
    const stepAlong = b.sub(positionAt(c, p, first, b.add(p.fromK, b.index(1))), start);
    const base = b.add(p.start ?? zero, b.mul(panel, p.depth));
    const apart = b.mul(b.index(p.width), p.depth);
    const places = [base];
    while (places.length < panels) places.push(b.add(places[places.length - 1], apart));
    b.loop(zero, p.depth, 1, [start, ...places], (_, [from, ...to]) => {
      to.forEach((at, i) => copyRun(c, s.buffer, b.add(from, b.index(i * p.width)), p.buffer, at, p.width));
      return [b.add(from, stepAlong), ...to.map((at) => b.add(at, b.index(p.width)))];
    });
  });
  return whole;
}

/** Whether the operand is a load whose index moves by a constant in both directions, and how. */
interface Strides {
  readonly buffer: number;
  readonly acrossOne: boolean;
  readonly alongOne: boolean;
}

/** Elements across a panel that are copied one behind the other; of more, which come in vectors but for the last, a few at a time. */
const LONG_COLUMN = 12;
const COLUMN_TURN = 8;

/** Neighbours along k that are taken from a row at a time: a cache line of float32. */
const RUN = 16;

function constantStrides(
  c: PackContext,
  operand: ExprId,
  acrossVariable: number,
  alongVariable: number,
): Strides | null {
  const e = c.kernel.exprs[operand];
  if (e.op !== 'load' || e.dtype !== 'float32') return null;
  // An index out of memory moves by no constant.
  if (
    indexValues(e.index).some(
      (id) => c.deps[id].variables.has(acrossVariable) || c.deps[id].variables.has(alongVariable),
    )
  )
    return null;
  const across = factorOf(e.index, acrossVariable);
  const along = factorOf(e.index, alongVariable);
  // Steps are taken by adding, so they must not lead backwards.
  if (across === null || along === null || across < 0 || along < 0) return null;
  return { buffer: e.buffer, acrossOne: across === 1, alongOne: along === 1 };
}

/** A cache line more than kc, so that the rows of a panel do not all fall into the same few sets of the cache. */
export function rowPitch(target: Target): number {
  return target.gemm.kc + 16;
}

/** How the rows of A are best laid out: as they are where they are contiguous along k. */
export function layoutOfRows(c: PackContext, operand: ExprId, across: number, along: number): PanelLayout {
  const strides = constantStrides(c, operand, across, along);
  const parts = strides === null ? separate(c.kernel, c.deps, operand, across, along) : null;
  const isRows = strides?.alongOne
    ? !strides.acrossOne
    : parts !== null && parts.along.kind !== 'any' && parts.across.kind === 'any';
  return isRows ? { kind: 'rows', pitch: rowPitch(c.target) } : { kind: 'steps' };
}

/** Rows contiguous along k, copied as they are. */
function packRows(
  c: PackContext,
  p: Packing,
  source: number,
  pitch: number,
  rows: Value,
  base: Value,
  first: Value,
): void {
  const { b, target } = c;
  const one = b.index(1);
  const start = positionAt(c, p, first, p.fromK);
  const step = b.sub(positionAt(c, p, b.add(first, one), p.fromK), start);
  const copied = b.loop(b.index(0), rows, 1, [start, base], (_, [from, to]) => {
    copyNeighbours(b, target, { source, from }, { buffer: p.buffer, to }, p.depth);
    return [b.add(from, step), b.add(to, b.index(pitch))];
  });
  const zeroLanes = b.broadcast(b.constant('f32', 0));
  b.loop(rows, b.index(p.width), 1, [copied[1]], (_, [to]) => {
    alongLanes(b, target, p.depth, true, (k, lanesNow) => {
      const value = lanesNow ? zeroLanes : b.constant('f32', 0);
      b.store(p.buffer, b.add(to, k), value, lanesNow ? { mask: lanesNow.mask } : {});
    });
    return [b.add(to, b.index(pitch))];
  });
}

/** The position of the operand's element at (across, along). */
export function positionAt(
  c: PackContext,
  p: Pick<Packing, 'operand' | 'across' | 'along'>,
  across: Value,
  along: Value,
): Value {
  const e = c.kernel.exprs[p.operand];
  if (e.op !== 'load') return c.b.index(0);
  const { index } = e;
  return c.emitter.bind(p.across, across, null, () =>
    c.emitter.bind(p.along, along, null, () => c.emitter.index(index)),
  );
}

function packWhole(c: PackContext, p: Packing, s: Strides, base: Value, first: Value): void {
  const { b } = c;
  const one = b.index(1);
  const start = positionAt(c, p, first, p.fromK);
  const stepAlong = b.sub(positionAt(c, p, first, b.add(p.fromK, one)), start);
  const stepAcross = s.acrossOne ? one : b.sub(positionAt(c, p, b.add(first, one), p.fromK), start);
  const zero = b.index(0);
  let done = zero;
  let at: readonly Value[] = [start, base];
  if (isTransposed(c, p, s)) {
    done = packTransposed(c, p, s.buffer, null, base, { start, stepAcross });
    at = [b.add(start, done), b.add(base, b.mul(done, b.index(p.width)))];
  } else if (s.alongOne && !s.acrossOne) {
    // Row by row in runs along k: stepping across first would touch `width` cache lines for every k, often of one cache set.
    done = b.mul(b.div(p.depth, b.index(RUN)), b.index(RUN));
    at = b.loop(zero, done, RUN, at, (_, [from, to]) => {
      b.loop(zero, b.index(p.width), 1, [from, to], (_i, [f, t]) => {
        for (let k = 0; k < RUN; k++)
          b.store(p.buffer, t, b.load(s.buffer, f, { offset: k }), { offset: k * p.width });
        return [b.add(f, stepAcross), b.add(t, one)];
      });
      return [b.add(from, b.index(RUN)), b.add(to, b.index(RUN * p.width))];
    });
  }
  const stepTurn = b.mul(stepAcross, b.index(COLUMN_TURN));
  const copyColumn = (from: Value, to: Value, count: number): void => {
    let row = from;
    for (let i = 0; i < count; i++) {
      if (i > 0) row = b.add(row, stepAcross);
      b.store(p.buffer, to, b.load(s.buffer, row), { offset: i });
    }
  };
  b.loop(done, p.depth, 1, at, (_, [from, to]) => {
    if (s.acrossOne) copyRun(c, s.buffer, from, p.buffer, to, p.width);
    else if (p.width <= LONG_COLUMN || p.width % COLUMN_TURN !== 0) copyColumn(from, to, p.width);
    else
      b.loop(zero, b.index(p.width), COLUMN_TURN, [from], (i, [row]) => {
        copyColumn(row, b.add(to, i), COLUMN_TURN);
        return [b.add(row, stepTurn)];
      });
    return [b.add(from, stepAlong), b.add(to, b.index(p.width))];
  });
}

/** Whether blocks of the operand are transposed in registers. */
function isTransposed({ target: { lanes } }: PackContext, p: Packing, s: Strides): boolean {
  return s.alongOne && !s.acrossOne && lanes > 1 && p.width % lanes === 0;
}

/**
 * Packs all that is whole vectors along k, block by block, and says how deep that is. Of a panel with fewer rows than it is wide the last
 * one is repeated.
 */
function packTransposed(
  { b, target: { lanes } }: PackContext,
  p: Packing,
  buffer: number,
  rows: Value | null,
  base: Value,
  { start, stepAcross }: { readonly start: Value; readonly stepAcross: Value },
): Value {
  const zero = b.index(0);
  const done = b.mul(b.div(p.depth, b.index(lanes)), b.index(lanes));
  b.forEach(zero, b.index(p.width), lanes, (i) => {
    const row = rows === null ? i : b.min(i, b.sub(rows, b.index(1)));
    // How far the last row is from the block's first.
    const reach = rows === null ? null : b.mul(b.sub(b.sub(rows, b.index(1)), row), stepAcross);
    const from = b.add(start, b.mul(row, stepAcross));
    b.loop(zero, done, lanes, [from, b.add(base, i)], (_, [f, t]) => {
      const last = reach === null ? null : b.add(f, reach);
      transposeBlock(b, { buffer, from: f, step: stepAcross, last }, p.buffer, t, p.width);
      return [b.add(f, b.index(lanes)), b.add(t, b.index(lanes * p.width))];
    });
  });
  return done;
}

/** A panel with fewer rows than it is wide. */
function packPart(c: PackContext, p: Packing, s: Strides, rows: Value, base: Value, first: Value): void {
  const { b } = c;
  if (!isTransposed(c, p, s)) {
    packElements(c, p, rows, base, first);
    return;
  }
  const start = positionAt(c, p, first, p.fromK);
  const stepAcross = b.sub(positionAt(c, p, b.add(first, b.index(1)), p.fromK), start);
  const done = packTransposed(c, p, s.buffer, rows, base, { start, stepAcross });
  const rest = { ...p, fromK: b.add(p.fromK, done), depth: b.sub(p.depth, done) };
  packElements(c, rest, rows, b.add(base, b.mul(done, b.index(p.width))), first);
}

/** A lanes x lanes block of memory from rows to columns. */
export function transposeBlock(
  b: L3Builder,
  source: {
    readonly buffer: number;
    readonly from: Value;
    readonly step: Value;
    /** The row behind which there is none, or null. */
    readonly last: Value | null;
  },
  destination: number,
  to: Value,
  pitch: number,
): void {
  const { lanes } = b;
  let row = source.from;
  const rows = Array.from({ length: lanes }, (_, i) => {
    if (i > 0) {
      row = b.add(row, source.step);
      if (source.last !== null) row = b.min(row, source.last);
    }
    return b.load(source.buffer, row, { lanes });
  });
  transposed(b, rows).forEach((v, k) => {
    b.store(destination, to, v, { offset: k * pitch });
  });
}

/** `width` neighbouring elements, in vectors as far as they go. */
function copyRun(
  c: PackContext,
  source: number,
  from: Value,
  destination: number,
  to: Value,
  width: number,
): void {
  const { b, target } = c;
  let at = 0;
  for (; at + target.lanes <= width; at += target.lanes) {
    b.store(destination, to, b.load(source, from, { lanes: target.lanes, offset: at }), { offset: at });
  }
  if (at < width && target.masks) {
    const mask = b.tail(b.index(width - at));
    b.store(destination, to, b.load(source, from, { lanes: target.lanes, offset: at, mask }), {
      offset: at,
      mask,
    });
    return;
  }
  for (; at < width; at++) b.store(destination, to, b.load(source, from, { offset: at }), { offset: at });
}
