/**
 * Very many calls with random sizes, behind `scripts/random-sizes.mjs`: each result has the right shape and, at a few random places, the
 * value of the definition in float64; memory stays where it was.
 */
import {
  cat,
  config,
  functional as F,
  fromTypedArray,
  setEngine,
  type Tensor,
  type TypedArray,
} from '../../src/index.js';

export interface RandomSizesOptions {
  readonly calls: number;
  readonly seed: number;
  readonly engine: 'native' | 'wasm';
  readonly threads: number;
  /** Stop after so many. */
  readonly failures: number;
  readonly print: (line: string) => void;
}

/** Mulberry32 of Tommy Ettinger: the same numbers on every machine. */
class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  /** Whole, from 0 to below `n`. */
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 2 ** 32) * n);
  }
  pick<T>(of: readonly T[]): T {
    return of[this.below(of.length)];
  }
  /** A size up to `most`: often tiny, often about a whole number of vectors, now and then nothing. */
  size(most: number): number {
    const kind = this.below(16);
    if (kind === 0) return 0;
    if (kind < 4) return Math.min(most, 1 + this.below(4));
    if (kind < 9) return Math.min(most, Math.max(1, 16 * this.below(most / 16 + 1) + this.below(5) - 2));
    return 1 + this.below(most);
  }
}

interface Call {
  readonly inputs: readonly { readonly shape: readonly number[]; readonly data: Float32Array }[];
  readonly shape: readonly number[];
  run(...inputs: Tensor[]): Tensor;
  /** The element at a place, and the sum of magnitudes that bounds its rounding. */
  at(place: readonly number[]): readonly [value: number, magnitude: number];
  readonly describe: string;
}

/** Where inputs are cut from. */
const POOL = 1 << 20;

/** Rounding allowed, of the magnitude: sums of some thousand, exponentials, quotients. */
const TOLERANCE = 4e-6;

