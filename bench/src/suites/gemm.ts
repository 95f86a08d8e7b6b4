/** Matrix products: squares and odd sizes, transposes, batches. */
import { fromTypedArray, type Tensor } from 'hadal';
import { checkClose } from '../compare.js';
import { readAll, realize } from '../realize.js';
import type { EngineName } from '../result.js';
import { inputSeed, uniformValues } from '../values.js';
import type { Round, Workload } from '../workload.js';

interface Product {
  readonly name: string;
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transA: boolean;
  readonly transB: boolean;
}

const sizes = [16, 17, 32, 64, 100, 128, 250, 256, 257, 390, 512, 1000, 1024, 2048, 4096];
const transposedSizes = [512, 1024];

function square(n: number, form: 'nn' | 'tn' | 'nt' | 'tt' = 'nn'): Product {
  const name = form === 'nn' ? `${n}` : `${n} ${form}`;
  return { name, batch: 1, m: n, n, k: n, transA: form[0] === 't', transB: form[1] === 't' };
}

function batched(batch: number, m: number, n: number, k: number, transB = false): Product {
  return { name: `${batch}x${m}x${n}x${k}${transB ? ' nt' : ''}`, batch, m, n, k, transA: false, transB };
}

const products: readonly Product[] = [
  ...sizes.map((n) => square(n)),
  ...transposedSizes.flatMap((n) => (['tn', 'nt', 'tt'] as const).map((form) => square(n, form))),
  // Tall, wide, and deep: a linear layer, its weight's gradient, a last layer of ten classes.
  batched(1, 256, 1024, 784),
  batched(1, 1024, 784, 256),
  batched(1, 256, 10, 1024),
  // Scores and values of attention, 8 heads of 8 sentences.
  batched(64, 128, 128, 32, true),
  batched(64, 128, 32, 128),
  batched(16, 257, 250, 100),
];

/** Share of the probe that squares from 512 on must reach. */
const wanted: { readonly [K in EngineName]: number } = { native: 0.8, wasm: 0.5 };

function flopsOf({ batch, m, n, k }: Product): number {
  return 2 * batch * m * n * k;
}

/** Below 64 the work of one product drowns in the work of asking for it: 100 of them are asked for and realised together. */
function isTogether({ batch, m, n, k }: Product): boolean {
  return batch === 1 && Math.max(m, n, k) < 64;
}

function repetitionsOf(product: Product): number {
  if (isTogether(product)) return 100;
  return Math.max(1, Math.min(50, Math.round(4e8 / flopsOf(product))));
}

interface Operands {
  readonly a: Float32Array;
  readonly b: Float32Array;
}

/** Whether C = A B, by multiplying both sides with a vector of +-1 in float64 (Freivalds 1977). */
function checkProduct(product: Product, c: Float32Array, { a, b }: Operands): void {
  const { name, batch, m, n, k, transA, transB } = product;
  const signs = uniformValues(n, n).map((x) => (x < 0 ? -1 : 1));
  for (let i = 0; i < batch; i++) {
    const [ofA, ofB, ofC] = [m * k, k * n, m * n];
    const bSigns = timesVector(b.subarray(i * ofB, (i + 1) * ofB), signs, k, n, transB);
    const want = timesVector(a.subarray(i * ofA, (i + 1) * ofA), bSigns, m, k, transA);
    const got = timesVector(c.subarray(i * ofC, (i + 1) * ofC), signs, m, n, false);
    // n sums of k terms, each within k roundings of 2^-24.
    checkClose(`gemm ${name}`, got, want, { relative: 0, absolute: n * Math.sqrt(k) * 1e-6 });
  }
}

/** A matrix of rows x columns, which lies in memory as it is or transposed, times a vector. */
function timesVector(
  matrix: Float32Array,
  vector: ArrayLike<number>,
  rows: number,
  columns: number,
  isTransposed: boolean,
): Float64Array {
  const out = new Float64Array(rows);
  if (isTransposed) {
    for (let j = 0; j < columns; j++) {
      for (let i = 0; i < rows; i++) out[i] += matrix[j * rows + i] * vector[j];
    }
  } else {
    for (let i = 0; i < rows; i++) {
      let sum = 0;
      for (let j = 0; j < columns; j++) sum += matrix[i * columns + j] * vector[j];
      out[i] = sum;
    }
  }
  return out;
}

function workload(product: Product): Workload {
  const { name, batch, m, n, k, transA, transB } = product;
  const repetitions = repetitionsOf(product);
  const together = isTogether(product);
  const flops = flopsOf(product);
  const lead = batch === 1 ? [] : [batch];
  const [shapeA, shapeB] = [
    [...lead, ...(transA ? [k, m] : [m, k])],
    [...lead, ...(transB ? [n, k] : [k, n])],
  ];
  const bytes = 4 * batch * (m * k + k * n + 2 * m * n);
  return {
    suite: 'gemm',
    case: name,
    repetitions,
    work: { flops, bytes, footprint: bytes },
    peer: {
      case: { kind: 'gemm', batch, m, n, k, transA, transB, together },
      tolerance: { relative: 0, absolute: 1e-6 * k },
    },
    prepare(round): Round {
      const values: Operands[] = [];
      for (let r = 0; r < repetitions; r++) {
        values.push({
          a: uniformValues(inputSeed(round, r, 0), batch * m * k),
          b: uniformValues(inputSeed(round, r, 1), batch * k * n),
        });
      }
      const inputs = values.map(
        ({ a, b }) => [fromTypedArray(a, shapeA), fromTypedArray(b, shapeB)] as const,
      );
      const results: Tensor[] = [];
      return {
        run() {
          for (const [a, b] of inputs) {
            const c = (transA ? a.transpose(-1, -2) : a).matmul(transB ? b.transpose(-1, -2) : b);
            results.push(c);
            if (!together) realize(c);
          }
          if (together) realize(...results);
        },
        output: () => readAll(results),
        check(output) {
          const size = batch * m * n;
          values.forEach((operands, r) => {
            checkProduct(product, output.subarray(r * size, (r + 1) * size), operands);
          });
        },
      };
    },
    ...(batch === 1 && m === n && n === k && n >= 512
      ? {
          targets: ({ engine, limitShare, bestShare }) => [
            {
              what: 'share of the FMA probe',
              value: Math.max(limitShare ?? 0, bestShare ?? 0),
              bound: wanted[engine],
              is: 'least',
            },
          ],
        }
      : {}),
  };
}

export function gemmWorkloads(): Workload[] {
  return products.map(workload);
}
