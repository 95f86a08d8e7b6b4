/** Products of square matrices, one thread. */
import { fromTypedArray, type Tensor } from 'hadal';
import { checkClose } from '../compare.js';
import { readAll, realize } from '../realize.js';
import type { EngineName } from '../result.js';
import { inputSeed, uniformValues } from '../values.js';
import type { Round, Workload } from '../workload.js';

const sizes = [16, 17, 32, 64, 100, 128, 250, 256, 257, 390, 512, 1000, 1024, 2048];
const transposedSizes = [512, 1024];
const transposes = ['tn', 'nt', 'tt'] as const;

/** Share of the probe that 512 to 2048 must reach. */
const wanted: { readonly [K in EngineName]: number } = { native: 0.8, wasm: 0.5 };

/** Below 64 the work of one product drowns in the work of asking for it: 100 of them are asked for and realised together. */
function repetitionsOf(n: number): number {
  if (n < 64) return 100;
  return Math.max(1, Math.min(50, Math.round(4e8 / (2 * n ** 3))));
}

interface Operands {
  readonly a: Float32Array;
  readonly b: Float32Array;
}

/** Whether C = A B, by multiplying both sides with a vector of +-1 in float64 (Freivalds 1977). */
function checkProduct(
  name: string,
  c: Float32Array,
  { a, b }: Operands,
  n: number,
  transA: boolean,
  transB: boolean,
): void {
  const signs = uniformValues(n, n).map((x) => (x < 0 ? -1 : 1));
  const times = (m: Float32Array, v: ArrayLike<number>, transposed: boolean): Float64Array => {
    const out = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      if (transposed) {
        for (let j = 0; j < n; j++) out[j] += m[i * n + j] * v[i];
      } else {
        let sum = 0;
        for (let j = 0; j < n; j++) sum += m[i * n + j] * v[j];
        out[i] = sum;
      }
    }
    return out;
  };
  // n products of k terms, each within k roundings of 2^-24.
  checkClose(name, times(c, signs, false), times(a, times(b, signs, transB), transA), {
    relative: 0,
    absolute: n * Math.sqrt(n) * 1e-6,
  });
}

function product(n: number, form: 'nn' | (typeof transposes)[number]): Workload {
  const [transA, transB] = [form[0] === 't', form[1] === 't'];
  const repetitions = repetitionsOf(n);
  const together = n < 64;
  const name = form === 'nn' ? `${n}` : `${n} ${form}`;
  return {
    suite: 'gemm',
    case: name,
    repetitions,
    work: { flops: 2 * n ** 3, bytes: 0, footprint: 0 },
    peer: {
      case: { kind: 'gemm', m: n, n, k: n, transA, transB },
      tolerance: { relative: 0, absolute: 1e-6 * n },
    },
    prepare(round): Round {
      const values: Operands[] = [];
      for (let r = 0; r < repetitions; r++) {
        values.push({
          a: uniformValues(inputSeed(round, r, 0), n * n),
          b: uniformValues(inputSeed(round, r, 1), n * n),
        });
      }
      const inputs = values.map(
        ({ a, b }) => [fromTypedArray(a, [n, n]), fromTypedArray(b, [n, n])] as const,
      );
      const results: Tensor[] = [];
      return {
        run() {
          for (const [a, b] of inputs) {
            const c = (transA ? a.t() : a).matmul(transB ? b.t() : b);
            results.push(c);
            if (!together) realize(c);
          }
          if (together) realize(...results);
        },
        output: () => readAll(results),
        check(output) {
          values.forEach((operands, r) => {
            checkProduct(
              `gemm ${name}`,
              output.subarray(r * n * n, (r + 1) * n * n),
              operands,
              n,
              transA,
              transB,
            );
          });
        },
      };
    },
    ...(n >= 512
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
  return [
    ...sizes.map((n) => product(n, 'nn')),
    ...transposedSizes.flatMap((n) => transposes.map((form) => product(n, form))),
  ];
}
