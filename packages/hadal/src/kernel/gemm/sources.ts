/**
 * Which operands of a blocked product the register tile reads where they lie. Packing an operand takes a pass over it, which pays where
 * many tiles read it: A for each panel of columns, B for each panel of rows. What few of them read is left where it is, if a tile finds it
 * there at once: rows or columns that lie together, at steps that do not crowd a few sets of the caches. Panels at the edge of the matrix
 * are packed all the same, for they are filled up with zeros. Each element is the same chain of fused operations either way.
 */
import { greatestDivisor } from '../../base/integers.js';
import type { Dependence } from '../dependence.js';
import { factorOf } from '../index-expr.js';
import type { ExprId, GemmKernel } from '../l2.js';
import { indexValues } from '../l2.js';
import type { Value } from '../l3.js';
import type { Target } from '../target.js';
import type { PackContext } from './lower-pack.js';
import { positionAt } from './lower-pack.js';
import type { Separable } from './lower-pack-tables.js';
import { acrossPart, fillTable, separate, tableAt } from './lower-pack-tables.js';

export interface GemmSources {
  /**
   * `across`: rows of A lie together. `along`: each of its rows lies together along k. `windows`: elements lie where two tables say, one
   * for rows and one for k.
   */
  readonly a: 'packed' | 'across' | 'along' | 'windows';
  /** `strided`: columns of B lie together. `windows`: they do in runs of whole vectors, at positions that a table holds for each k. */
  readonly b: 'packed' | 'strided' | 'windows';
  /** Whether what is left of the columns behind the last whole panel is one vector of each row. */
  readonly isNarrow: boolean;
  /** So many rows of a packed A, or fewer, that are left behind the last whole panel are multiplied as these; 0 where as a whole panel. */
  readonly few: number;
}

export const packedSources: GemmSources = { a: 'packed', b: 'packed', isNarrow: false, few: 0 };

/** Elements of an operand that make it worth a kernel of its own: of fewer, packing takes some microseconds, and making code much longer. */
const MANY_ELEMENTS = 65536;
/** Panels of columns that make packing A worth it. */
const MANY_PANELS = 4;
/** Rows that make packing windows worth it. */
const MANY_ROWS = 72;
/** Shallower products do not hide that windows come from memory piece by piece: of 27 and 128 a batch lost 15 to 35 %. */
const DEEP_WINDOWS = 144;
/** Of more panels, a part of one is no great part. */
const FEW_PANELS = 8;

/** Sums that keep the arithmetic busy: two of them begin in a cycle, and take four. */
const BUSY_SUMS = 8;
/** Columns that make a loop for a few rows worth its code. */
const MANY_COLUMNS = 192;

/** Caches that all targets have at least: a nearest one of 64 sets and a second of 1024, each of eight lines of 64 bytes. */
const LINE = 64;
const WAYS = 8;
const NEAR_SETS = 64;
const SECOND_SETS = 1024;

/** Whether `count` pieces of float32 that lie `step` elements apart take no more than half of the lines of the sets they fall into. */
function fitsSets(step: number, count: number, lines: number, sets: number): boolean {
  const bytes = step * 4;
  const used = bytes % LINE === 0 ? sets / greatestDivisor(sets, bytes / LINE) : sets;
  return count * lines <= (used * WAYS) / 2;
}

/** The steps of a load of float32 from one row or column to the next and along k, where they are the same everywhere and lead forwards. */
export function stepsOf(
  { exprs }: GemmKernel,
  operand: ExprId,
  across: number,
  along: number,
): { readonly across: number; readonly along: number } | null {
  const e = exprs[operand];
  if (e.op !== 'load' || e.dtype !== 'float32' || indexValues(e.index).length > 0) return null;
  const [own, deep] = [factorOf(e.index, across), factorOf(e.index, along)];
  return own === null || deep === null || own < 0 || deep < 0 ? null : { across: own, along: deep };
}

