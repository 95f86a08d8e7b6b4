/** Products that are not packed: all small sizes on every engine, the same bits as packed ones, and no access outside of a buffer. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { interpretL3 } from '../../src/codegen/reference/l3-interpreter.js';
import { fromTypedArray, slice, type Tensor } from '../../src/index.js';
import { dependences } from '../../src/kernel/dependence.js';
import { blockedWorkspace, emitGemm, gemmWorkspace, lowerGemm } from '../../src/kernel/gemm/lower-gemm.js';
import { isSmallGemm } from '../../src/kernel/gemm/lower-small-gemm.js';
import type { GemmSources } from '../../src/kernel/gemm/sources.js';
import { gemmSources, packedSources } from '../../src/kernel/gemm/sources.js';
import { addIndex, constantIndex, scaleIndex, variableIndex } from '../../src/kernel/index-expr.js';
import type { GemmKernel } from '../../src/kernel/l2.js';
import { abstractSizes } from '../../src/kernel/l2-sizes.js';
import type { L3Function } from '../../src/kernel/l3.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import { verifyL3 } from '../../src/kernel/l3-verify.js';
import type { Target } from '../../src/kernel/target.js';
import { unitRange } from '../../src/kernel/unit-range.js';
import { avx2Target, avx512Target } from '../../src/runtime/native/targets.js';
import { wasmTarget } from '../../src/runtime/wasm/target.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine, testEngines } from '../support/engines.js';

const LARGEST = 40;

/** Element (i, j) of all matrices of one kind: multiples of 1/8, so that sums are exact. */
const element = (i: number, j: number, seed: number): number => (((i * 7 + j * 5 + seed * 3) % 17) - 8) / 8;

/** The upper left corner of a larger matrix, which holds NaN everywhere else. */
function corner(rows: number, columns: number, seed: number): Tensor {
  const width = columns + 3;
  const data = new Float32Array((rows + 2) * width).fill(Number.NaN);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) data[i * width + j] = element(i, j, seed);
  return fromTypedArray(data, [rows + 2, width]).index(slice(0, rows), slice(0, columns));
}

function expected(m: number, n: number, k: number): number[] {
  const out: number[] = [];
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let l = 0; l < k; l++) sum += element(i, l, 1) * element(l, j, 2);
      out.push(Math.max(sum + (j - 20) / 8, 0));
    }
  }
  return out;
}

/** `transposed`: an element lies at (j, i). */
function matrix(rows: number, columns: number, seed: number, transposed: boolean): Tensor {
  if (!transposed) return corner(rows, columns, seed);
  const data = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) data[j * rows + i] = element(i, j, seed);
  return fromTypedArray(data, [columns, rows]).t();
}

forEachEngine(
  'small products',
  (space) => {
    for (const [name, ofA, ofB] of [
      ['as they lie', false, false],
      ['with the right one transposed', false, true],
      ['with the left one transposed', true, false],
    ] as const) {
      test(`of all sizes, ${name}`, () => {
        withWorkspace(space, () => {
          for (let m = 1; m <= LARGEST; m++) {
            for (let n = 1 + (m % 5); n <= LARGEST; n += 5) {
              const k = 1 + ((m * 11 + n * 7) % LARGEST);
              const bias = fromTypedArray(
                Float32Array.from({ length: n }, (_, j) => (j - 20) / 8),
                [n],
              );
              const y = matrix(m, k, 1, ofA)
                .matmul(matrix(k, n, 2, ofB))
                .add(bias)
                .relu();
              expect([m, n, k, ...y.dataSync()]).toEqual([m, n, k, ...expected(m, n, k)]);
            }
          }
        });
      }, 60_000);
    }
  },
  testEngines.filter((engine) => engine !== 'reference'),
);

interface Layout {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: number;
  readonly transA: boolean;
  readonly transB: boolean;
  /** Elements between rows beyond their length. */
  readonly gap: number;
}

/** A product of batches of matrices with gaps between rows, and a ReLU. */
function kernelOf({ m, n, k, batch, transA, transB, gap }: Layout): GemmKernel {
  const [vb, vm, vn, vk] = [0, 1, 2, 3];
  const view = (rows: [number, number], columns: [number, number], transposed: boolean) => {
    const [outer, inner] = transposed ? [columns, rows] : [rows, columns];
    const pitch = inner[1] + gap;
    return [
      variableIndex(inner[0], inner[1]),
      scaleIndex(variableIndex(outer[0], outer[1]), pitch),
      scaleIndex(variableIndex(vb, batch), outer[1] * pitch),
    ].reduce(addIndex, constantIndex(0));
  };
  return {
    kind: 'gemm',
    name: 'product',
    batch: [batch],
    m,
    n,
    k,
    outer: 1,
    a: 0,
    b: 1,
    exprs: [
      { op: 'load', dtype: 'float32', buffer: 0, index: view([vm, m], [vk, k], transA) },
      { op: 'load', dtype: 'float32', buffer: 1, index: view([vk, k], [vn, n], transB) },
      { op: 'dot', dtype: 'float32' },
    ],
    stores: [{ buffer: 2, index: view([vm, m], [vn, n], false), value: 2, level: 'full' }],
    buffers: [
      { dtype: 'float32', access: 'read' },
      { dtype: 'float32', access: 'read' },
      { dtype: 'float32', access: 'write' },
    ],
    arguments: [],
  };
}

