/** Elementwise chains, row-wise functions, a loss and an optimizer: work that memory limits. */
import { functional as F, fromTypedArray, optim, type Tensor } from 'hadal';
import { checkClose } from '../compare.js';
import { MismatchError } from '../errors.js';
import { readAll, realize } from '../realize.js';
import { classNumbers, inputSeed, uniformValues } from '../values.js';
import type { Round, Workload } from '../workload.js';

const ROWS = 4096;
const COLUMNS = 1024;
const BYTES = ROWS * COLUMNS * 4;

/** How many rows a formula computed apart checks in each round. */
const CHECKED_ROWS = 8;

interface RowFunction {
  readonly name: string;
  readonly ofTensor: (x: Tensor, weight: Tensor, bias: Tensor) => Tensor;
  /** The same of one row, in float64. */
  readonly ofRow: (x: Float64Array, weight: Float32Array, bias: Float32Array) => Float64Array;
}

/** Abramowitz and Stegun 1964, 7.1.26: within 1.5e-7. */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const poly =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - poly * Math.exp(-x * x));
}

function meanOf(row: Float64Array): number {
  return row.reduce((sum, x) => sum + x, 0) / row.length;
}

function softmaxOf(row: Float64Array): Float64Array {
  const powers = row.map((x) => Math.exp(x));
  const total = powers.reduce((sum, x) => sum + x, 0);
  return powers.map((x) => x / total);
}

const rowFunctions: readonly RowFunction[] = [
  {
    name: 'mul-add-relu',
    ofTensor: (x, _weight, bias) => x.mul(2).add(bias).relu(),
    ofRow: (x, _weight, bias) => x.map((v, i) => Math.max(2 * v + bias[i], 0)),
  },
  {
    name: 'sigmoid',
    ofTensor: (x) => x.sigmoid(),
    ofRow: (x) => x.map((v) => 1 / (1 + Math.exp(-v))),
  },
  {
    name: 'tanh',
    ofTensor: (x) => x.tanh(),
    ofRow: (x) => x.map(Math.tanh),
  },
  {
    name: 'chain of 10',
    ofTensor: (x, weight, bias) => {
      let y = x;
      for (let i = 0; i < 5; i++) y = y.mul(weight).add(bias);
      return y;
    },
    ofRow: (x, weight, bias) => {
      let y = x;
      for (let i = 0; i < 5; i++) y = y.map((v, j) => v * weight[j] + bias[j]);
      return y;
    },
  },
  {
    name: 'gelu',
    ofTensor: (x) => F.gelu(x),
    ofRow: (x) => x.map((v) => 0.5 * v * (1 + erf(v * Math.SQRT1_2))),
  },
  {
    name: 'softmax',
    ofTensor: (x) => x.softmax(1),
    ofRow: softmaxOf,
  },
  {
    name: 'layer-norm',
    ofTensor: (x, weight, bias) => {
      const centred = x.sub(x.mean(1, { keepdim: true }));
      const variance = centred.square().mean(1, { keepdim: true });
      return centred.div(variance.add(1e-5).sqrt()).mul(weight).add(bias);
    },
    ofRow: (x, weight, bias) => {
      const centre = meanOf(x);
      const centred = x.map((v) => v - centre);
      const deviation = Math.sqrt(meanOf(centred.map((v) => v * v)) + 1e-5);
      return centred.map((v, i) => (v / deviation) * weight[i] + bias[i]);
    },
  },
];

const tolerance = { relative: 2e-5, absolute: 2e-6 };

