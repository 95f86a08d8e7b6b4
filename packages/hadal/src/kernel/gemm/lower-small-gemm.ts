/**
 * Products whose operands are memory and stay in the caches as they lie there: what the register tile can read in place is not packed.
 *
 *     for jr by nr: for ir by mr, then for the rows that are left by fewer: product over all of k; epilogue
 *
 * Elements of A are read one by one and broadcast, wherever they lie. B is read in place if neighbouring columns lie together, else it is
 * packed. Tiles end where the matrix ends: rows by tiles of fewer rows, columns by masks, or on targets without masks by a packed panel
 * of the columns that are no whole vector. All of k is one block, as it is in the blocked algorithm for such a k, and each element is the
 * same chain of fused operations there: both give the same bits.
 */

import { factorOf } from '../index-expr.js';
import type { ExprId, GemmKernel } from '../l2.js';
import type { Value } from '../l3.js';
import type { Target } from '../target.js';
import { singles } from './arithmetic.js';
import type { GemmEpilogue } from './epilogue.js';
import type { PackContext } from './lower-pack.js';
import { packPanels, positionAt } from './lower-pack.js';
import { stepsOf } from './sources.js';

/**
 * A single row uses every element of B once, so packing it would be most of the work: blocks of k are for what is read again. Chains of
 * additions have to end somewhere, though, for the sake of their rounding.
 */
const VECTOR_DEPTH = 8;

/** Products less deep whose rows lie a multiple of this apart lose more to stores that share their sets of the cache than packing costs. */
const SHARED_SETS = 64;

/**
 * An A whose rows lie together, deeper than this, is gone from the nearest cache when the next tile comes to its lines: at 500 and 512
 * packing was 10 % faster, at 384 18 % slower.
 */
const DEEP_ACROSS = 448;

/** Fewer rows are better off with tiles of few rows and many columns. */
const WIDE_ROWS = 12;

/** Whether B is read in place however wide it is: the positions of an image, whose rows are features. */
function isWideInPlace(kernel: GemmKernel, wideDepth: number): boolean {
  if (kernel.batch.length === 0 || kernel.m < WIDE_ROWS || !readsB(kernel)) return false;
  return kernel.k >= wideDepth || (wideDepth < Number.POSITIVE_INFINITY && kernel.n % SHARED_SETS !== 0);
}

/** Whether a kernel is lowered here; part of its key. */
export function isSmallGemm(kernel: GemmKernel, { gemm: { inPlace } }: Target): boolean {
  const { m, n, k, outer, a, b } = kernel;
  const depth = m === 1 && readsB(kernel) ? VECTOR_DEPTH * inPlace.depth : inPlace.depth;
  if (outer !== 1 || k > depth) return false;
  if (n > inPlace.columns && !isWideInPlace(kernel, inPlace.wideDepth)) return false;
  const vm = kernel.batch.length;
  const rows = stepsOf(kernel, a, vm, vm + 2);
  if (rows === null || stepsOf(kernel, b, vm + 1, vm + 2) === null) return false;
  // How many rows there are changes with the batch, so it may decide only where rows are features.
  return k <= 1 || rows.along === 1 || (m <= inPlace.columns && k <= DEEP_ACROSS);
}

/** Whether neighbouring columns of B lie together. */
function readsB({ exprs, b, batch }: GemmKernel): boolean {
  const e = exprs[b];
  return e.op === 'load' && factorOf(e.index, batch.length + 1) === 1;
}

/** Bytes of each workspace buffer, which are those of the blocked algorithm: no packed A, packed B, a column of tiles, no table. */
export function smallGemmWorkspace(kernel: GemmKernel, { gemm: { nr }, masks }: Target): readonly number[] {
  const columns = !readsB(kernel) ? Math.ceil(kernel.n / nr) * nr : masks ? 0 : nr;
  return [0, columns * kernel.k * 4, kernel.m * nr * 4, 0];
}

export interface SmallGemm {
  readonly context: PackContext;
  readonly packedB: number;
  readonly tiles: number;
  readonly table: number;
  /** Variables of rows, columns and depth. */
  readonly vm: number;
  readonly vn: number;
  readonly vk: number;
  readonly k: Value;
  readonly epilogue: GemmEpilogue;
}

