/** Convolutions of ResNet-50 and MobileNetV2: forward and both gradients, batches of 1 and 8. */
import { functional as F, fromTypedArray, nn, type Tensor } from 'hadal';
import { checkClose } from '../compare.js';
import type { ConvCase, ConvPass } from '../peer/peer.js';
import { readAll, realize } from '../realize.js';
import { inputSeed, uniformValues } from '../values.js';
import type { Round, Workload } from '../workload.js';

interface Layer {
  readonly net: 'resnet50' | 'mobilenetv2';
  readonly from: number;
  readonly to: number;
  readonly side: number;
  readonly kernel: number;
  readonly stride: number;
  readonly groups: number;
}

const resnet = (from: number, to: number, side: number, kernel: number, stride = 1): Layer => ({
  net: 'resnet50',
  from,
  to,
  side,
  kernel,
  stride,
  groups: 1,
});

const depthwise = (channels: number, side: number, stride = 1): Layer => ({
  net: 'mobilenetv2',
  from: channels,
  to: channels,
  side,
  kernel: 3,
  stride,
  groups: channels,
});

const pointwise = (from: number, to: number, side: number): Layer => ({
  ...resnet(from, to, side, 1),
  net: 'mobilenetv2',
});

const layers: readonly Layer[] = [
  resnet(3, 64, 224, 7, 2),
  resnet(64, 64, 56, 3),
  resnet(64, 256, 56, 1),
  resnet(256, 512, 56, 1, 2),
  resnet(128, 128, 28, 3),
  resnet(256, 256, 14, 3),
  resnet(1024, 256, 14, 1),
  resnet(512, 512, 7, 3),
  { ...resnet(3, 32, 224, 3, 2), net: 'mobilenetv2' },
  depthwise(96, 112, 2),
  depthwise(144, 56),
  depthwise(384, 14),
  depthwise(960, 7),
  pointwise(96, 24, 56),
  pointwise(320, 1280, 7),
];

const passes = ['forward', 'input', 'weight'] as const satisfies readonly ConvPass[];
const titles: { readonly [K in ConvPass]: string } = {
  forward: 'forward',
  input: 'input gradient',
  weight: 'weight gradient',
};

function nameOf(
  { net, from, to, side, kernel, stride, groups }: Layer,
  batch: number,
  pass: ConvPass,
): string {
  const kind = groups > 1 ? `${kernel}x${kernel} depthwise ${to}` : `${kernel}x${kernel} ${from}-${to}`;
  return `${net} ${kind} at ${side}${stride > 1 ? ` by ${stride}` : ''}, batch ${batch}, ${titles[pass]}`;
}

/** Elements of each result that are computed apart. */
const CHECKED = 12;

interface Arrays {
  readonly x: Float32Array;
  readonly w: Float32Array;
  readonly dy: Float32Array;
}

/** One element of the result, in float64, straight from the definition; with the sum of magnitudes that bounds its rounding. */
function elementOf(spec: ConvCase, { x, w, dy }: Arrays, index: number): readonly [number, number] {
  const { batch, from, to, side, kernel, stride, padding, groups, pass } = spec;
  const out = outSide(spec);
  const inGroup = from / groups;
  const outGroup = to / groups;
  const sum = [0, 0];
  const add = (n: number, o: number, i: number, oy: number, ox: number, ky: number, kx: number) => {
    const [iy, ix] = [oy * stride + ky - padding, ox * stride + kx - padding];
    if (iy < 0 || iy >= side || ix < 0 || ix >= side) return;
    const channel = Math.floor(o / outGroup) * inGroup + i;
    const atX = ((n * from + channel) * side + iy) * side + ix;
    const atW = ((o * inGroup + i) * kernel + ky) * kernel + kx;
    const atY = ((n * to + o) * out + oy) * out + ox;
    const [a, b] =
      pass === 'forward' ? [x[atX], w[atW]] : pass === 'input' ? [dy[atY], w[atW]] : [x[atX], dy[atY]];
    sum[0] += a * b;
    sum[1] += Math.abs(a * b);
  };
  const split = (value: number, sizes: readonly number[]): number[] => {
    const digits: number[] = [];
    for (let d = sizes.length - 1; d >= 0; d--) {
      digits.unshift(value % sizes[d]);
      value = Math.floor(value / sizes[d]);
    }
    return digits;
  };
  if (pass === 'forward') {
    const [n, o, oy, ox] = split(index, [batch, to, out, out]);
    for (let i = 0; i < inGroup; i++)
      for (let ky = 0; ky < kernel; ky++) for (let kx = 0; kx < kernel; kx++) add(n, o, i, oy, ox, ky, kx);
  } else if (pass === 'weight') {
    const [o, i, ky, kx] = split(index, [to, inGroup, kernel, kernel]);
    for (let n = 0; n < batch; n++)
      for (let oy = 0; oy < out; oy++) for (let ox = 0; ox < out; ox++) add(n, o, i, oy, ox, ky, kx);
  } else {
    const [n, channel, iy, ix] = split(index, [batch, from, side, side]);
    const group = Math.floor(channel / inGroup);
    for (let o = group * outGroup; o < (group + 1) * outGroup; o++) {
      for (let ky = 0; ky < kernel; ky++) {
        for (let kx = 0; kx < kernel; kx++) {
          const [oy, ox] = [(iy + padding - ky) / stride, (ix + padding - kx) / stride];
          const isOutput =
            Number.isInteger(oy) && Number.isInteger(ox) && oy >= 0 && ox >= 0 && oy < out && ox < out;
          if (isOutput) add(n, o, channel % inGroup, oy, ox, ky, kx);
        }
      }
    }
  }
  return [sum[0], sum[1]];
}