function rowWorkload({ name, ofTensor, ofRow }: RowFunction): Workload {
  return {
    suite: 'pointwise',
    case: name,
    repetitions: 1,
    work: { flops: 0, bytes: 3 * BYTES, footprint: 2 * BYTES },
    peer: { case: { kind: 'pointwise', name, rows: ROWS, columns: COLUMNS }, tolerance },
    prepare(round): Round {
      const values = uniformValues(inputSeed(round, 0, 0), ROWS * COLUMNS, 4);
      const weights = uniformValues(inputSeed(round, 0, 1), COLUMNS);
      const biases = uniformValues(inputSeed(round, 0, 2), COLUMNS);
      const x = fromTypedArray(values, [ROWS, COLUMNS]);
      const weight = fromTypedArray(weights, [COLUMNS]);
      const bias = fromTypedArray(biases, [COLUMNS]);
      const results: Tensor[] = [];
      return {
        run() {
          const y = ofTensor(x, weight, bias);
          realize(y);
          results.push(y);
        },
        output: () => readAll(results),
        check(output) {
          for (let i = 0; i < CHECKED_ROWS; i++) {
            const row = Math.floor((i * (ROWS - 1)) / (CHECKED_ROWS - 1));
            const part = [row * COLUMNS, (row + 1) * COLUMNS] as const;
            const want = ofRow(Float64Array.from(values.subarray(...part)), weights, biases);
            checkClose(`pointwise ${name}, row ${row}`, output.subarray(...part), want, tolerance);
          }
        },
      };
    },
  };
}

/** Loss and gradient of logits. */
function crossEntropy(): Workload {
  return {
    suite: 'pointwise',
    case: 'cross-entropy forward and backward',
    repetitions: 1,
    work: { flops: 0, bytes: 3 * BYTES, footprint: 2 * BYTES },
    peer: {
      case: { kind: 'pointwise', name: 'cross-entropy', rows: ROWS, columns: COLUMNS },
      tolerance: { relative: 1e-4, absolute: 1e-8 },
    },
    prepare(round): Round {
      const values = uniformValues(inputSeed(round, 0, 0), ROWS * COLUMNS, 4);
      const classes = classNumbers(inputSeed(round, 0, 1), ROWS, COLUMNS);
      const logits = fromTypedArray(values, [ROWS, COLUMNS], { requiresGrad: true });
      const target = fromTypedArray(classes, [ROWS]);
      const results: Tensor[] = [];
      return {
        run() {
          const loss = F.crossEntropy(logits, target);
          loss.backward();
          const { grad } = logits;
          if (grad === null) throw new TypeError('backward gave the logits no gradient');
          realize(loss, grad);
          results.push(grad, loss);
        },
        output: () => readAll(results),
        check(output) {
          for (const row of [0, ROWS >> 1, ROWS - 1]) {
            const part = [row * COLUMNS, (row + 1) * COLUMNS] as const;
            const want = softmaxOf(Float64Array.from(values.subarray(...part)));
            want[Number(classes[row])] -= 1;
            const scaled = want.map((g) => g / ROWS);
            checkClose(`cross-entropy, row ${row}`, output.subarray(...part), scaled, {
              relative: 1e-4,
              absolute: 1e-8,
            });
          }
        },
      };
    },
  };
}

const RATE = 1e-3;

/** One step over one large parameter; weights and moments go on from round to round. */
function adamw(parameters: number): Workload {
  const state: { weights: Tensor; optimizer: optim.AdamW }[] = [];
  return {
    suite: 'pointwise',
    case: `adamw of ${parameters / 1e6} M parameters`,
    repetitions: 1,
    // Weights, gradient and two moments are read; weights and moments are written.
    work: { flops: 0, bytes: 7 * 4 * parameters, footprint: 2 * 4 * parameters },
    peer: { case: { kind: 'adamw', size: parameters }, tolerance: { relative: 1e-4, absolute: 2e-5 } },
    prepare(round): Round {
      if (state.length === 0) {
        const weights = fromTypedArray(uniformValues(inputSeed(0, 0, 7), parameters), [parameters], {
          requiresGrad: true,
        });
        state.push({ weights, optimizer: new optim.AdamW([weights], { lr: RATE }) });
      }
      const [{ weights, optimizer }] = state;
      const gradient = uniformValues(inputSeed(round, 0, 0), parameters);
      const before = weights.dataSync();
      weights.grad = fromTypedArray(gradient, [parameters]);
      return {
        run: () => optimizer.step(),
        output: () => readAll([weights]),
        check(output) {
          // The first step moves each weight by the rate against the sign of its gradient, and decays it.
          if (round > 0) return;
          for (let i = 0; i < parameters; i += 9973) {
            const want = Number(before[i]) * (1 - RATE * 0.01) - RATE * Math.sign(gradient[i]);
            checkClose(`adamw, weight ${i}`, output.subarray(i, i + 1), Float64Array.of(want), {
              relative: 1e-4,
              absolute: 2e-5,
            });
          }
        },
      };
    },
  };
}

