/** What it costs to ask for an op at all: a small tensor, so that computing is nothing. */
import { compile, engine, fromTypedArray, type Tensor } from 'hadal';
import { checkClose } from '../compare.js';
import { readAll, realize } from '../realize.js';
import type { Result } from '../result.js';
import { inputSeed, uniformValues } from '../values.js';
import type { Round, Workload } from '../workload.js';

const SIZE = 8;
const LENGTHS = [100, 1000, 10_000];
/** Ops of a timing, whatever the chains' length. */
const OPS = 20_000;

function inputs(round: number, repetition: number): readonly [Tensor, Tensor, Float32Array, Float32Array] {
  const [x, b] = [0, 1].map((i) => uniformValues(inputSeed(round, repetition, i), SIZE));
  return [fromTypedArray(x, [SIZE]), fromTypedArray(b, [SIZE]), x, b];
}

/** Multiplying and adding in turn. */
function step(y: Tensor, b: Tensor, i: number): Tensor {
  return i % 2 === 0 ? y.mul(b) : y.add(b);
}

function expected(x: Float32Array, b: Float32Array, length: number): Float32Array {
  const y = x.slice();
  for (let i = 0; i < length; i++)
    for (let j = 0; j < SIZE; j++) y[j] = i % 2 === 0 ? y[j] * b[j] : y[j] + b[j];
  return y;
}

const nothing = { flops: 0, bytes: 0, footprint: 0 };

function chain(length: number, singly: boolean): Workload {
  const name = singly ? `chain of ${length}, realised singly` : `chain of ${length}`;
  const chains = OPS / length;
  return {
    suite: 'overhead',
    case: name,
    repetitions: OPS,
    work: nothing,
    peer: {
      case: { kind: 'chain', size: SIZE, ops: length },
      tolerance: { relative: 1e-4, absolute: 1e-5 },
    },
    prepare(round): Round {
      const made = Array.from({ length: chains }, (_, r) => inputs(round, r));
      const results: Tensor[] = [];
      return {
        run() {
          for (const [x, b] of made) {
            let y = x;
            for (let i = 0; i < length; i++) {
              y = step(y, b, i);
              if (singly) realize(y);
            }
            if (!singly) realize(y);
            results.push(y);
          }
        },
        output: () => readAll(results),
        check(output) {
          made.forEach(([, , x, b], r) => {
            checkClose(
              `overhead ${name}`,
              output.subarray(r * SIZE, (r + 1) * SIZE),
              expected(x, b, length),
              {
                relative: 1e-4,
                absolute: 1e-5,
              },
            );
          });
        },
      };
    },
    ...(singly
      ? {}
      : { targets: ({ minMs }) => [{ what: 'us an op', value: minMs * 1000, bound: 3, is: 'most' }] }),
  };
}

/** Graph nodes made and thrown away. */
const CHAINS = 20;

function building(): Workload {
  return {
    suite: 'overhead',
    case: 'building alone',
    repetitions: OPS,
    work: nothing,
    peer: null,
    prepare(round): Round {
      const made = Array.from({ length: CHAINS }, (_, r) => inputs(round, r));
      return {
        run() {
          for (const [x, b] of made) {
            let y = x;
            for (let i = 0; i < OPS / CHAINS; i++) y = step(y, b, i);
            engine().pending.reset();
          }
        },
        output: () => new Float32Array(0),
        check() {},
      };
    },
  };
}

/** Products that a compiled call makes, a kernel each. */
const KERNELS = 20;
const SIDE = 4;
const CALLS = 500;

/** A compiled function of small products: what a replay costs, with kernels of next to nothing. */
function compiledCall(): Workload {
  const weights = Float32Array.from({ length: SIDE * SIDE }, (_, i) => (i % (SIDE + 1) === 0 ? 0.9 : 0.1));
  const w = fromTypedArray(weights, [SIDE, SIDE]);
  const call = compile((x: Tensor): Tensor => {
    let y = x;
    for (let i = 0; i < KERNELS; i++) y = y.matmul(w);
    return y;
  });
  const name = `compiled call of ${KERNELS} kernels`;
  const size = SIDE * SIDE;
  return {
    suite: 'overhead',
    case: name,
    repetitions: CALLS,
    work: nothing,
    peer: null,
    prepare(round): Round {
      const values = Array.from({ length: CALLS }, (_, r) => uniformValues(inputSeed(round, r, 0), size));
      const made = values.map((x) => fromTypedArray(x, [SIDE, SIDE]));
      const results: Tensor[] = [];
      return {
        run() {
          for (const x of made) results.push(call(x));
        },
        output: () => readAll(results),
        check(output) {
          values.forEach((x, r) => {
            let y = Float64Array.from(x);
            for (let i = 0; i < KERNELS; i++) y = product(y, weights);
            const want = Float32Array.from(y);
            const tolerance = { relative: 1e-4, absolute: 1e-5 };
            checkClose(`overhead ${name}`, output.subarray(r * size, (r + 1) * size), want, tolerance);
          });
        },
      };
    },
    targets: ({ minMs }) => [{ what: 'us a call', value: minMs * 1000, bound: 50, is: 'most' }],
  };
}

/** The product of two square matrices. */
function product(x: Float64Array, y: Float32Array): Float64Array<ArrayBuffer> {
  return Float64Array.from({ length: SIDE * SIDE }, (_, at) => {
    let sum = 0;
    for (let k = 0; k < SIDE; k++) sum += x[at - (at % SIDE) + k] * y[k * SIDE + (at % SIDE)];
    return sum;
  });
}

export function overheadWorkloads(): Workload[] {
  return [...LENGTHS.map((length) => chain(length, false)), chain(1000, true), building(), compiledCall()];
}

/** How much more an op costs in the longest chain than in the shortest; quadratic work anywhere shows here. */
export function linearity(results: readonly Result[]): Result | null {
  const [shortest, longest] = [LENGTHS[0], LENGTHS[LENGTHS.length - 1]].map((length) =>
    results.find((r) => r.suite === 'overhead' && r.case === `chain of ${length}`),
  );
  if (shortest === undefined || longest === undefined) return null;
  const { engine, threads } = longest;
  return {
    suite: 'overhead',
    case: 'linearity',
    engine,
    threads,
    peer: 'none',
    ms: longest.ms,
    minMs: longest.minMs,
    targets: [
      {
        what: `an op in a chain of ${LENGTHS[LENGTHS.length - 1]} over one in a chain of ${LENGTHS[0]}`,
        value: longest.minMs / shortest.minMs,
        bound: 2,
        is: 'most',
      },
    ],
  };
}