/** Decided from a kernel's sizes, and part of its key. `target` has the tiles that the kernel is made with. */
export function gemmSources(kernel: GemmKernel, deps: readonly Dependence[], target: Target): GemmSources {
  const { batch, m, n, k } = kernel;
  const { lanes, gemm } = target;
  const { mr, nr, kc, inPlace } = gemm;
  const isFloat = [kernel.a, kernel.b].every((id) => kernel.exprs[id].dtype === 'float32');
  if (!Number.isFinite(inPlace.wideDepth) || !isFloat) return packedSources;
  const [vm, vn, vk] = [0, 1, 2].map((i) => batch.length + i);
  const depth = Math.min(k, kc);
  const left = stepsOf(kernel, kernel.a, vm, vk);

  let a: GemmSources['a'] = 'packed';
  const isTall = n <= MANY_PANELS * nr && m * k * kernel.outer >= MANY_ELEMENTS;
  if (left !== null && isTall) {
    if (left.across === 1 && fitsSets(left.along, depth, 1, SECOND_SETS)) a = 'across';
    else if (left.along === 1 && left.across > 1 && fitsSets(left.across, mr, 1, NEAR_SETS)) a = 'along';
  }
  let b: GemmSources['b'] = 'packed';
  const right = stepsOf(kernel, kernel.b, vn, vk);
  // Without operands in memory that are broadcast, two tables and a column of rows are more than a tile's loop has room for.
  if (
    target.masks &&
    left === null &&
    right !== null &&
    isTall &&
    separate(kernel, deps, kernel.a, vm, vk) !== null
  )
    a = 'windows';
  const isWide = batch.length > 0 && k * n * kernel.outer >= MANY_ELEMENTS;
  if (isWide && right !== null) {
    const lines = (nr * 4) / LINE + 1;
    const isDeep = target.masks && k >= inPlace.wideDepth && right.across === 1;
    if (isDeep && m >= mr && fitsSets(right.along, depth, lines, SECOND_SETS)) b = 'strided';
  } else if (isWide && left !== null && m <= MANY_ROWS && k >= DEEP_WINDOWS) {
    const parts = separate(kernel, deps, kernel.b, vn, vk);
    if (parts !== null && areWholeVectors(parts, lanes)) b = 'windows';
  }
  const rest = n % nr;
  const isNarrow = isWide && nr === 2 * lanes && rest > 0 && rest <= lanes && n < FEW_PANELS * nr;
  return { a, b, isNarrow, few: a === 'packed' ? fewRows(kernel, target) : 0 };
}

/**
 * Rows of the loop for what is left of A. Without batch dimensions rows may be samples, whose number must not decide, nor does the depth:
 * the layers of a network share kernels.
 */
function fewRows({ batch, m, n }: GemmKernel, { lanes, gemm: { mr, nr } }: Target): number {
  const few = Math.ceil(mr / 3);
  if ((few * nr) / lanes < BUSY_SUMS || n < MANY_COLUMNS) return 0;
  const isOfUse = batch.length === 0 || (m % mr > 0 && m % mr <= few);
  return isOfUse ? few : 0;
}

function areWholeVectors({ across }: Separable, lanes: number): boolean {
  if (across.kind !== 'rows') return across.kind === 'one';
  const { atom } = across.length;
  return atom.kind === 'mod' && atom.by % lanes === 0;
}

/** An operand as the steps of a tile along k read it. */
export interface TileOperand {
  /** Whether this tile reads it so; null for always. */
  readonly isOn: Value | null;
  /** How many rows of A it has, if fewer than the tile. */
  readonly rows?: number;
  readonly start: Value;
  /** Its elements at a step: rows of A as broadcast scalars, vectors of columns of B. */
  readonly read: (at: Value, step: Value) => readonly (() => Value)[];
  readonly next: (at: Value) => Value;
}

/** Rows of A from `fromM` on, in place from `fromK` on. */
export function rowsInPlace(
  c: PackContext,
  how: 'across' | 'along',
  { vm, vk, mr }: { readonly vm: number; readonly vk: number; readonly mr: number },
  { fromM, fromK }: { readonly fromM: Value; readonly fromK: Value },
  isOn: Value,
): TileOperand {
  const { b, kernel } = c;
  const e = kernel.exprs[kernel.a];
  const buffer = e.op === 'load' ? e.buffer : -1;
  const [zero, one] = [b.index(0), b.index(1)];
  const place = (row: Value, k: Value): Value =>
    positionAt(c, { operand: kernel.a, across: vm, along: vk }, row, k);
  const origin = place(zero, zero);
  const start = place(fromM, fromK);
  const element = (at: Value, offset: number): Value => b.broadcast(b.load(buffer, at, { offset }));
  if (how === 'across') {
    const along = b.sub(place(zero, one), origin);
    return {
      isOn,
      start,
      read: (at) => Array.from({ length: mr }, (_, i) => () => element(at, i)),
      next: (at) => b.add(at, along),
    };
  }
  const across = b.sub(place(one, zero), origin);
  return {
    isOn,
    start,
    read: (at) => {
      let row = at;
      return Array.from({ length: mr }, (_, i) => () => {
        if (i > 0) row = b.add(row, across);
        return element(row, 0);
      });
    },
    next: (at) => b.add(at, one),
  };
}

