/** Scaled dot-product attention of 8 heads of width 64, sequences of 128 to 2048, forward and backward. */
import { functional as F, fromTypedArray, type Tensor } from 'hadal';
import { checkClose } from '../compare.js';
import type { AttentionCase } from '../peer/peer.js';
import { readAll, realize } from '../realize.js';
import { inputSeed, uniformValues } from '../values.js';
import type { Round, Workload } from '../workload.js';

const HEADS = 8;
const WIDTH = 64;
const sequences = [128, 256, 512, 1024, 2048];

/** Rows of the result that are computed apart. */
const CHECKED_ROWS = 6;

/** One row of softmax(q k^T / sqrt(d)) v of one head, in float64. */
function rowOf(
  spec: AttentionCase,
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
  head: number,
  row: number,
) {
  const { sequence, causal } = spec;
  const at = (position: number) => (head * sequence + position) * WIDTH;
  const seen = causal ? row + 1 : sequence;
  const scores = new Float64Array(seen);
  for (let j = 0; j < seen; j++) {
    let sum = 0;
    for (let d = 0; d < WIDTH; d++) sum += q[at(row) + d] * k[at(j) + d];
    scores[j] = sum / Math.sqrt(WIDTH);
  }
  const most = scores.reduce((a, b) => Math.max(a, b));
  const powers = scores.map((s) => Math.exp(s - most));
  const total = powers.reduce((a, b) => a + b);
  const out = new Float64Array(WIDTH);
  for (let j = 0; j < seen; j++) for (let d = 0; d < WIDTH; d++) out[d] += (powers[j] / total) * v[at(j) + d];
  return out;
}

function workload(sequence: number, causal: boolean, pass: 'forward' | 'backward'): Workload {
  const shape = [1, HEADS, sequence, WIDTH];
  const size = HEADS * sequence * WIDTH;
  const spec: AttentionCase = { kind: 'attention', heads: HEADS, sequence, width: WIDTH, causal, pass };
  // Scores and values forward; backward also the scores again, and four products. A causal mask halves what is needed.
  const products = pass === 'forward' ? 2 : 7;
  const flops = (products * 2 * HEADS * sequence * sequence * WIDTH) / (causal ? 2 : 1);
  const bytes = 4 * size * (pass === 'forward' ? 5 : 10);
  const repetitions = Math.max(1, Math.min(20, Math.round(4e8 / flops)));
  const name = `${sequence}${causal ? ' causal' : ''}, ${pass === 'forward' ? 'forward' : 'forward and backward'}`;
  return {
    suite: 'attention',
    case: name,
    repetitions,
    work: { flops, bytes, footprint: bytes },
    peer: { case: spec, tolerance: { relative: 1e-3, absolute: 1e-5 } },
    prepare(round): Round {
      const values = Array.from({ length: repetitions }, (_, r) =>
        [0, 1, 2, 3].map((i) => uniformValues(inputSeed(round, r, i), size, i < 2 ? 2 : 1)),
      );
      const isBackward = pass === 'backward';
      const inputs = values.map((arrays) => ({
        qkv: arrays.slice(0, 3).map((a) => fromTypedArray(a, shape, { requiresGrad: isBackward })),
        dy: fromTypedArray(arrays[3], shape),
      }));
      const results: Tensor[] = [];
      return {
        run() {
          for (const { qkv, dy } of inputs) {
            const [q, k, v] = qkv;
            const y = F.scaledDotProductAttention(q, k, v, { isCausal: causal });
            const outputs = [y];
            if (isBackward) {
              y.backward(dy);
              for (const { grad } of qkv) {
                if (grad === null) throw new TypeError('attention gave no gradient');
                outputs.push(grad);
              }
            }
            realize(...outputs);
            results.push(...outputs);
          }
        },
        output: () => readAll(results),
        check(output) {
          const [q, k, v, dy] = values[0];
          for (let i = 0; i < CHECKED_ROWS; i++) {
            const head = i % HEADS;
            const row = Math.floor((i * (sequence - 1)) / (CHECKED_ROWS - 1));
            const at = (head * sequence + row) * WIDTH;
            const want = rowOf(spec, q, k, v, head, row);
            checkClose(`attention ${name}, row ${row}`, output.subarray(at, at + WIDTH), want, {
              relative: 1e-4,
              absolute: 1e-5,
            });
          }
          if (!isBackward) return;
          // Weights of a row add up to one: the gradients of all values add up to those of all results.
          const dv = output.subarray(3 * size, 4 * size);
          const total = (x: Float32Array, head: number) =>
            x.subarray(head * sequence * WIDTH, (head + 1) * sequence * WIDTH).reduce((a, b) => a + b, 0);
          for (let head = 0; head < HEADS; head++) {
            checkClose(
              `attention ${name}, values' gradient`,
              Float64Array.of(total(dv, head)),
              Float64Array.of(total(dy, head)),
              {
                relative: 0,
                absolute: 1e-5 * sequence,
              },
            );
          }
        },
      };
    },
  };
}

export function attentionWorkloads(): Workload[] {
  return sequences.flatMap((sequence) =>
    [false, true].flatMap((causal) =>
      (['forward', 'backward'] as const).map((pass) => workload(sequence, causal, pass)),
    ),
  );
}
