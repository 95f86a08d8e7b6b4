/** Inputs of every kind of case, as plain arrays with shapes; the same numbers as hadal's and PyTorch's. */
import { classNumbers, inputSeed, uniformValues } from '../dist/values.js';

const count = (shape) => shape.reduce((n, d) => n * d, 1);

/** Class numbers as 32-bit integers, which is what JavaScript frameworks index with. */
function classes(seed, shape, number) {
  return { data: Int32Array.from(classNumbers(seed, count(shape), number), Number), shape };
}

export function floats(seed, shape, scale = 1) {
  return { data: uniformValues(seed, count(shape), scale), shape };
}

/** Floats of a shape, or class numbers of a shape where it is said how many classes there are. */
function values({ shape, classes: number }, seed) {
  return number === undefined ? floats(seed, shape) : classes(seed, shape, number);
}

export const inputValues = {
  gemm({ batch, m, n, k, transA, transB }, round, repetition) {
    const lead = batch === 1 ? [] : [batch];
    return [
      floats(inputSeed(round, repetition, 0), [...lead, ...(transA ? [k, m] : [m, k])]),
      floats(inputSeed(round, repetition, 1), [...lead, ...(transB ? [n, k] : [k, n])]),
    ];
  },

  /** Input, filter and, for gradients, the gradient of the result. */
  conv({ batch, from, to, side, kernel, stride, padding, groups, pass }, round, repetition) {
    const out = Math.floor((side + 2 * padding - kernel) / stride) + 1;
    const shapes = [
      [batch, from, side, side],
      [to, from / groups, kernel, kernel],
      [batch, to, out, out],
    ];
    return shapes
      .slice(0, pass === 'forward' ? 2 : 3)
      .map((shape, i) => floats(inputSeed(round, repetition, i), shape));
  },

  /** Queries, keys, values, and the gradient of the result. */
  attention({ heads, sequence, width, pass }, round, repetition) {
    const inputs = pass === 'forward' ? [0, 1, 2] : [0, 1, 2, 3];
    return inputs.map((i) =>
      floats(inputSeed(round, repetition, i), [1, heads, sequence, width], i < 2 ? 2 : 1),
    );
  },

  /** Rows, and a scale and a shift of each column. */
  rows({ rows, columns }, round) {
    return [
      floats(inputSeed(round, 0, 0), [rows, columns], 4),
      floats(inputSeed(round, 0, 1), [columns]),
      floats(inputSeed(round, 0, 2), [columns]),
    ];
  },

  chain: ({ size }, round, repetition) => [0, 1].map((i) => floats(inputSeed(round, repetition, i), [size])),

  input({ input }, round, repetition) {
    return values(input, inputSeed(round, repetition, 0));
  },

  /** One batch of training: `input` is floats of a shape, or class numbers of a shape. */
  batch({ input, target }, round, repetition) {
    const seed = (i) => inputSeed(round, repetition, i);
    return [values(input, seed(0)), classes(seed(1), target.shape, target.classes)];
  },

  /** The first values of a model's parameters, in PyTorch's order and layout. */
  parameters({ parameters }) {
    return parameters.map(({ shape, scale, offset }, i) => {
      const { data } = floats(inputSeed(0, 0, 10 + i), shape, scale);
      return { data: offset === 0 ? data : data.map((x) => x + offset), shape };
    });
  },
};
