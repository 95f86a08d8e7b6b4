/**
 * Lowers a gemm kernel to L3: the blocked algorithm of Goto and van de Geijn (2008), one template for every engine.
 *
 *     for jc by nc: for pc by kc: pack B(kc x nc); for ic by mc: pack A(mc x kc); for jr by nr, ir by mr: tile; epilogue
 *
 * Packing reads the operands through their expressions, so transposes, strides, conversions and pointwise prologues are packing.
 * Panels are filled up with zeros, so the register tile is always mr x nr; the epilogue cuts off what is beyond the edge.
 * Products are added within a block of kc in order, blocks are added to a partial tile in order: the result depends on k, kc and
 * the tile, not on m, n, mc or nc.
 *
 * Workspace buffers follow the kernel's own: packed A, packed B, tiles. A tile slot is reused when one block covers all of k;
 * otherwise every tile of the matrix keeps its partial sums in a slot of its own.
 */
import type { ExprId, GemmKernel } from './l2.js';
import type { AbstractKernel } from './l2-sizes.js';
import type { L3Function, Value } from './l3.js';
import { L3Builder } from './l3-builder.js';
import { canVectorize, dependences, ExprEmitter, memTypes } from './lower-exprs.js';
import { needsStatus } from './lower-loops.js';
import type { Target } from './target.js';

function roundUp(x: number, to: number): number {
  return Math.ceil(x / to) * to;
}

/** Bytes of each workspace buffer: packed A, packed B, tiles. */
export function gemmWorkspace(kernel: GemmKernel, target: Target): readonly [number, number, number] {
  const { mr, nr, kc, mc, nc } = target.gemm;
  const depth = Math.min(Math.max(kernel.k, 1), kc);
  const packedA = roundUp(Math.min(Math.max(kernel.m, 1), mc), mr) * depth;
  const packedB = roundUp(Math.min(Math.max(kernel.n, 1), nc), nr) * depth;
  const tiles = kernel.k > kc ? roundUp(kernel.m, mr) * roundUp(kernel.n, nr) : mr * nr;
  return [packedA * 4, packedB * 4, tiles * 4];
}