/** Rows of windows from `fromM` on: an offset for each row, behind the table of those along k. Rows beyond the last are as the last. */
export function rowsOfWindows(
  { b, kernel }: PackContext,
  { table, mr }: { readonly table: number; readonly mr: number },
  fromM: Value,
  rowsAt: number,
): TileOperand {
  const e = kernel.exprs[kernel.a];
  const buffer = e.op === 'load' ? e.buffer : -1;
  return {
    isOn: null,
    start: b.index(0),
    read: (_at, step) => {
      const window = tableAt({ b }, { table }, step);
      return Array.from({ length: mr }, (_, i) => () => {
        const row = b.convert('index', b.load(table, fromM, { offset: rowsAt + i }));
        return b.broadcast(b.load(buffer, b.add(window, row)));
      });
    },
    next: (at) => at,
  };
}

/** Fills the table of rows, to the end of the last tile. */
export function fillRowTable(
  c: PackContext,
  {
    vm,
    vk,
    table,
    mr,
  }: { readonly vm: number; readonly vk: number; readonly table: number; readonly mr: number },
  m: Value,
  rowsAt: number,
): void {
  const { b, kernel, deps } = c;
  const parts = separate(kernel, deps, kernel.a, vm, vk);
  if (parts === null) return;
  const rows = b.mul(b.div(b.add(m, b.index(mr - 1)), b.index(mr)), b.index(mr));
  b.forEach(b.index(0), rows, 1, (i) => {
    const row = b.min(i, b.sub(m, b.index(1)));
    b.store(table, i, b.convert('i64', acrossPart(c, { across: vm }, parts, row)), { offset: rowsAt });
  });
}

/** Fills the table of offsets along k of windows of A, for a block. */
export function fillDepthTable(
  c: PackContext,
  { vm, vk, table }: { readonly vm: number; readonly vk: number; readonly table: number },
  { fromK, depth }: { readonly fromK: Value; readonly depth: Value },
): void {
  const parts = separate(c.kernel, c.deps, c.kernel.a, vm, vk);
  if (parts !== null) fillTable(c, { along: vk, table, fromK, depth }, parts);
}

/** Columns of B from `fromN` on, in place from `fromK` on; the table of windows is there. */
export function columnsInPlace(
  c: PackContext,
  how: 'strided' | 'windows',
  {
    vn,
    vk,
    nr,
    table,
  }: { readonly vn: number; readonly vk: number; readonly nr: number; readonly table: number },
  { fromN, fromK }: { readonly fromN: Value; readonly fromK: Value },
  isOn: Value,
): TileOperand {
  const { b, kernel, deps, target } = c;
  const { lanes } = target;
  const [zero, one] = [b.index(0), b.index(1)];
  const e = kernel.exprs[kernel.b];
  const buffer = e.op === 'load' ? e.buffer : -1;
  const count = nr / lanes;
  if (how === 'strided') {
    const place = (column: Value, k: Value): Value =>
      positionAt(c, { operand: kernel.b, across: vn, along: vk }, column, k);
    const along = b.sub(place(zero, one), place(zero, zero));
    return {
      isOn,
      start: place(fromN, fromK),
      read: (at) =>
        Array.from({ length: count }, (_, j) => () => b.load(buffer, at, { lanes, offset: j * lanes })),
      next: (at) => b.add(at, along),
    };
  }
  const parts = separate(kernel, deps, kernel.b, vn, vk);
  if (parts === null) return columnsInPlace(c, 'strided', { vn, vk, nr, table }, { fromN, fromK }, isOn);
  const offsets = Array.from({ length: count }, (_, j) =>
    acrossPart(c, { across: vn }, parts, b.add(fromN, b.index(j * lanes))),
  );
  return {
    isOn,
    start: zero,
    read: (_at, step) => {
      const window = tableAt(c, { table }, step);
      return offsets.map((offset) => () => b.load(buffer, b.add(window, offset), { lanes }));
    },
    next: (at) => at,
  };
}