class Maker {
  readonly dice: Dice;
  readonly #values: Float32Array;
  constructor(seed: number) {
    this.dice = new Dice(seed);
    this.#values = Float32Array.from({ length: POOL }, () => this.dice.below(4097) / 2048 - 1);
  }
  input(...shape: number[]): { readonly shape: readonly number[]; readonly data: Float32Array } {
    const count = shape.reduce((n, d) => n * d, 1);
    if (count > POOL) throw new RangeError(`an input of ${count} elements`);
    const from = this.dice.below(POOL - count + 1);
    return { shape, data: this.#values.subarray(from, from + count) };
  }
}

const dotOf = (
  count: number,
  a: (i: number) => number,
  b: (i: number) => number,
): readonly [number, number] => {
  let [sum, magnitude] = [0, 0];
  for (let i = 0; i < count; i++) {
    const product = a(i) * b(i);
    sum += product;
    magnitude += Math.abs(product);
  }
  return [sum, magnitude];
};

const calls: { readonly [name: string]: (m: Maker) => Omit<Call, 'describe'> } = {
  pointwise(m) {
    const [r, c] = [m.dice.size(120), m.dice.size(300)];
    const [x, b] = [m.input(r, c), m.input(c)];
    return {
      inputs: [x, b],
      shape: [r, c],
      run: (x, b) => x.mul(1.5).add(b).relu(),
      at: ([i, j]) => [Math.max(x.data[i * c + j] * 1.5 + b.data[j], 0), 3],
    };
  },
  exponential(m) {
    const n = m.dice.size(4000);
    const x = m.input(n);
    return {
      inputs: [x],
      shape: [n],
      run: (x) => x.tanh().add(x.sigmoid()).mul(x.exp()),
      at: ([i]) => [(Math.tanh(x.data[i]) + 1 / (1 + Math.exp(-x.data[i]))) * Math.exp(x.data[i]), 10],
    };
  },
  product(m) {
    const most = m.dice.below(20) === 0 ? 400 : 70;
    const [rows, columns, depth] = [m.dice.size(most), m.dice.size(most), m.dice.size(most)];
    const [isLeft, isRight] = [m.dice.below(2) === 1, m.dice.below(2) === 1];
    const a = isLeft ? m.input(depth, rows) : m.input(rows, depth);
    const b = isRight ? m.input(columns, depth) : m.input(depth, columns);
    return {
      inputs: [a, b],
      shape: [rows, columns],
      run: (a, b) => (isLeft ? a.t() : a).matmul(isRight ? b.t() : b),
      at: ([i, j]) =>
        dotOf(
          depth,
          (k) => a.data[isLeft ? k * rows + i : i * depth + k],
          (k) => b.data[isRight ? j * depth + k : k * columns + j],
        ),
    };
  },
  products(m) {
    const [batch, rows, columns, depth] = [8, 40, 50, 40].map((most) => m.dice.size(most));
    const [a, b, bias] = [m.input(batch, rows, depth), m.input(batch, depth, columns), m.input(columns)];
    return {
      inputs: [a, b, bias],
      shape: [batch, rows, columns],
      run: (a, b, bias) => a.matmul(b).add(bias),
      at: ([n, i, j]) => {
        const [sum, magnitude] = dotOf(
          depth,
          (k) => a.data[(n * rows + i) * depth + k],
          (k) => b.data[(n * depth + k) * columns + j],
        );
        return [sum + bias.data[j], magnitude + 1];
      },
    };
  },
  weightGradient(m) {
    const [batch, from, to] = [m.dice.size(80), m.dice.size(60), m.dice.size(60)];
    const [x, w] = [m.input(batch, from), m.input(from, to)];
    return {
      inputs: [x, w],
      shape: [from, to],
      run: (x, w) => {
        const weight = w.clone().requiresGrad_();
        x.matmul(weight).square().sum().backward();
        if (weight.grad === null) throw new Error('no gradient');
        return weight.grad;
      },
      at: ([i, j]) => {
        let [sum, magnitude] = [0, 0];
        for (let n = 0; n < batch; n++) {
          const [y, size] = dotOf(
            from,
            (k) => x.data[n * from + k],
            (k) => w.data[k * to + j],
          );
          sum += 2 * y * x.data[n * from + i];
          magnitude += 2 * size * Math.abs(x.data[n * from + i]);
        }
        return [sum, magnitude];
      },
    };
  },
  sumOfColumns(m) {
    const [r, c] = [m.dice.size(200), m.dice.size(200)];
    const x = m.input(r, c);
    return {
      inputs: [x],
      shape: [c],
      run: (x) => x.sum(0),
      at: ([j]) =>
        dotOf(
          r,
          (i) => x.data[i * c + j],
          () => 1,
        ),
    };
  },
  sumOfRows(m) {
    const [r, c] = [m.dice.size(60), m.dice.size(700)];
    const x = m.input(r, c);
    return {
      inputs: [x],
      shape: [r],
      run: (x) => x.square().sum(1),
      at: ([i]) =>
        dotOf(
          c,
          (j) => x.data[i * c + j],
          (j) => x.data[i * c + j],
        ),
    };
  },
  softmax(m) {
    const [r, c] = [m.dice.size(60), m.dice.size(300)];
    const x = m.input(r, c);
    return {
      inputs: [x],
      shape: [r, c],
      run: (x) => x.softmax(-1),
      at: ([i, j]) => {
        const row = x.data.subarray(i * c, i * c + c);
        let sum = 0;
        for (const v of row) sum += Math.exp(v);
        return [Math.exp(row[j]) / sum, 1];
      },
    };
  },
  layerNorm(m) {
    const [r, c] = [m.dice.size(60), m.dice.size(300)];
    const [x, w, b] = [m.input(r, c), m.input(c), m.input(c)];
    return {
      inputs: [x, w, b],
      shape: [r, c],
      run: (x, w, b) => F.layerNorm(x, [c], { weight: w, bias: b, eps: 0.01 }),
      at: ([i, j]) => {
        const row = Array.from(x.data.subarray(i * c, i * c + c));
        const mean = row.reduce((s, v) => s + v, 0) / c;
        const variance = row.reduce((s, v) => s + (v - mean) ** 2, 0) / c;
        return [((row[j] - mean) / Math.sqrt(variance + 0.01)) * w.data[j] + b.data[j], 40];
      },
    };
  },
  convolution(m) {
    const { dice } = m;
    const groups = dice.pick([1, 1, 1, 2, 4]);
    const isDepthwise = dice.below(4) === 0;
    const [samples, side, width] = [dice.below(4), 1 + dice.below(24), 1 + dice.below(40)];
    const taps = dice.pick([1, 2, 3, 3, 5]);
    const [stride, padding] = [1 + dice.below(2), dice.below(taps)];
    const from = isDepthwise ? 1 + dice.below(24) : groups * (1 + dice.below(8));
    const to = isDepthwise ? from : groups * (1 + dice.below(12));
    const own = isDepthwise ? from : groups;
    const each = from / own;
    const [h, v] = [side + taps, width + taps];
    const [outH, outW] = [h, v].map((s) => Math.floor((s + 2 * padding - taps) / stride) + 1);
    const [x, w, b] = [m.input(samples, from, h, v), m.input(to, each, taps, taps), m.input(to)];
    return {
      inputs: [x, w, b],
      shape: [samples, to, outH, outW],
      run: (x, w, b) => F.conv2d(x, w, b, { stride, padding, groups: own }),
      at: ([n, o, oy, ox]) => {
        let [sum, magnitude] = [b.data[o], Math.abs(b.data[o])];
        const first = Math.floor(o / (to / own)) * each;
        for (let c = 0; c < each; c++)
          for (let ky = 0; ky < taps; ky++)
            for (let kx = 0; kx < taps; kx++) {
              const [y, z] = [oy * stride + ky - padding, ox * stride + kx - padding];
              if (y < 0 || y >= h || z < 0 || z >= v) continue;
              const product =
                x.data[((n * from + first + c) * h + y) * v + z] *
                w.data[((o * each + c) * taps + ky) * taps + kx];
              sum += product;
              magnitude += Math.abs(product);
            }
        // Transforms of Winograd's kind mix what lies in a tile.
        return [sum, magnitude + 4 * each];
      },
    };
  },
  pool(m) {
    const [n, c, h, w] = [m.dice.below(3), m.dice.size(20), 3 + m.dice.below(30), 3 + m.dice.below(40)];
    const [taps, stride] = [2 + m.dice.below(2), 1 + m.dice.below(3)];
    const [outH, outW] = [h, w].map((s) => Math.floor((s - taps) / stride) + 1);
    const x = m.input(n, c, h, w);
    return {
      inputs: [x],
      shape: [n, c, outH, outW],
      run: (x) => F.maxPool2d(x, taps, { stride }),
      at: ([i, j, y, z]) => {
        let max = Number.NEGATIVE_INFINITY;
        for (let ky = 0; ky < taps; ky++)
          for (let kx = 0; kx < taps; kx++)
            max = Math.max(max, x.data[((i * c + j) * h + y * stride + ky) * w + z * stride + kx]);
        return [max, 0];
      },
    };
  },
  attention(m) {
    const [batch, heads, width] = [m.dice.below(3), 1 + m.dice.below(3), 1 + m.dice.below(40)];
    const [queries, keys] = [m.dice.size(50), 1 + m.dice.below(60)];
    const q = m.input(batch, heads, queries, width);
    const [k, v] = [m.input(batch, heads, keys, width), m.input(batch, heads, keys, width)];
    return {
      inputs: [q, k, v],
      shape: [batch, heads, queries, width],
      run: (q, k, v) => F.scaledDotProductAttention(q, k, v),
      at: ([n, h, i, f]) => {
        const at = n * heads + h;
        let [sum, value] = [0, 0];
        for (let j = 0; j < keys; j++) {
          const [score] = dotOf(
            width,
            (d) => q.data[(at * queries + i) * width + d],
            (d) => k.data[(at * keys + j) * width + d],
          );
          const weight = Math.exp(score / Math.sqrt(width));
          sum += weight;
          value += weight * v.data[(at * keys + j) * width + f];
        }
        return [value / sum, 10];
      },
    };
  },
  runningSum(m) {
    const [r, c] = [m.dice.size(60), m.dice.size(300)];
    const x = m.input(r, c);
    return {
      inputs: [x],
      shape: [r, c],
      run: (x) => x.cumsum(1),
      at: ([i, j]) =>
        dotOf(
          j + 1,
          (k) => x.data[i * c + k],
          () => 1,
        ),
    };
  },
  sorted(m) {
    const [r, c] = [m.dice.size(20), m.dice.size(200)];
    const x = m.input(r, c);
    return {
      inputs: [x],
      shape: [r, c],
      run: (x) => x.sort(-1).values,
      at: ([i, j]) => [Float32Array.from(x.data.subarray(i * c, i * c + c)).sort()[j], 0],
    };
  },
  rearranged(m) {
    const [a, b, c] = [m.dice.size(20), m.dice.size(30), m.dice.size(40)];
    const [x, y] = [m.input(a, b, c), m.input(a, b, c)];
    return {
      inputs: [x, y],
      shape: [2 * c, a, b],
      run: (x, y) =>
        cat([x.mul(2), y], 2)
          .permute([2, 0, 1])
          .contiguous(),
      at: ([k, i, j]) => [k < c ? 2 * x.data[(i * b + j) * c + k] : y.data[(i * b + j) * c + k - c], 0],
    };
  },
};

function makeCall(m: Maker, name: string): Call {
  const call = calls[name](m);
  const shapes = call.inputs.map(({ shape }) => `[${shape.join(', ')}]`);
  return { ...call, describe: `${name} of ${shapes.join(', ')} to [${call.shape.join(', ')}]` };
}

/** What is wrong with a result, or null. */
function difference(call: Call, result: Tensor, dice: Dice): string | null {
  if (result.shape.join() !== call.shape.join()) return `the shape is [${result.shape.join(', ')}]`;
  const data: TypedArray = result.dataSync();
  if (data.length === 0) return null;
  for (let check = 0; check < 3; check++) {
    const flat = check === 0 ? data.length - 1 : dice.below(data.length);
    const place: number[] = [];
    let rest = flat;
    for (let d = call.shape.length - 1; d >= 0; d--) {
      place.unshift(rest % call.shape[d]);
      rest = Math.floor(rest / call.shape[d]);
    }
    const [want, magnitude] = call.at(place);
    const got = Number(data[flat]);
    if (!(Math.abs(got - want) <= TOLERANCE * magnitude + 1e-6))
      return `at [${place.join(', ')}] it is ${got}, not ${want}`;
  }
  return null;
}

/** Residents of memory in MiB, after a collection if `--expose-gc` is there. */
function resident(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss / 2 ** 20;
}

/** What memory may grow by from a tenth of the calls to the end: plans and kernels of new sizes are kept up to a bound. */
const GROWTH = 1.5;

/** Gives how many calls were wrong, and one more if memory grew without end. */
export async function randomSizes(options: RandomSizesOptions): Promise<number> {
  config.numThreads = options.threads;
  await setEngine(options.engine);
  const maker = new Maker(options.seed);
  const names = Object.keys(calls);
  const started = performance.now();
  let failed = 0;
  let early = 0;
  let next = 0;
  for (let done = 0; done < options.calls && failed < options.failures; done++) {
    const call = makeCall(maker, names[done % names.length]);
    try {
      const inputs = call.inputs.map(({ data, shape }) => fromTypedArray(data, shape));
      const wrong = difference(call, call.run(...inputs), maker.dice);
      if (wrong !== null) throw new Error(wrong);
    } catch (error) {
      failed++;
      options.print(
        `call ${done}, ${call.describe}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    // Finalisers of native memory run between macrotasks.
    if (done % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (done + 1 < next) continue;
    const now = resident();
    if (next > 0 && early === 0) early = now;
    next += Math.ceil(options.calls / 20);
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    options.print(`${done + 1} calls, ${failed} wrong, ${now.toFixed(0)} MiB, ${seconds} s`);
  }
  const last = resident();
  options.print(`${options.calls} calls, ${failed} wrong, ${last.toFixed(0)} MiB`);
  if (early > 0 && last > GROWTH * early) {
    options.print(`memory grew from ${early.toFixed(0)} to ${last.toFixed(0)} MiB`);
    return failed + 1;
  }
  return failed;
}