export function lowerGemm(kernel: GemmKernel, sizes: AbstractKernel, target: Target): L3Function {
  const { mr, nr, kc, mc, nc } = target.gemm;
  const lanes = target.lanes;
  const deps = dependences(kernel);
  const b = new L3Builder(kernel.name, lanes);
  for (const buffer of kernel.buffers) b.buffer(memTypes[buffer.dtype], buffer.access);
  const packedA = b.buffer('f32', 'readwrite');
  const packedB = b.buffer('f32', 'readwrite');
  const tiles = b.buffer('f32', 'readwrite');
  const status = needsStatus(kernel) ? b.buffer('i64', 'write') : -1;
  const emitter = new ExprEmitter(b, kernel, sizes, deps, status);

  const batchVariables = kernel.batch.map((_, i) => i);
  const [vm, vn, vk] = [kernel.batch.length, kernel.batch.length + 1, kernel.batch.length + 2];
  const sizeOf = (variable: number): Value => b.sizeAt(sizes.variableSlots[variable]);
  const [m, n, k] = [sizeOf(vm), sizeOf(vn), sizeOf(vk)];
  const zero = b.index(0);
  const values = kernel.stores.map((s) => s.value);
  const indices = kernel.stores.map((s) => s.index);
  const epilogueLanes = canVectorize(kernel, deps, values, indices, vn);

  /** Neighbours along `variable` in vector steps while whole vectors fit, then a masked vector or single elements. */
  function along(count: Value, vector: boolean, body: (from: Value, lanesNow: { readonly mask: Value | null } | null) => void): void {
    if (!vector) {
      b.forEach(zero, count, 1, (i) => body(i, null));
      return;
    }
    const main = b.mul(b.div(count, b.index(lanes)), b.index(lanes));
    b.forEach(zero, main, lanes, (i) => body(i, { mask: null }));
    if (target.masks) b.forEach(main, count, lanes, (i) => body(i, { mask: b.tail(b.sub(count, i)) }));
    else b.forEach(main, count, 1, (i) => body(i, null));
  }

  /**
   * Copies a block of an operand into panels of `width` rows (of A) or columns (of B): panel after panel, k after k, `width`
   * elements each, zeros beyond the edge.
   */
  function pack(
    buffer: number,
    operand: ExprId,
    across: number,
    width: number,
    from: Value,
    count: Value,
    fromK: Value,
    depth: Value,
  ): void {
    const vector = width % lanes === 0 && canVectorize(kernel, deps, [operand], [], across) && deps[operand].variables.has(across);
    b.forEach(zero, count, width, (panel) => {
      const rows = b.min(b.index(width), b.sub(count, panel));
      const base = b.mul(panel, depth);
      const first = b.add(from, panel);
      emitter.scoped(() => {
        emitter.hoist([operand], []);
        b.forEach(zero, depth, 1, (p) => {
          const row = b.add(base, b.mul(p, b.index(width)));
          emitter.bind(vk, b.add(fromK, p), null, () => {
            emitter.hoist([operand], []);
            along(rows, vector, (i, lanesNow) => {
              emitter.bind(across, b.add(first, i), lanesNow, () => {
                const value = lanesNow ? emitter.emitLanes(operand) : emitter.emit(operand);
                b.store(buffer, b.add(row, i), value);
              });
            });
            b.forEach(rows, b.index(width), 1, (i) => b.store(buffer, b.add(row, i), b.constant('f32', 0)));
          });
        });
      });
    });
  }

  /** The product of one panel of A and one of B over a block of k: mr x nr accumulators in registers. */
  function tileProduct(panelA: Value, panelB: Value, depth: Value): readonly Value[] {
    const columns = nr / lanes;
    const zeros = Array.from({ length: mr * columns }, () => b.broadcast(b.constant('f32', 0)));
    const inits = [panelA, panelB, ...zeros];
    const out = b.loop(zero, depth, 1, inits, (_, [at, bt, ...acc]) => {
      const right = Array.from({ length: columns }, (_x, j) => b.load(packedB, bt, { lanes, offset: j * lanes }));
      const next: Value[] = [];
      for (let i = 0; i < mr; i++) {
        const left = b.broadcast(b.load(packedA, at, { offset: i }));
        for (let j = 0; j < columns; j++) next.push(b.fma(left, right[j], acc[i * columns + j]));
      }
      return [b.add(at, b.index(mr)), b.add(bt, b.index(nr)), ...next];
    });
    return out.slice(2);
  }

  /** Adds the partial sums that earlier blocks of k left in a tile's slot; a loop that runs once or not at all. */
  function addPartial(slot: Value, rounds: Value, acc: readonly Value[]): readonly Value[] {
    return b.loop(zero, rounds, 1, acc, (_, now) => now.map((v, i) => b.add(v, b.load(tiles, slot, { lanes, offset: i * lanes }))));
  }

  function epilogue(slot: Value, fromM: Value, fromN: Value): void {
    const rows = b.min(b.index(mr), b.sub(m, fromM));
    const columns = b.min(b.index(nr), b.sub(n, fromN));
    b.forEach(zero, rows, 1, (i) => {
      const row = b.add(slot, b.mul(i, b.index(nr)));
      emitter.bind(vm, b.add(fromM, i), null, () => {
        emitter.hoist(values, indices);
        along(columns, epilogueLanes, (j, lanesNow) => {
          emitter.bind(vn, b.add(fromN, j), lanesNow, () => {
            emitter.bindDot(b.load(tiles, b.add(row, j), lanesNow ? { lanes, mask: lanesNow.mask } : {}));
            // All values first: a store may overwrite what another value is computed from.
            const ready = kernel.stores.map((s) => ({ s, index: emitter.index(s.index), value: emitter.emitLanes(s.value) }));
            for (const { s, index, value } of ready) b.store(s.buffer, index, value, { mask: lanesNow ? lanesNow.mask : null });
            emitter.unbindDot();
          });
        });
      });
    });
  }

  function product(): void {
    // With several blocks of k each tile has a slot of its own, else all use the first.
    const many = b.compare('lt', b.index(kc), k);
    const rowTiles = b.div(b.add(m, b.index(mr - 1)), b.index(mr));
    const strideM = b.select(many, b.index(mr * nr), zero);
    const strideN = b.select(many, b.mul(rowTiles, b.index(mr * nr)), zero);
    const kEnd = b.max(k, b.index(1));
    b.forEach(zero, n, nc, (jc) => {
      const nb = b.min(b.index(nc), b.sub(n, jc));
      b.forEach(zero, kEnd, kc, (pc) => {
        const depth = b.min(b.index(kc), b.sub(k, pc));
        const isLast = b.compare('le', b.sub(kEnd, pc), b.index(kc));
        const partialRounds = b.select(b.compare('lt', zero, pc), b.index(1), zero);
        pack(packedB, kernel.b, vn, nr, jc, nb, pc, depth);
        b.forEach(zero, m, mc, (ic) => {
          const mb = b.min(b.index(mc), b.sub(m, ic));
          pack(packedA, kernel.a, vm, mr, ic, mb, pc, depth);
          b.forEach(zero, nb, nr, (jr) => {
            const fromN = b.add(jc, jr);
            const slotN = b.mul(b.div(fromN, b.index(nr)), strideN);
            b.forEach(zero, mb, mr, (ir) => {
              const fromM = b.add(ic, ir);
              const slot = b.add(slotN, b.mul(b.div(fromM, b.index(mr)), strideM));
              const acc = addPartial(slot, partialRounds, tileProduct(b.mul(ir, depth), b.mul(jr, depth), depth));
              acc.forEach((v, i) => {
                b.store(tiles, slot, v, { offset: i * lanes });
              });
              b.when(isLast, () => epilogue(slot, fromM, fromN));
            });
          });
        });
      });
    });
  }

  function batchNest(depth: number): void {
    emitter.hoist([kernel.a, kernel.b], []);
    if (depth === batchVariables.length) {
      product();
      return;
    }
    b.forEach(zero, sizeOf(batchVariables[depth]), 1, (i) => emitter.bind(batchVariables[depth], i, null, () => batchNest(depth + 1)));
  }
  batchNest(0);
  return b.finish();
}