function outSide({ side, kernel, stride, padding }: ConvCase): number {
  return Math.floor((side + 2 * padding - kernel) / stride) + 1;
}

function workload(layer: Layer, batch: number, pass: ConvPass): Workload {
  const { from, to, side, kernel, stride, groups } = layer;
  const spec: ConvCase = {
    kind: 'conv',
    batch,
    from,
    to,
    side,
    kernel,
    stride,
    padding: kernel >> 1,
    groups,
    pass,
  };
  const out = outSide(spec);
  const [xShape, wShape, yShape] = [
    [batch, from, side, side],
    [to, from / groups, kernel, kernel],
    [batch, to, out, out],
  ];
  const [xSize, wSize, ySize] = [xShape, wShape, yShape].map((shape) => shape.reduce((n, d) => n * d, 1));
  const flops = (2 * ySize * from * kernel * kernel) / groups;
  const size = { forward: ySize, input: xSize, weight: wSize }[pass];
  // Everything crosses once; the result is fetched before it is written.
  const bytes = 4 * (xSize + wSize + ySize + size);
  const repetitions = Math.max(1, Math.min(20, Math.round(4e8 / flops)));
  const name = nameOf(layer, batch, pass);
  return {
    suite: 'conv',
    case: name,
    repetitions,
    work: { flops, bytes, footprint: bytes },
    peer: { case: spec, tolerance: { relative: 1e-4, absolute: 2e-6 * Math.sqrt(flops / size) * 3 } },
    prepare(round): Round {
      const values: Arrays[] = [];
      for (let r = 0; r < repetitions; r++) {
        values.push({
          x: uniformValues(inputSeed(round, r, 0), xSize),
          w: uniformValues(inputSeed(round, r, 1), wSize),
          dy: uniformValues(inputSeed(round, r, 2), pass === 'forward' ? 0 : ySize),
        });
      }
      const inputs = values.map(({ x, w, dy }) => ({
        x: fromTypedArray(x, xShape),
        w: fromTypedArray(w, wShape),
        dy: fromTypedArray(dy, pass === 'forward' ? [0] : yShape),
      }));
      const results: Tensor[] = [];
      return {
        run() {
          for (const { x, w, dy } of inputs) {
            const options = { stride, padding: spec.padding, groups };
            const result =
              pass === 'forward'
                ? F.conv2d(x, w, null, options)
                : pass === 'input'
                  ? nn.grad.conv2dInput(xShape, w, dy, options)
                  : nn.grad.conv2dWeight(x, wShape, dy, options);
            realize(result);
            results.push(result);
          }
        },
        output: () => readAll(results),
        check(output) {
          for (let i = 0; i < CHECKED; i++) {
            const r = i % repetitions;
            const index = Math.floor((i * (size - 1)) / (CHECKED - 1));
            const [want, magnitude] = elementOf(spec, values[r], index);
            checkClose(
              `${name}, element ${index}`,
              output.subarray(r * size + index, r * size + index + 1),
              Float64Array.of(want),
              { relative: 0, absolute: 2e-6 * magnitude + 1e-6 },
            );
          }
        },
      };
    },
  };
}

export function convWorkloads(): Workload[] {
  return layers.flatMap((layer) =>
    [1, 8].flatMap((batch) => passes.map((pass) => workload(layer, batch, pass))),
  );
}