/** What is computed of one batch point. */
export interface Area {
  readonly rowFrom: Value;
  readonly rowTo: Value;
  readonly columnFrom: Value;
  readonly columnTo: Value;
}

/** An operand as a tile reads it: where it begins, how far apart its elements are across the tile and along k. */
interface Source {
  readonly buffer: number;
  readonly start: Value;
  readonly across: Value;
  readonly along: Value;
}

/** A panel of columns: `count` of them, a mask or null for each of its vectors, and where B is. */
interface Panel {
  readonly from: Value;
  readonly count: Value;
  readonly masks: readonly (Value | null)[];
  /** Whether B and the results are there for all lanes of its vectors that no mask takes out. */
  readonly isExact: boolean;
  readonly right: Source;
}

/** Steps along k in which results that were asked for are there. */
const DEEP = 64;

const MOST_POINTERS = 4;

/** Rows of the tiles: full ones, then what is left of the matrix. */
function rowTiles(mr: number): readonly number[] {
  return [...new Set([mr, Math.ceil(mr / 3), Math.ceil(mr / 6), 1])];
}

export function smallProduct(s: SmallGemm, { rowFrom, rowTo, columnFrom, columnTo }: Area): void {
  const { context, vm, vn, vk, k } = s;
  const { b, kernel, target, emitter } = context;
  const { mr, nr } = target.gemm;
  const { lanes } = target;
  const zero = b.index(0);
  const one = b.index(1);

  const place = (operand: ExprId, across: number, position: Value, depth: Value): Value =>
    positionAt(context, { operand, across, along: vk }, position, depth);
  const source = (operand: ExprId, across: number): ((from: Value) => Source) => {
    const e = kernel.exprs[operand];
    const buffer = e.op === 'load' ? e.buffer : -1;
    const origin = place(operand, across, zero, zero);
    const steps = {
      across: b.sub(place(operand, across, one, zero), origin),
      along: b.sub(place(operand, across, zero, one), origin),
    };
    return (from) => ({ buffer, start: place(operand, across, from, zero), ...steps });
  };
  const leftAt = source(kernel.a, vm);
  const isInPlace = readsB(kernel);

  const packB = (from: Value, count: Value, width: number): void =>
    packPanels(context, {
      buffer: s.packedB,
      operand: kernel.b,
      across: vn,
      along: vk,
      width,
      layout: { kind: 'steps' },
      from,
      count,
      fromK: zero,
      depth: k,
      arithmetic: singles,
      table: s.table,
    });
  const packed = (start: Value, width: number): Source => ({
    buffer: s.packedB,
    start,
    across: one,
    along: b.index(width),
  });

  /** The product of some rows and a panel over all of k, row by row. */
  function tileProduct(rows: number, left: Source, { right, masks, isExact }: Panel): readonly Value[] {
    const zeros = Array.from({ length: rows * masks.length }, () => b.broadcast(b.constant('f32', 0)));
    // A few rows have a pointer each; for more there are no registers, and each row is found from the one before.
    const pointers = rows <= MOST_POINTERS ? rows : 1;
    const starts = [left.start];
    while (starts.length < pointers) starts.push(b.add(starts[starts.length - 1], left.across));
    const out = b.loop(zero, k, 1, [...starts, right.start, ...zeros], (_, carried) => {
      const at = carried.slice(0, pointers);
      const [bt, ...acc] = carried.slice(pointers);
      // Rows of an image lie too far apart for the processor to see what comes next: the panel behind this one is asked for.
      if (isInPlace && kernel.batch.length > 0)
        masks.forEach((_, j) => {
          b.prefetch('load', right.buffer, bt, nr + j * lanes);
        });
      const vectors = masks.map((mask, j) =>
        b.load(right.buffer, bt, { lanes, offset: j * lanes, mask: isExact ? mask : null }),
      );
      const next: Value[] = [];
      let row = at[0];
      for (let i = 0; i < rows; i++) {
        if (i > 0) row = at[i] ?? b.add(row, left.across);
        const element = b.broadcast(b.load(left.buffer, row));
        vectors.forEach((v, j) => {
          next.push(b.fma(element, v, acc[i * vectors.length + j]));
        });
      }
      return [...at.map((v) => b.add(v, left.along)), b.add(bt, right.along), ...next];
    });
    return out.slice(pointers + 1);
  }

  /** The epilogue of a column of tiles that lies in memory, row by row. */
  function fromTiles({ from, count }: Panel): void {
    b.forEach(rowFrom, rowTo, 1, (i) => {
      const row = b.mul(b.sub(i, rowFrom), b.index(nr));
      s.epilogue.rowFromMemory(s.tiles, row, i, from, count);
    });
  }

  function allRows(panel: Panel): void {
    const isDirect = s.epilogue.isShort && panel.isExact;
    const isAhead = isDirect && target.gemm.isPrompt && kernel.batch.length === 0;
    let from = rowFrom;
    for (const rows of rowTiles(mr)) {
      const to = rows === 1 ? rowTo : b.sub(rowTo, b.binary('rem', b.sub(rowTo, from), b.index(rows)));
      b.forEach(from, to, rows, (fromM) => {
        if (isAhead && rows === mr && panel.masks.length === nr / lanes)
          b.when(b.compare('le', b.index(DEEP), k), () => s.epilogue.askAhead(mr, nr, fromM, panel.from), {
            isRare: true,
          });
        const acc = tileProduct(rows, leftAt(fromM), panel);
        if (isDirect) {
          s.epilogue.fromRegisters(acc, rows, panel.masks, fromM, panel.from);
          return;
        }
        const slot = b.mul(b.sub(fromM, rowFrom), b.index(nr));
        acc.forEach((v, i) => {
          const [row, j] = [Math.floor(i / panel.masks.length), i % panel.masks.length];
          b.store(s.tiles, slot, v, { offset: row * nr + j * lanes });
        });
      });
      from = to;
    }
    if (!isDirect) fromTiles(panel);
  }

  if (!isInPlace) packB(columnFrom, b.sub(columnTo, columnFrom), nr);
  const rightAt = isInPlace
    ? source(kernel.b, vn)
    : (from: Value): Source => {
        const offset = b.sub(from, columnFrom);
        const inPanel = b.binary('rem', offset, b.index(nr));
        return packed(b.add(b.mul(b.sub(offset, inPanel), k), inPanel), nr);
      };
  const vectors = nr / lanes;
  if (target.masks) {
    b.forEach(columnFrom, columnTo, nr, (from) => {
      const left = b.sub(columnTo, from);
      const right = rightAt(from);
      // One body for each number of vectors: masks that let all lanes through cost nothing.
      for (let count = 1; count <= vectors; count++) {
        const more = b.compare('lt', b.index((count - 1) * lanes), left);
        const enough = b.compare('le', left, b.index(count * lanes));
        const isMeant = count === vectors ? more : count === 1 ? enough : b.binary('and', more, enough);
        b.when(isMeant, () =>
          emitter.scoped(() => {
            const last = b.tail(b.min(b.sub(left, b.index((count - 1) * lanes)), b.index(lanes)));
            const masks = Array.from({ length: count }, (_, j) => (j === count - 1 ? last : null));
            allRows({ from, count: b.min(left, b.index(nr)), masks, isExact: true, right });
          }),
        );
      }
    });
    return;
  }
  let from = columnFrom;
  for (let count = vectors; count > 0; count = Math.floor(count / 2)) {
    const width = count * lanes;
    const to = b.sub(columnTo, b.binary('rem', b.sub(columnTo, from), b.index(width)));
    b.forEach(from, to, width, (fromN) => {
      allRows({
        from: fromN,
        count: b.index(width),
        masks: new Array<null>(count).fill(null),
        isExact: true,
        right: rightAt(fromN),
      });
    });
    from = to;
  }
  const rest = from;
  b.when(b.compare('lt', rest, columnTo), () =>
    emitter.scoped(() => {
      const count = b.sub(columnTo, rest);
      if (isInPlace) packB(rest, count, lanes);
      const right = isInPlace ? packed(zero, lanes) : rightAt(rest);
      allRows({ from: rest, count, masks: [null], isExact: false, right });
    }),
  );
}
