/**
 * Lowers a gemm kernel to L3: the blocked algorithm of Goto and van de Geijn (2008), one template for every engine.
 *
 *     for jc by nc: for outer, for pc by kc: pack B(kc x nc); for ic by mc: pack A(mc x kc); for jr by nr, ir by mr: tile; epilogue
 *
 * Packing reads the operands through their expressions, so transposes, strides, conversions and pointwise prologues are packing.
 * Panels are filled up with zeros, so the register tile is always mr x nr; the epilogue cuts off what is beyond the edge.
 * Products are added within a block of kc in order, blocks are added to a partial tile in order: the result depends on k, outer, kc and
 * the tile, not on m, n, mc or nc.
 *
 * Workspace buffers follow the kernel's own: packed A, packed B, tiles, a table of offsets. A tile slot is reused when one block covers all of k;
 * otherwise every tile of the matrix keeps its partial sums in a slot of its own.
 */

import { roundUp } from '../../base/integers.js';
import { dependences } from '../dependence.js';
import { isScalarOnly, memTypeOf } from '../elements.js';
import type { GemmKernel } from '../l2.js';
import type { AbstractKernel } from '../l2-sizes.js';
import type { L3Function, Value } from '../l3.js';
import { memBytes } from '../l3.js';
import { L3Builder } from '../l3-builder.js';
import { ExprEmitter } from '../loops/lower-exprs.js';
import { statusBuffer } from '../status.js';
import type { Target } from '../target.js';
import { type UnitRange, unitRange } from '../unit-range.js';
import { askForPanel, isAskedFor, LINE } from './ahead.js';
import { elementTarget, gemmArithmetic, multiplied, SHIFT_BYTES, singles } from './arithmetic.js';
import { GemmEpilogue } from './epilogue.js';
import type { Packing, PanelLayout } from './lower-pack.js';
import { layoutOfRows, packPanels, rowPitch, transposeBlock } from './lower-pack.js';
import { isSmallGemm, smallGemmWorkspace, smallProduct } from './lower-small-gemm.js';
import type { GemmSources, TileOperand } from './sources.js';
import {
  columnsInPlace,
  fillDepthTable,
  fillRowTable,
  gemmSources,
  packedSources,
  rowsInPlace,
  rowsOfWindows,
  stepsOf,
} from './sources.js';
import { withTiles } from './tile-shapes.js';

/** Panels of B whose columns lie together that are packed side by side: pieces of 512 bytes on AVX-512. */
const TOGETHER = 4;

/** Bytes of each workspace buffer: packed A, packed B, tiles, offsets along k. */
export function gemmWorkspace(kernel: GemmKernel, target: Target): readonly number[] {
  return isSmallGemm(kernel, target) ? smallGemmWorkspace(kernel, target) : blockedWorkspace(kernel, target);
}

/** Elements of a register tile with rows and columns swapped, in whole vectors. */
function turnedTile({ lanes, gemm: { mr, nr } }: Target): number {
  return nr * roundUp(mr, lanes);
}

/** The workspace of all phases but `small`. */
export function blockedWorkspace(kernel: GemmKernel, given: Target): readonly number[] {
  const target = elementTarget(kernel, given);
  const { packed, sums } = gemmArithmetic(kernel, target);
  const { mr, nr, kc, mc, nc } = target.gemm;
  const depth = Math.min(Math.max(kernel.k, 1), kc);
  // Rows of A that are copied as they are lie a fixed pitch apart.
  const packedA = roundUp(Math.min(Math.max(kernel.m, 1), mc), mr) * rowPitch(target);
  const packedB = roundUp(Math.min(Math.max(kernel.n, 1), nc), nr) * depth;
  const isPartial = kernel.k > kc || kernel.outer > 1;
  const tiles = isPartial ? roundUp(kernel.m, mr) * roundUp(kernel.n, nr) : mr * nr;
  const turned = turnedTile(target);
  const { a } = gemmSources(kernel, dependences(kernel), target);
  const offsets = a === 'windows' ? kc + roundUp(kernel.m, mr) : depth;
  return [
    packedA * memBytes[packed],
    packedB * memBytes[packed],
    (turned + tiles) * memBytes[sums],
    offsets * 8,
  ];
}