const VOCABULARY = 32_768;
const WIDTH = 256;
const TOKENS = 8192;

/** Rows of a table, and their gradients added up. */
function embedding(): Workload {
  const tableSize = VOCABULARY * WIDTH;
  const size = TOKENS * WIDTH;
  const tolerance = { relative: 1e-5, absolute: 1e-5 };
  return {
    suite: 'pointwise',
    case: 'embedding forward and backward',
    repetitions: 1,
    // Rows are read and written; the gradient of the table is cleared, read and written.
    work: {
      flops: 0,
      bytes: 4 * (3 * size + 2 * tableSize + 2 * size),
      footprint: 4 * (2 * size + tableSize),
    },
    peer: {
      case: { kind: 'embedding', vocabulary: VOCABULARY, width: WIDTH, tokens: TOKENS },
      tolerance,
    },
    prepare(round): Round {
      const table = uniformValues(inputSeed(round, 0, 0), tableSize);
      const tokens = classNumbers(inputSeed(round, 0, 1), TOKENS, VOCABULARY);
      const gradient = uniformValues(inputSeed(round, 0, 2), size);
      const weight = fromTypedArray(table, [VOCABULARY, WIDTH], { requiresGrad: true });
      const indices = fromTypedArray(tokens, [TOKENS]);
      const dy = fromTypedArray(gradient, [TOKENS, WIDTH]);
      const results: Tensor[] = [];
      return {
        run() {
          const y = F.embedding(indices, weight);
          y.backward(dy);
          const { grad } = weight;
          if (grad === null) throw new TypeError('backward gave the table no gradient');
          realize(y, grad);
          results.push(y, grad);
        },
        output: () => readAll(results),
        check(output) {
          const want = new Float64Array(tableSize);
          tokens.forEach((token, i) => {
            for (let j = 0; j < WIDTH; j++) want[Number(token) * WIDTH + j] += gradient[i * WIDTH + j];
          });
          checkClose('embedding, gradient', output.subarray(size), want, tolerance);
          for (const i of [0, TOKENS >> 1, TOKENS - 1]) {
            const from = Number(tokens[i]) * WIDTH;
            const row = Float64Array.from(table.subarray(from, from + WIDTH));
            checkClose(`embedding, row ${i}`, output.subarray(i * WIDTH, (i + 1) * WIDTH), row, tolerance);
          }
        },
      };
    },
  };
}

/** Which elements are dropped is a matter of the generator: no peer drops the same. */
function dropout(): Workload {
  const share = 0.25;
  return {
    suite: 'pointwise',
    case: 'dropout',
    repetitions: 1,
    work: { flops: 0, bytes: 3 * BYTES, footprint: 2 * BYTES },
    peer: null,
    prepare(round): Round {
      const values = uniformValues(inputSeed(round, 0, 0), ROWS * COLUMNS, 4);
      const x = fromTypedArray(values, [ROWS, COLUMNS]);
      const results: Tensor[] = [];
      return {
        run() {
          const y = F.dropout(x, share);
          realize(y);
          results.push(y);
        },
        output: () => readAll(results),
        check(output) {
          let dropped = 0;
          for (let i = 0; i < output.length; i++) {
            if (output[i] === 0 && values[i] !== 0) dropped++;
            else if (!(Math.abs(output[i] - values[i] / (1 - share)) <= 1e-5))
              throw new MismatchError(`dropout: element ${i} is ${output[i]}, from ${values[i]}`);
          }
          // Six standard deviations of a share of four million.
          if (Math.abs(dropped / output.length - share) > 0.0013)
            throw new MismatchError(
              `dropout: ${dropped} of ${output.length} were dropped, asked for ${share}`,
            );
        },
      };
    },
  };
}

export function pointwiseWorkloads(): Workload[] {
  return [
    ...rowFunctions.map(rowWorkload),
    crossEntropy(),
    dropout(),
    embedding(),
    adamw(2_500_000),
    adamw(25_000_000),
  ];
}
