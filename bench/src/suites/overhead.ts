/** What it costs to ask for an op at all: a small tensor, so that computing is nothing. */
import { engine, fromTypedArray, type Tensor } from 'hadal';
import { checkClose } from '../compare.js';
import { readAll, realize } from '../realize.js';
import { inputSeed, uniformValues } from '../values.js';
import type { Round, Workload } from '../workload.js';

const SIZE = 8;
const OPS = 1000;
const CHAINS = 20;

function inputs(round: number, repetition: number): readonly [Tensor, Tensor, Float32Array, Float32Array] {
  const [x, b] = [0, 1].map((i) => uniformValues(inputSeed(round, repetition, i), SIZE));
  return [fromTypedArray(x, [SIZE]), fromTypedArray(b, [SIZE]), x, b];
}

/** Multiplying and adding in turn. */
function step(y: Tensor, b: Tensor, i: number): Tensor {
  return i % 2 === 0 ? y.mul(b) : y.add(b);
}

function expected(x: Float32Array, b: Float32Array): Float32Array {
  const y = x.slice();
  for (let i = 0; i < OPS; i++) for (let j = 0; j < SIZE; j++) y[j] = i % 2 === 0 ? y[j] * b[j] : y[j] + b[j];
  return y;
}

const nothing = { flops: 0, bytes: 0, footprint: 0 };

function chain(name: string, singly: boolean): Workload {
  return {
    suite: 'overhead',
    case: name,
    repetitions: CHAINS * OPS,
    work: nothing,
    peer: {
      case: { kind: 'chain', size: SIZE, ops: OPS },
      tolerance: { relative: 1e-4, absolute: 1e-5 },
    },
    prepare(round): Round {
      const made = Array.from({ length: CHAINS }, (_, r) => inputs(round, r));
      const results: Tensor[] = [];
      return {
        run() {
          for (const [x, b] of made) {
            let y = x;
            for (let i = 0; i < OPS; i++) {
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
            checkClose(`overhead ${name}`, output.subarray(r * SIZE, (r + 1) * SIZE), expected(x, b), {
              relative: 1e-4,
              absolute: 1e-5,
            });
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
function building(): Workload {
  return {
    suite: 'overhead',
    case: 'building alone',
    repetitions: CHAINS * OPS,
    work: nothing,
    peer: null,
    prepare(round): Round {
      const made = Array.from({ length: CHAINS }, (_, r) => inputs(round, r));
      return {
        run() {
          for (const [x, b] of made) {
            let y = x;
            for (let i = 0; i < OPS; i++) y = step(y, b, i);
            engine().pending.reset();
          }
        },
        output: () => new Float32Array(0),
        check() {},
      };
    },
  };
}

export function overheadWorkloads(): Workload[] {
  return [chain('chain of 1000', false), chain('realised singly', true), building()];
}