/** The target as a kernel sees it that is launched by itself: with register tiles that fit. */
export function gemmTarget(kernel: GemmKernel, target: Target): Target {
  return isSmallGemm(kernel, target) ? target : elementTarget(kernel, withTiles(kernel, target));
}

/** @param split what is done of a product whose B is packed as a whole. */
export function lowerGemm(
  kernel: GemmKernel,
  sizes: AbstractKernel,
  target: Target,
  split?: SplitPhase,
): L3Function {
  const own = gemmTarget(kernel, target);
  const isWide = own.lanes > 1 && isScalarOnly(kernel.exprs[kernel.a].dtype);
  const b = new L3Builder(kernel.name, own.lanes, own, isWide);
  const phase = split ?? (isSmallGemm(kernel, target) ? 'small' : 'all');
  const sources = phase === 'all' ? gemmSources(kernel, dependences(kernel), own) : packedSources;
  emitGemm(b, kernel, sizes, own, phase, unitRange(b, sizes), null, sources);
  return b.finish();
}

/**
 * What is emitted of a product: all of it, as the blocked algorithm or as that for small ones; or, for one that is computed many times with the same B, packing of B as a whole and all
 * the rest apart. `wholeBBytes` says what B takes then; it has no batch dimensions.
 */
export type GemmPhase = 'all' | 'small' | SplitPhase;
export type SplitPhase = 'pack B' | 'multiply';

/** Bytes of a B that is packed as a whole. */
export function wholeBBytes(kernel: GemmKernel, target: Target): number {
  const { group, packed } = gemmArithmetic(kernel, target);
  const depth = Math.ceil(Math.max(kernel.k, 1) / group);
  return (
    roundUp(Math.max(kernel.n, 1), elementTarget(kernel, target).gemm.nr) *
    depth *
    kernel.outer *
    memBytes[packed]
  );
}

/**
 * Emits a gemm kernel into a function, or a part of one, that has its arguments: all of it, some of its units, or some of its rows, which
 * no units are made of where it has no batch dimensions. Operands are packed unless `sources` says otherwise.
 */