/** Floats from the first to the last element of a batch of matrices. */
function extent(batch: number, rows: number, columns: number, gap: number): number {
  return batch * rows * (columns + gap) - gap;
}

/** What a function makes of values that no float32 product of is exact, in buffers that hold nothing else. */
function results(
  fn: L3Function,
  kernel: GemmKernel,
  p: Layout,
  target: Target,
  workspaceOf: typeof gemmWorkspace,
): Float32Array {
  verifyL3(fn);
  const [rowsA, columnsA] = p.transA ? [p.k, p.m] : [p.m, p.k];
  const [rowsB, columnsB] = p.transB ? [p.n, p.k] : [p.k, p.n];
  const data = [
    Float32Array.from({ length: extent(p.batch, rowsA, columnsA, p.gap) }, (_, i) => Math.sin(i + 1)),
    Float32Array.from({ length: extent(p.batch, rowsB, columnsB, p.gap) }, (_, i) => Math.cos(3 * i)),
    new Float32Array(extent(p.batch, p.m, p.n, p.gap)),
  ];
  const workspace = workspaceOf(kernel, target).map((bytes) => new Uint8Array(bytes));
  const { sizes } = abstractSizes(kernel, target);
  const { mr, nr } = target.gemm;
  const units = p.batch * (p.m < p.n ? Math.ceil(p.n / nr) : Math.ceil(p.m / mr));
  interpretL3(fn, {
    buffers: [...data.map((x) => new Uint8Array(x.buffer)), ...workspace],
    sizes: [...sizes, 0, units],
    scalars: [],
    fused: true,
  });
  return data[2];
}

function layoutsUpTo(m: number, n: number, k: number) {
  return fc.record({
    m: fc.integer({ min: 1, max: m }),
    n: fc.integer({ min: 1, max: n }),
    k: fc.integer({ min: 0, max: k }),
    batch: fc.integer({ min: 1, max: 2 }),
    transA: fc.boolean(),
    transB: fc.boolean(),
    gap: fc.nat(2),
  });
}

describe('a small product', () => {
  const layouts = layoutsUpTo(27, 64, 35);
  for (const target of [avx512Target, avx2Target, wasmTarget]) {
    test(`stays within its buffers and gives the bits of packed panels for ${target.id}`, () => {
      fc.assert(
        fc.property(layouts, (p) => {
          const kernel = kernelOf(p);
          expect(isSmallGemm(kernel, target)).toBe(true);
          const sizes = abstractSizes(kernel, target);
          const b = new L3Builder('packed', target.lanes, target);
          emitGemm(b, kernel, sizes, target, 'all', unitRange(b, sizes));
          const inPlace = results(lowerGemm(kernel, sizes, target), kernel, p, target, gemmWorkspace);
          expect(inPlace).toEqual(results(b.finish(), kernel, p, target, blockedWorkspace));
        }),
        { numRuns: 25 },
      );
    }, 60_000);
  }

  test('of many images is read in place however wide it is, if it is deep or its rows share no sets of the cache', () => {
    const wide = { m: 24, n: 640, k: 64, batch: 2, transA: false, transB: false, gap: 0 };
    expect(isSmallGemm(kernelOf(wide), avx512Target)).toBe(true);
    expect(isSmallGemm(kernelOf({ ...wide, k: 16 }), avx512Target)).toBe(false);
    expect(isSmallGemm(kernelOf({ ...wide, n: 645, k: 16 }), avx512Target)).toBe(true);
    expect(isSmallGemm(kernelOf({ ...wide, m: 4 }), avx512Target)).toBe(false);
    expect(isSmallGemm(kernelOf({ ...wide, transB: true }), avx512Target)).toBe(false);
    expect(isSmallGemm(kernelOf({ ...wide, n: 645 }), wasmTarget)).toBe(false);
  });

  test('is one whose operands are memory that stays in the caches', () => {
    const small = { m: 64, n: 64, k: 64, batch: 1, transA: false, transB: false, gap: 0 };
    expect(isSmallGemm(kernelOf(small), avx512Target)).toBe(true);
    expect(isSmallGemm(kernelOf({ ...small, n: 1024, k: 32 }), avx512Target)).toBe(false);
    expect(isSmallGemm(kernelOf({ ...small, k: 1000 }), avx512Target)).toBe(false);
    expect(isSmallGemm(kernelOf({ ...small, k: 512 }), avx512Target)).toBe(true);
    expect(isSmallGemm(kernelOf({ ...small, k: 384, transA: true }), avx512Target)).toBe(true);
    expect(isSmallGemm(kernelOf({ ...small, k: 512, transA: true }), avx512Target)).toBe(false);
  });
});

