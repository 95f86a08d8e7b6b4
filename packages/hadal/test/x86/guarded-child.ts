/**
 * Runs kernels of all kinds in memory beside protected pages, one instruction set and one end of the memories a process, and says
 * before each what it is: an access outside of a buffer ends the process there.
 */

import { writeSync } from 'node:fs';
import fc from 'fast-check';
import { compileX86 } from '../../src/codegen/x86/index.js';
import {
  type DType,
  functional as F,
  fromTypedArray,
  noGrad,
  scan,
  slice,
  type Tensor,
} from '../../src/index.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import type { Level } from '../../src/runtime/native/features.js';
import { type Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import { dtypes } from '../support/dtypes.js';
import { type Edge, guardedNative, openGuarded } from '../support/guarded-memory.js';
import { runProgram } from '../support/program.js';
import { programs } from '../support/random-program.js';
import { bitsOf, type Case, some, cases as threadCases } from '../threads/cases.js';

const [level, edge, fault] = process.argv.slice(2) as [Level, Edge, string | undefined];

/** Synchronously, so that it is there when the process ends the hard way. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

function whole(dtype: DType, seed: number, ...shape: number[]): Tensor {
  let state = seed;
  const data = Int32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % 17;
  });
  return fromTypedArray(data, shape).to(dtype);
}

function read(tensors: readonly Tensor[]): void {
  for (const t of tensors) t.dataSync();
}

/** Lengths around whole vectors of all lanes, and one of more vectors than are reduced together. */
const lengths = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 65, 130];

function ofDType(dtype: DType): void {
  for (const n of lengths) {
    const [x, y] = [whole(dtype, 1, n), whole(dtype, 2, n)];
    const wide = whole(dtype, 3, 3, n);
    read([
      dtype === 'bool' ? x.logicalXor(y) : x.add(y).mul(x),
      x.eq(y),
      x.to('float32'),
      x.to('float16'),
      x.to('int8'),
      x.to('bool'),
      x.to('float64'),
      x.to('int64'),
      x.flip([0]),
      wide.t().contiguous(),
      wide.pad([1, 2]),
      wide.sum(1),
      wide.sum(0),
      wide.cumsum(1),
      wide.sort(1).values,
      wide.sort(0).values,
      wide.indexSelect(1, whole('int64', 4, 5).remainder(n)),
      wide.scatter(1, whole('int64', 5, 3, n).remainder(n), whole(dtype, 6, 3, n)),
    ]);
    if (dtype === 'bool') continue;
    read([
      wide.amax(1),
      wide.amin(0),
      wide.argmax(1),
      wide.prod(1),
      wide.where(wide.gt(5), whole(dtype, 9, 3, n)),
      wide.matmul(whole(dtype, 7, n, 5)),
      wide.t().matmul(whole(dtype, 8, 3, n)),
    ]);
  }
}

/** Products around the edges of register tiles, transposed operands among them. */
function products(): void {
  for (const m of [1, 5, 6, 7, 13, 25])
    for (const n of [1, 3, 8, 15, 16, 17, 31, 32, 33, 49])
      for (const k of [1, 7, 33]) {
        const [a, b] = [some(1, m, k).detach(), some(2, k, n).detach()];
        const [at, bt] = [some(1, k, m).detach().t(), some(2, n, k).detach().t()];
        read([a.matmul(b), at.matmul(b), a.matmul(bt), at.matmul(bt).relu()]);
      }
  // Wide ones, in blocks: several panels of columns side by side, few rows that are left of a panel.
  for (const [m, n, k] of [
    [13, 645, 70],
    [28, 520, 9],
    [290, 700, 5],
    [16, 200, 530],
  ]) {
    const [a, b] = [some(1, m, k).detach(), some(2, k, n).detach()];
    read([a.matmul(b), some(3, k, m).detach().t().matmul(b).relu()]);
  }
}

/** Weights in few rows at a time, and again and again, until they are packed once; and parts of them that are replaced. */
function weights(): void {
  for (const [m, n, k] of [
    [2, 67, 65],
    [8, 70, 259],
    [3, 65, 513],
    [12, 515, 33],
    [17, 49, 521],
    [9, 520, 514],
  ]) {
    const [x, w] = [some(1, m, k).detach(), some(2, n, k).detach()];
    for (let i = 0; i < 4; i++) F.linear(x, w).relu().dataSync();
    noGrad(() => {
      w.narrow(0, n - 1, 1).mul_(2);
      w.narrow(1, 0, 3).copy_(some(3, n, 3));
      w.index('...', slice(1, k, 3)).add_(1);
    });
    read([w, F.linear(x, w)]);
  }
}

const gradients = (inputs: readonly Tensor[], y: Tensor): ReturnType<Case> => {
  y.mul(some(9, ...y.shape).detach())
    .sum()
    .backward();
  return { results: [y], inputs };
};

const convolutions: { [name: string]: Case } = {};
for (const size of [5, 7, 16, 19])
  for (const kernel of [1, 3])
    for (const [stride, dilation, padding, groups] of [
      [1, 1, 0, 1],
      [1, 1, 1, 1],
      [2, 1, 1, 1],
      [1, 2, 2, 1],
      [1, 1, 1, 4],
      [2, 1, 0, 2],
    ])
      convolutions[`convolution ${size} by ${kernel}, ${stride} ${dilation} ${padding} ${groups}`] = () => {
        const [x, w] = [some(1, 2, 4, size, size + 1), some(2, 8, 4 / groups, kernel, kernel)];
        return gradients([x, w], F.conv2d(x, w, null, { stride, dilation, padding, groups }));
      };