export function emitGemm(
  b: L3Builder,
  kernel: GemmKernel,
  sizes: AbstractKernel,
  given: Target,
  phase: GemmPhase = 'all',
  units: UnitRange | null = null,
  rows: UnitRange | null = null,
  sources: GemmSources = packedSources,
): void {
  const target = elementTarget(kernel, given);
  const { mr, nr, kc, mc, nc } = target.gemm;
  const lanes = target.lanes;
  const deps = dependences(kernel);
  for (const buffer of kernel.buffers) b.buffer(memTypeOf(b, buffer.dtype), buffer.access);
  const arithmetic = gemmArithmetic(kernel, target);
  const packedA = b.buffer(arithmetic.packed, 'readwrite');
  const packedB = b.buffer(arithmetic.packed, 'readwrite');
  const tiles = b.buffer(arithmetic.sums, 'readwrite');
  const table = b.buffer('i64', 'readwrite');
  const status = statusBuffer(b, kernel);
  const emitter = new ExprEmitter(b, kernel, sizes, deps, status);

  const batchVariables = kernel.batch.map((_, i) => i);
  const [vm, vn, vk, vouter] = [0, 1, 2, 3].map((i) => kernel.batch.length + i);
  const sizeOf = (variable: number): Value => b.sizeAt(sizes.variableSlots[variable]);
  const [m, n, k, outer] = [vm, vn, vk, vouter].map(sizeOf);
  const zero = b.index(0);
  const cutsColumns = b.compare('lt', m, n);
  const tilesOf = (size: Value, tile: number): Value => b.div(b.add(size, b.index(tile - 1)), b.index(tile));
  const batchUnits = b.max(b.select(cutsColumns, tilesOf(n, nr), tilesOf(m, mr)), b.index(1));

  const context = { b, kernel, deps, emitter, target };
  const epilogue = new GemmEpilogue(context, vm, vn);
  const wholeVectors = new Array<null>(nr / lanes).fill(null);
  const layoutA: PanelLayout =
    arithmetic === singles ? layoutOfRows(context, kernel.a, vm, vk) : { kind: 'steps' };
  /** Element (i, k) of a panel of A lies at i * rowStep + k * kStep; one panel takes mr * (depth or pitch). */
  const [rowStep, kStep] = layoutA.kind === 'rows' ? [layoutA.pitch, 1] : [1, mr];

  const pitchA = (depth: Value): Value => (layoutA.kind === 'rows' ? b.index(layoutA.pitch) : depth);
  const times = (left: Value, right: Value, acc: Value): Value => multiplied(b, arithmetic, left, right, acc);
  /** In every lane, where there are lanes: a part of a function with vectors of other elements has none of its own. */
  const spread = (x: Value): Value => (lanes > 1 ? b.broadcast(x) : x);
  /** Packed elements that a depth takes. */
  const grouped = (depth: Value): Value => {
    const { group } = arithmetic;
    return group === 1 ? depth : b.div(b.add(depth, b.index(group - 1)), b.index(group));
  };

  /** A panel of A or of B as packed. */
  const packedPanel = (
    buffer: number,
    start: Value,
    isOn: Value | null,
    { count, apart, step, vectors }: { count: number; apart: number; step: number; vectors: boolean },
  ): TileOperand => ({
    isOn,
    start,
    read: (at) =>
      Array.from({ length: count }, (_, i) => () => {
        const offset = i * apart;
        return vectors ? b.load(buffer, at, { lanes, offset }) : spread(b.load(buffer, at, { offset }));
      }),
    next: (at) => b.add(at, b.index(step)),
  });
  const columnsOfTile = nr / lanes;
  /** Whether a panel of B is packed when the first block of rows comes to it, and not a whole block ahead. */
  const isPrompt =
    target.gemm.isPrompt &&
    phase === 'all' &&
    sources.b === 'packed' &&
    arithmetic === singles &&
    stepsOf(kernel, kernel.b, vn, vk) !== null;
  /** Panels of B that are packed side by side: rows that lie far apart are read in longer pieces. */
  const together = isPrompt && isAskedFor(context, vn, vk) ? TOGETHER : 1;
  const packedRows = (start: Value, isOn: Value | null): TileOperand =>
    packedPanel(packedA, start, isOn, { count: mr, apart: rowStep, step: kStep, vectors: false });
  /** A panel of A whose first row is `row` of so many: a few that are left have a loop of their own. */
  const packedTile = (start: Value, row: Value, rows: Value): readonly TileOperand[] => {
    const { few } = sources;
    if (few === 0) return [packedRows(start, null)];
    const isFew = b.compare('le', b.sub(rows, row), b.index(few));
    const part = { count: few, apart: rowStep, step: kStep, vectors: false };
    return [
      packedRows(start, b.unary('not', isFew)),
      { ...packedPanel(packedA, start, isFew, part), rows: few },
    ];
  };
  const packedColumns = (start: Value, isOn: Value | null, count: number): TileOperand =>
    packedPanel(packedB, start, isOn, { count, apart: lanes, step: nr, vectors: true });

  /**
   * The product of one panel of A and one of B over a block of k, which is `depth` packed elements: mr x nr accumulators in registers.
   * They begin as `first`, a vector for each of the panel's columns. Of the ways in which the panels may be read one is on: loops of the
   * others run no round. A panel of A that has fewer rows than the tile is multiplied as far as it goes.
   */
  function tileProduct(
    lefts: readonly TileOperand[],
    rights: readonly TileOperand[],
    depth: Value,
    first: readonly Value[],
  ): readonly Value[] {
    let sums: readonly Value[] = Array.from({ length: mr }, () => first).flat();
    for (const left of lefts) {
      for (const right of rights) {
        const on = [left.isOn, right.isOn].filter((v) => v !== null);
        const rounds = on.reduce((rest, isOn) => b.select(isOn, rest, zero), depth);
        const carried = sums.slice(0, (left.rows ?? mr) * columnsOfTile);
        const inits = [left.start, right.start, ...carried];
        const out = b.loop(zero, rounds, 1, inits, (k, [at, bt, ...acc]) => {
          const next = [...acc];
          const [leftOf, rightOf] = [left.read(at, k), right.read(bt, k)];
          if (mr < rightOf.length) {
            // The fewer vectors stay in registers beside the accumulators.
            const values = leftOf.map((read) => read());
            rightOf.forEach((read, j) => {
              const value = read();
              values.forEach((v, i) => {
                next[i * columnsOfTile + j] = times(v, value, acc[i * columnsOfTile + j]);
              });
            });
          } else {
            const values = rightOf.map((read) => read());
            leftOf.forEach((read, i) => {
              const value = read();
              values.forEach((v, j) => {
                next[i * columnsOfTile + j] = times(value, v, acc[i * columnsOfTile + j]);
              });
            });
          }
          return [left.next(at), right.next(bt), ...next];
        });
        sums = [...out.slice(2), ...sums.slice(carried.length)];
      }
    }
    return sums;
  }

  /** What sums of a panel begin with: zeros, or what is taken off for elements of A that were shifted. */
  function firstSums(panelB: Value, depth: Value): readonly Value[] {
    const nothing = b.zero(arithmetic.sums);
    const zeros = Array.from({ length: nr / lanes }, () => spread(nothing));
    if (!arithmetic.isShifted) return zeros;
    const shift = b.broadcast(b.constant('i32', SHIFT_BYTES));
    const sums = b.loop(zero, depth, 1, [panelB, ...zeros], (_, [at, ...now]) => [
      b.add(at, b.index(nr)),
      ...now.map((sum, j) => times(shift, b.load(packedB, at, { lanes, offset: j * lanes }), sum)),
    ]);
    return sums.slice(1).map((sum) => b.unary('neg', sum));
  }

  /** Adds the partial sums that earlier blocks of k left in a tile's slot; a loop that runs once or not at all. */
  function addPartial(slot: Value, rounds: Value, acc: readonly Value[]): readonly Value[] {
    return b.loop(zero, rounds, 1, acc, (_, now) =>
      now.map((v, i) => b.add(v, b.load(tiles, slot, { lanes, offset: i * lanes }))),
    );
  }

  // Without masks, rows that fill no vector would be stored one by one all the same.
  const isTurned = epilogue.isTurned && arithmetic.sums === 'f32' && (target.masks || mr >= lanes);
  /** Where slots of tiles begin: behind one that is turned around. */
  const firstSlot = b.index(isTurned ? turnedTile(target) : 0);

  /** Copies a tile to the head of the buffer with rows and columns swapped. */
  function turn(slot: Value): void {
    const step = b.index(nr);
    const pitch = roundUp(mr, lanes);
    const last = b.add(slot, b.index((mr - 1) * nr));
    b.forEach(zero, step, lanes, (j) => {
      for (let i = 0; i < mr; i += lanes) {
        const from = b.add(b.add(slot, b.index(i * nr)), j);
        // Of rows that fill no vector the last one is repeated.
        const source = { buffer: tiles, from, step, last: i + lanes > mr ? b.add(last, j) : null };
        transposeBlock(b, source, tiles, b.add(b.mul(j, b.index(pitch)), b.index(i)), pitch);
      }
    });
  }

  function epilogueOf(slot: Value, fromM: Value, fromN: Value): void {
    const rows = b.min(b.index(mr), b.sub(m, fromM));
    const columns = b.min(b.index(nr), b.sub(n, fromN));
    if (isTurned) {
      turn(slot);
      const pitch = b.index(roundUp(mr, lanes));
      b.forEach(zero, columns, 1, (j) =>
        epilogue.columnFromMemory(tiles, b.mul(j, pitch), b.add(fromN, j), fromM, rows),
      );
      return;
    }
    b.forEach(zero, rows, 1, (i) => {
      const row = b.add(slot, b.mul(i, b.index(nr)));
      epilogue.rowFromMemory(tiles, row, b.add(fromM, i), fromN, columns);
    });
  }

  /** Packed as a whole, blocks of B lie one behind the other: where the one of `nb` columns from `jc` on begins, at a depth. */
  function startOfB(jc: Value, nb: Value, at: Value): Value {
    const width = b.mul(b.div(b.add(nb, b.index(nr - 1)), b.index(nr)), b.index(nr));
    return b.add(b.mul(jc, b.mul(grouped(k), outer)), b.mul(width, at));
  }

  /** `own`: rows or columns of tiles of one batch point, as parts.ts says; null for all of them, or all of `rows`. */
  function product(own: UnitRange | null): void {
    let [rowFrom, rowTo, columnFrom, columnTo] = [rows?.from ?? zero, rows?.to ?? m, zero, n];
    if (own !== null) {
      const cut = (size: Value, tile: number): readonly [from: Value, to: Value] => [
        b.mul(own.from, b.index(tile)),
        b.min(b.mul(own.to, b.index(tile)), size),
      ];
      const [rows, columns] = [cut(m, mr), cut(n, nr)];
      rowFrom = b.select(cutsColumns, zero, rows[0]);
      rowTo = b.select(cutsColumns, m, rows[1]);
      columnFrom = b.select(cutsColumns, columns[0], zero);
      columnTo = b.select(cutsColumns, columns[1], n);
    }
    if (phase === 'small') {
      smallProduct(
        { context, packedB, tiles, table, vm, vn, vk, k, epilogue },
        { rowFrom, rowTo, columnFrom, columnTo },
      );
      return;
    }
    if (sources.a === 'windows') fillRowTable(context, { vm, vk, table, mr }, m, kc);
    // With several blocks of k each tile has a slot of its own, else all use the first.
    const many = b.binary('or', b.compare('lt', b.index(kc), k), b.compare('lt', b.index(1), outer));
    const rowTiles = b.div(b.add(m, b.index(mr - 1)), b.index(mr));
    const strideM = b.select(many, b.index(mr * nr), zero);
    const strideN = b.select(many, b.mul(rowTiles, b.index(mr * nr)), zero);
    // Blocks of k are as even as can be: 512 is two of 256 rather than 384 and 128.
    const blocks = b.max(b.div(b.add(k, b.index(kc - 1)), b.index(kc)), b.index(1));
    const evenDepth = b.div(b.add(k, b.sub(blocks, b.index(1))), blocks);
    const blockDepth = b.mul(grouped(evenDepth), b.index(arithmetic.group));
    // Blocks of rows, too: 256 are two of 132 and 124 rather than 240 and 16.
    const most = b.index(Math.floor(mc / mr));
    const tilesOfRows = b.div(b.add(b.sub(rowTo, rowFrom), b.index(mr - 1)), b.index(mr));
    const rowBlocks = b.div(b.add(tilesOfRows, b.sub(most, b.index(1))), most);
    const tilesOfBlock = b.div(
      b.add(tilesOfRows, b.sub(rowBlocks, b.index(1))),
      b.max(rowBlocks, b.index(1)),
    );
    const blockRows = b.mul(tilesOfBlock, b.index(mr));
    b.forEach(columnFrom, columnTo, nc, (jc) => {
      const nb = b.min(b.index(nc), b.sub(columnTo, jc));
      b.forEach(zero, b.mul(outer, blocks), 1, (round) => {
        const step = b.div(round, blocks);
        const block = b.sub(round, b.mul(step, blocks));
        const pc = b.min(b.mul(block, blockDepth), k);
        const depth = b.min(blockDepth, b.sub(k, pc));
        const isLast = b.compare('eq', b.add(round, b.index(1)), b.mul(outer, blocks));
        const partialRounds = b.min(round, b.index(1));
        const inStep = <T>(body: () => T): T => emitter.bind(vouter, step, null, body);
        /** Packs a block, or of one whose whole panels are read in place the last one if it is no whole one. */
        const packed = (p: Omit<Packing, 'table' | 'arithmetic' | 'isRest'>, isRest: boolean): void => {
          const whole = isRest ? b.mul(b.div(p.count, b.index(p.width)), b.index(p.width)) : zero;
          const block = { ...p, from: b.add(p.from, whole), count: b.sub(p.count, whole) };
          inStep(() => packPanels(context, { ...block, table, arithmetic, isRest }));
        };
        const packedDepth = grouped(depth);
        // Panels that only one block of rows needs make room for the next ones: the same memory stays near.
        const isKept = isPrompt ? b.compare('lt', b.index(1), rowBlocks) : null;
        const width = b.index(nr * together);
        const placeOf = (jr: Value, inGroup: Value): Value =>
          b.mul(isKept === null ? jr : b.select(isKept, jr, inGroup), packedDepth);
        const startB = phase === 'all' ? zero : startOfB(jc, nb, b.add(b.mul(step, grouped(k)), grouped(pc)));
        /** Packs columns of B from one on. */
        const packB = (start: Value, from: Value, count: Value): void =>
          packed(
            {
              buffer: packedB,
              start,
              operand: kernel.b,
              across: vn,
              along: vk,
              width: nr,
              layout: { kind: 'steps' },
              from,
              count,
              fromK: pc,
              depth,
              ...(together > 1 ? { together } : {}),
            },
            sources.b !== 'packed',
          );
        if (phase !== 'multiply' && !isPrompt) packB(startB, jc, nb);
        if (phase === 'pack B') return;
        if (sources.a === 'windows')
          inStep(() => fillDepthTable(context, { vm, vk, table }, { fromK: pc, depth }));
        b.forEach(zero, rowBlocks, 1, (rowBlock) => {
          const ic = b.add(rowFrom, b.mul(rowBlock, blockRows));
          const mb = b.min(blockRows, b.sub(rowTo, ic));
          if (sources.a !== 'windows')
            packed(
              {
                buffer: packedA,
                operand: kernel.a,
                across: vm,
                along: vk,
                width: mr,
                layout: layoutA,
                from: ic,
                count: mb,
                fromK: pc,
                depth,
              },
              sources.a !== 'packed',
            );
          b.forEach(zero, nb, nr, (jr) => {
            const fromN = b.add(jc, jr);
            const slotN = b.mul(b.div(fromN, b.index(nr)), strideN);
            const isWholeB = b.compare('le', b.add(jr, b.index(nr)), nb);
            const { b: howB, isNarrow } = sources;
            const inGroup = together === 1 ? zero : b.binary('rem', jr, width);
            const panelB = howB === 'packed' ? b.add(startB, placeOf(jr, inGroup)) : startB;
            if (isPrompt)
              b.when(
                b.binary('and', b.compare('eq', rowBlock, zero), b.compare('eq', inGroup, zero)),
                () => emitter.scoped(() => packB(panelB, fromN, b.min(width, b.sub(nb, jr)))),
                { isRare: true },
              );
            const rights: TileOperand[] = [];
            if (howB !== 'packed')
              rights.push(
                inStep(() =>
                  columnsInPlace(context, howB, { vn, vk, nr, table }, { fromN, fromK: pc }, isWholeB),
                ),
              );
            else if (isNarrow) rights.push(packedColumns(panelB, isWholeB, columnsOfTile));
            const isRestB = rights.length > 0 ? b.unary('not', isWholeB) : null;
            rights.push(packedColumns(panelB, isRestB, isNarrow ? 1 : columnsOfTile));
            const first = firstSums(panelB, packedDepth);
            const isWide = b.binary('and', isLast, isWholeB);
            b.forEach(zero, mb, mr, (ir) => {
              const fromM = b.add(ic, ir);
              const slot = b.add(firstSlot, b.add(slotN, b.mul(b.div(fromM, b.index(mr)), strideM)));
              const isWholeA = b.compare('le', b.add(ir, b.index(mr)), mb);
              const { a: howA } = sources;
              const lefts =
                howA === 'packed'
                  ? packedTile(b.mul(ir, pitchA(packedDepth)), ir, mb)
                  : howA === 'windows'
                    ? [rowsOfWindows(context, { table, mr }, fromM, kc)]
                    : [
                        inStep(() =>
                          rowsInPlace(context, howA, { vm, vk, mr }, { fromM, fromK: pc }, isWholeA),
                        ),
                        packedRows(zero, b.unary('not', isWholeA)),
                      ];
              if (target.gemm.isPrompt) {
                const askForSlot = (): void =>
                  b.forEach(zero, b.index(mr * nr), LINE, (i) => b.prefetch('store', tiles, b.add(slot, i)));
                b.when(many, askForSlot, { isRare: true });
                if (epilogue.isShort)
                  b.when(isLast, () => epilogue.askAhead(mr, nr, fromM, fromN), { isRare: true });
              }
              if (isPrompt && isAskedFor(context, vn, vk)) {
                const next = { fromN: b.add(b.sub(fromN, inGroup), width), fromK: pc, depth };
                // Tiles of a group of panels, one row of them after the other.
                const before = b.add(b.mul(b.div(inGroup, b.index(nr)), mb), ir);
                const rows = {
                  at: before,
                  next: b.add(before, b.index(mr)),
                  rows: b.mul(mb, b.index(together)),
                };
                const columns = { vn, vk, width: nr * together };
                b.when(
                  b.compare('eq', rowBlock, zero),
                  () => emitter.scoped(() => inStep(() => askForPanel(context, columns, next, rows))),
                  { isRare: true },
                );
              }
              const acc = addPartial(slot, partialRounds, tileProduct(lefts, rights, packedDepth, first));
              const throughMemory = (): void => {
                acc.forEach((v, i) => {
                  b.store(tiles, slot, v, { offset: i * lanes });
                });
                // With a short epilogue only edges come this way.
                b.when(isLast, () => epilogueOf(slot, fromM, fromN), { isRare: epilogue.isShort });
              };
              if (epilogue.isShort) {
                const isWhole = b.binary('and', isWide, isWholeA);
                b.when(isWhole, () => epilogue.fromRegisters(acc, mr, wholeVectors, fromM, fromN));
                b.when(b.unary('not', isWhole), throughMemory);
              } else throughMemory();
            });
          });
        });
      });
    });
  }

  /** `before`: batch points ahead of the loops that are open. */
  function batchNest(depth: number, before: Value): void {
    emitter.hoist(
      [...(phase === 'pack B' ? [] : [kernel.a]), ...(phase === 'multiply' ? [] : [kernel.b])],
      [],
    );
    if (batchVariables.length === 0 || (depth === batchVariables.length && units === null)) {
      product(units);
      return;
    }
    if (depth === batchVariables.length && units !== null) {
      const first = b.mul(before, batchUnits);
      const next = b.add(first, batchUnits);
      const isMine = b.binary('and', b.compare('lt', units.from, next), b.compare('lt', first, units.to));
      b.when(isMine, () =>
        emitter.scoped(() =>
          product({
            from: b.sub(b.max(units.from, first), first),
            to: b.sub(b.min(units.to, next), first),
          }),
        ),
      );
      return;
    }
    const size = sizeOf(batchVariables[depth]);
    let [from, to] = [zero, size];
    if (depth === 0 && units !== null) {
      const inner = batchVariables.slice(1).map(sizeOf).reduce(b.mul.bind(b), batchUnits);
      const each = b.max(inner, b.index(1));
      from = b.div(units.from, each);
      to = b.div(b.add(units.to, b.sub(each, b.index(1))), each);
    }
    b.forEach(from, to, 1, (i) =>
      emitter.bind(batchVariables[depth], i, null, () => batchNest(depth + 1, b.add(b.mul(before, size), i))),
    );
  }
  batchNest(0, zero);
}