describe('a product in blocks', () => {
  const layouts = layoutsUpTo(40, 100, 40);
  for (const whole of [avx512Target, avx2Target]) {
    test(`gives the bits of packed panels where operands are read in place for ${whole.id}`, () => {
      const { mr, nr } = whole.gemm;
      const target = { ...whole, gemm: { ...whole.gemm, kc: 16, mc: 2 * mr, nc: 2 * nr } };
      fc.assert(
        fc.property(layouts, fc.boolean(), fc.boolean(), (p, packsA, packsB) => {
          const kernel = kernelOf(p);
          const sizes = abstractSizes(kernel, target);
          const rest = p.n % nr;
          const sources: GemmSources = {
            a: packsA ? 'packed' : p.transA ? 'across' : 'along',
            b: packsB || p.transB ? 'packed' : 'strided',
            isNarrow: rest > 0 && rest <= target.lanes,
            few: packsA ? Math.ceil(mr / 3) : 0,
          };
          const [packed, inPlace] = [packedSources, sources].map((how) => {
            const b = new L3Builder('product', target.lanes, target);
            emitGemm(b, kernel, sizes, target, 'all', unitRange(b, sizes), null, how);
            return results(b.finish(), kernel, p, target, blockedWorkspace);
          });
          expect(inPlace).toEqual(packed);
        }),
        { numRuns: 25 },
      );
    }, 60_000);
  }

  for (const whole of [avx512Target, avx2Target]) {
    test(`gives the same bits whether B is packed ahead or panel by panel, by tiles of any number of rows, for ${whole.id}`, () => {
      const { gemm } = whole;
      const shallow = { ...gemm, kc: 16, nc: 6 * gemm.nr };
      // Panels of 12 rows are packed four together, and panels of B whose columns lie together.
      const prompt = { ...whole, gemm: { ...shallow, mc: 5 * gemm.mr } };
      const ahead = { ...whole, gemm: { ...shallow, mr: 4, mc: 4, isPrompt: false } };
      fc.assert(
        fc.property(layoutsUpTo(130, 7 * gemm.nr, 24), (p) => {
          const kernel = kernelOf(p);
          const [now, before] = [prompt, ahead].map((target) => {
            const sizes = abstractSizes(kernel, target);
            const b = new L3Builder('product', target.lanes, target);
            emitGemm(b, kernel, sizes, target, 'all', unitRange(b, sizes));
            return results(b.finish(), kernel, p, target, blockedWorkspace);
          });
          expect(now).toEqual(before);
        }),
        { numRuns: 25 },
      );
    }, 60_000);
  }

  test('reads in place what few tiles read', () => {
    const p = { m: 120, n: 645, k: 600, batch: 2, transA: false, transB: false, gap: 0 };
    const sourcesOf = (change: Partial<typeof p>): GemmSources => {
      const kernel = kernelOf({ ...p, ...change });
      return gemmSources(kernel, dependences(kernel), avx512Target);
    };
    expect(sourcesOf({})).toEqual({ a: 'packed', b: 'strided', isNarrow: false, few: 0 });
    expect(sourcesOf({ n: 116 })).toEqual({ a: 'along', b: 'strided', isNarrow: false, few: 0 });
    expect(sourcesOf({ n: 112, transA: true, transB: true })).toEqual({
      a: 'across',
      b: 'packed',
      isNarrow: true,
      few: 0,
    });
    // Of 122 rows two are left behind whole tiles, of 127 more than a few.
    expect(sourcesOf({ m: 122 }).few).toBe(4);
    expect(sourcesOf({ m: 127 }).few).toBe(0);
    // Rows 4 KiB apart share one set of the nearest cache.
    expect(sourcesOf({ n: 112, k: 1024 }).a).toBe('packed');
    expect(sourcesOf({ n: 1024 }).b).toBe('packed');
    // Few elements are not worth a kernel of their own.
    expect(sourcesOf({ n: 52, m: 24 })).toEqual(packedSources);
    const kernel = kernelOf(p);
    expect(gemmSources(kernel, dependences(kernel), wasmTarget)).toEqual(packedSources);
  });
});
