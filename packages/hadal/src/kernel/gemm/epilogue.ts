/** What becomes of a product's elements: the pointwise rest of a gemm kernel, from registers or from a tile in memory. */
import type { Dependence } from '../dependence.js';
import { canVectorize } from '../dependence.js';
import { factorOf, type IndexExpr } from '../index-expr.js';
import type { GemmKernel, StencilKernel, WinogradGradKernel, WinogradKernel } from '../l2.js';
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import type { ExprEmitter } from '../loops/lower-exprs.js';
import { alongLanes } from '../loops/vector-loop.js';
import type { Target } from '../target.js';
import { LINE } from './ahead.js';

/** Expressions that an epilogue may have to be written out for every vector of a tile: a bias and an activation. */
const SHORT_EPILOGUE = 8;

interface EpilogueContext {
  readonly b: L3Builder;
  readonly kernel: GemmKernel | StencilKernel | WinogradGradKernel | WinogradKernel;
  readonly deps: readonly Dependence[];
  readonly emitter: ExprEmitter;
  readonly target: Target;
}

export class GemmEpilogue {
  /**
   * Whether it is written out for every vector of a tile: a long one would cost more code than the trip through memory, to a loop over
   * rows, costs time.
   */
  readonly isShort: boolean;
  /** Whether its expressions fit lanes along a row. */
  readonly isInLanes: boolean;
  readonly #context: EpilogueContext;
  readonly #rows: number;
  readonly #columns: number;
  /** Whether neighbouring rows, and not columns, of a result lie together: a tile is turned around before it is stored. */
  readonly isTurned: boolean;

  /** @param rows variable of the rows, @param columns and that of the columns. */
  constructor(context: EpilogueContext, rows: number, columns: number) {
    const { kernel, deps, target } = context;
    this.#context = context;
    this.#rows = rows;
    this.#columns = columns;
    const values = kernel.stores.map((s) => s.value);
    const indices = kernel.stores.map((s) => s.index);
    const { masks, lanes } = target;
    this.isInLanes =
      lanes > 1 &&
      canVectorize(kernel, deps, values, indices, columns, masks, null, new Set(), context.b.wide);
    this.isTurned =
      !this.isInLanes &&
      lanes > 1 &&
      !context.b.wide &&
      canVectorize(kernel, deps, values, indices, rows, masks);
    this.isShort = this.isInLanes && kernel.stores.length === 1 && kernel.exprs.length <= SHORT_EPILOGUE;
  }

  get #b(): L3Builder {
    return this.#context.b;
  }

  /** Emits what does not depend on variables that are still unbound. */
  #hoist(): void {
    const { emitter, kernel } = this.#context;
    emitter.hoist(
      kernel.stores.map((s) => s.value),
      kernel.stores.map((s) => s.index),
    );
  }

  /** One element or vector; the position is bound. */
  #store(dot: Value): void {
    const { emitter, kernel } = this.#context;
    emitter.bindDot(dot);
    emitter.storeAll(kernel.stores);
    emitter.unbindDot();
  }

  /** A tile straight from its registers, row by row: for each vector of a row a mask, or null for all of its lanes. */
  fromRegisters(
    acc: readonly Value[],
    rows: number,
    masks: readonly (Value | null)[],
    fromM: Value,
    fromN: Value,
  ): void {
    const b = this.#b;
    const { emitter, target } = this.#context;
    emitter.scoped(() => {
      this.#hoist();
      const columns = masks.map((_, j) => b.add(fromN, b.index(j * target.lanes)));
      for (let i = 0; i < rows; i++) {
        emitter.bind(this.#rows, b.add(fromM, b.index(i)), null, () => {
          this.#hoist();
          columns.forEach((column, j) => {
            emitter.bind(this.#columns, column, { mask: masks[j] }, () =>
              this.#store(acc[i * columns.length + j]),
            );
          });
        });
      }
    });
  }

  /** Asks for the memory that `fromRegisters` reads and writes for a tile of rows and columns; stores past the caches need none. */
  askAhead(rows: number, columns: number, fromM: Value, fromN: Value): void {
    const b = this.#b;
    const { emitter, kernel } = this.#context;
    const reads = kernel.exprs.flatMap((e) =>
      e.op === 'load' && this.#isOfTile(e.index) ? [{ ...e, intent: 'load' as const }] : [],
    );
    const writes = kernel.stores.flatMap((s) =>
      this.#isOfTile(s.index) && !s.isStreamed ? [{ ...s, intent: 'store' as const }] : [],
    );
    const accesses = [...reads, ...writes];
    if (accesses.length === 0) return;
    emitter.scoped(() =>
      b.forEach(b.index(0), b.index(rows), 1, (i) =>
        emitter.bind(this.#rows, b.add(fromM, i), null, () =>
          emitter.bind(this.#columns, fromN, null, () => {
            for (const { buffer, index, intent } of accesses) {
              const at = emitter.index(index);
              for (let j = 0; j < columns; j += LINE) b.prefetch(intent, buffer, at, j);
            }
          }),
        ),
      ),
    );
  }

  /** Whether neighbouring columns of an access lie together and rows apart: not that of an operand, whose index has no rows or no columns. */
  #isOfTile(index: IndexExpr): boolean {
    const [own, next] = [factorOf(index, this.#rows), factorOf(index, this.#columns)];
    return next === 1 && own !== null && own !== 0;
  }

  /** `count` rows of column `n` that lie in a buffer from element `start` on. */
  columnFromMemory(buffer: number, start: Value, n: Value, fromM: Value, count: Value): void {
    const { emitter } = this.#context;
    emitter.bind(this.#columns, n, null, () =>
      this.#lineFromMemory(buffer, start, this.#rows, fromM, count, true),
    );
  }

  /** `count` columns of row `m` that lie in a buffer from element `start` on. */
  rowFromMemory(buffer: number, start: Value, m: Value, fromN: Value, count: Value): void {
    const { emitter } = this.#context;
    emitter.bind(this.#rows, m, null, () =>
      this.#lineFromMemory(buffer, start, this.#columns, fromN, count, this.isInLanes),
    );
  }

  /** Elements along one variable from a position on; the other one is bound. */
  #lineFromMemory(
    buffer: number,
    start: Value,
    variable: number,
    from: Value,
    count: Value,
    inLanes: boolean,
  ): void {
    const b = this.#b;
    const { emitter, target } = this.#context;
    this.#hoist();
    alongLanes(b, target, count, inLanes, (i, lanesNow) => {
      const at = b.add(start, i);
      emitter.bind(variable, b.add(from, i), lanesNow, () =>
        this.#store(b.load(buffer, at, lanesNow ? { lanes: target.lanes, mask: lanesNow.mask } : {})),
      );
    });
  }
}