for (const [h, w] of [
  [1, 1],
  [7, 7],
  [6, 16],
  [5, 17],
  [4, 33],
])
  for (const kernel of [3, 5, 7])
    for (const stride of [1, 2])
      convolutions[`depthwise convolution ${h} x ${w} by ${kernel}, ${stride}`] = () => {
        const [x, filters] = [some(1, 2, 3, h, w), some(2, 3, 1, kernel, kernel)];
        const options = { stride, padding: kernel >> 1, groups: 3 };
        return gradients([x, filters], F.conv2d(x, filters, null, options).relu());
      };

/** Operands that tiles read in place: windows in whole vectors, deep products, rows of gradients. */
for (const [channels, features, height, width, kernel, stride] of [
  [3, 16, 32, 64, 7, 2],
  [3, 8, 32, 61, 3, 2],
  [2, 24, 7, 30, 3, 1],
  [20, 12, 9, 13, 2, 1],
  [16, 14, 16, 32, 3, 1],
  [520, 25, 9, 15, 1, 1],
  [130, 520, 5, 7, 1, 1],
  [12, 26, 36, 40, 1, 1],
])
  convolutions[`convolution ${channels} to ${features} of ${width} by ${kernel}`] = () => {
    const [x, w] = [some(1, 2, channels, height, width), some(2, features, channels, kernel, kernel)];
    return gradients([x, w], F.conv2d(x, w, null, { stride, padding: kernel >> 1 }));
  };

const others: { [name: string]: Case } = {
  'every other element': () => {
    const x = some(1, 67);
    return gradients([x], x.unfold(0, 2, 2).sum(1));
  },
  'pools of three': () => {
    const x = some(1, 2, 3, 17, 19);
    return gradients([x], F.maxPool2d(x, 3, { stride: 2, padding: 1 }));
  },
  'transposed convolution': () => {
    const [x, w] = [some(1, 2, 3, 7, 9), some(2, 3, 5, 3, 3)];
    return gradients([x, w], F.convTranspose2d(x, w, null, { stride: 2, padding: 1 }));
  },
  'pieces put side by side': () => {
    const [x, y, z] = [1, 2, 3].map((seed) => some(seed, 5, 1, 37));
    return gradients(
      [x, y, z],
      x
        .pad([0, 0, 0, 2])
        .add(y.pad([0, 0, 1, 1]))
        .add(z.pad([0, 0, 2, 0])),
    );
  },
  'one query, many keys': () => {
    const [q, k, v] = [some(1, 1, 2, 1, 24), some(2, 1, 2, 67, 24), some(3, 1, 2, 67, 17)];
    return gradients([q, k, v], F.scaledDotProductAttention(q, k, v));
  },
  'a loss over classes': () => {
    const x = some(1, 13, 37);
    const loss = F.crossEntropy(x, whole('int64', 2, 13));
    loss.backward();
    return { results: [loss], inputs: [x] };
  },
};

for (const [batch, hidden] of [
  [1, 8],
  [7, 5],
  [8, 32],
  [13, 17],
  [20, 40],
])
  others[`gates of ${hidden} over steps of ${batch}`] = () => {
    const [x, h, c] = [some(1, 3, batch, 4 * hidden), some(2, batch, hidden), some(3, batch, hidden)];
    const [w, b] = [some(4, 4 * hidden, hidden), some(5, 4 * hidden)];
    const { carry, outputs } = scan(
      ([h, c], slice) => {
        const gates = slice.add(F.linear(h, w, b)).reshape([batch, 4, hidden]);
        const [i, f, g, o] = [0, 1, 2, 3].map((at) => gates.select(1, at));
        const next = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()));
        const out = o.sigmoid().mul(next.tanh());
        return [[out, next], out];
      },
      [h, c],
      x,
    );
    return gradients([x, h, c, w, b], outputs.add(carry[1]));
  };

function bench(space: Workspace, shares: number): void {
  const run = (name: string, body: () => void): void => {
    say(`${name}, ${shares} shares`);
    withWorkspace(space, body);
  };
  for (const table of [threadCases, convolutions, others])
    for (const [name, make] of Object.entries(table)) run(name, () => void bitsOf(make));
  run('products', products);
  run('weights', weights);
  for (const dtype of dtypes) run(dtype, () => ofDType(dtype));
}

function everything(): void {
  for (const shares of [1, 3]) bench(openGuarded(level, edge, shares), shares);
  const space = openGuarded(level, edge, 2);
  fc.sample(programs(16), { numRuns: 120, seed: 20260901 }).forEach((program, i) => {
    say(`random program ${i}`);
    runProgram(space, program);
  });
  say('done');
}

/** One access to the element at `at` of 5, or to memory that was given back: what the test itself is tested by. */
function oneAccess(kind: 'read' | 'write' | 'released', at: number): void {
  const { device, features } = guardedNative(level, edge, 1);
  const b = new L3Builder('one access', 1);
  const buffer = b.buffer('f32', 'readwrite');
  const index = b.index(0);
  if (kind === 'write') b.store(buffer, index, b.constant('f32', 1), { offset: at });
  else b.store(buffer, index, b.load(buffer, index, { offset: at }));
  const memory = device.allocate(20);
  const program = device.program([
    {
      executable: device.load('one access', compileX86(b.finish(), features).code),
      layout: { buffers: 1, sizes: 0, scalars: 0 },
      blocks: [{ buffers: [{ buffer: 0, byteOffset: 0 }], sizes: [], scalars: [] }],
    },
  ]);
  program.bind([memory], []);
  if (kind === 'released') device.release(memory);
  say('ready');
  program.launch();
  say('done');
}

if (fault === undefined) everything();
else {
  const [kind, at] = fault.split(':');
  oneAccess(kind as 'read' | 'write' | 'released', Number(at));
}
