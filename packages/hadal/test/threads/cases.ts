/** Computations of every kind of kernel, with gradients, for comparing bits. */
import { functional as F, fromTypedArray, scan, type Tensor } from '../../src/index.js';

/** Numbers whose sums round. */
export function some(seed: number, ...shape: number[]): Tensor {
  let state = seed;
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
  return fromTypedArray(data, shape, { requiresGrad: true });
}

/** Results, and the gradients of all tensors in them. */
export type Case = () => { readonly results: readonly Tensor[]; readonly inputs: readonly Tensor[] };

function withGradients(inputs: readonly Tensor[], ...results: readonly Tensor[]): ReturnType<Case> {
  results
    .map((r, i) => r.mul(some(99 + i, ...r.shape)).sum())
    .reduce((a, b) => a.add(b))
    .backward();
  return { results, inputs };
}

const product = (m: number, k: number, n: number): Case => {
  return () => {
    const [a, b, bias] = [some(1, m, k), some(2, k, n), some(3, n)];
    return withGradients([a, b, bias], a.matmul(b).add(bias).relu());
  };
};

export const cases: { readonly [name: string]: Case } = {
  'a product of odd sizes': product(37, 29, 53),
  'a high product': product(131, 40, 9),
  'a wide product': product(3, 40, 301),
  'a product deeper than a cache block': product(21, 700, 34),
  'a product with several cache blocks of rows': product(300, 17, 11),
  'a product of vectors': product(1, 33, 1),
  'a product without depth': product(5, 0, 6),
  'a product without rows': product(0, 5, 6),
  'a batch of products': () => {
    const [a, b] = [some(1, 3, 5, 9, 14), some(2, 3, 5, 14, 11)];
    return withGradients([a, b], a.matmul(b));
  },
  'a batch of products with one right-hand side': () => {
    const [a, b] = [some(1, 7, 5, 14), some(2, 14, 33)];
    return withGradients([a, b], a.matmul(b));
  },
  'a convolution': () => {
    const [x, w, bias] = [some(1, 3, 4, 11, 9), some(2, 6, 4, 3, 3), some(3, 6)];
    return withGradients([x, w, bias], F.conv2d(x, w, bias, { padding: 1, stride: 2 }).relu());
  },
  'convolutions of many channels': () => {
    const [x, w, bias] = [some(1, 2, 16, 13, 9), some(2, 32, 16, 3, 3), some(3, 32)];
    const [wide, square] = [some(4, 1, 32, 7, 46), some(5, 32, 32, 3, 3)];
    return withGradients(
      [x, w, bias, wide, square],
      F.conv2d(x, w, bias, { padding: 1 }).relu(),
      F.conv2d(wide, square, null, { padding: [0, 2] })
        .mul(2)
        .exp(),
      F.conv2d(some(6, 24, 48, 4, 4), some(7, 80, 48, 3, 3), null, { padding: 1 }),
    );
  },
  'convolutions cut along rows of tiles and along features': () => {
    const [x, w] = [some(1, 3, 16, 14, 11), some(2, 16, 16, 3, 3)];
    const [few, deep] = [some(3, 1, 16, 9, 7), some(4, 112, 16, 3, 3)];
    const options = { padding: 1 };
    return withGradients(
      [x, w, few, deep],
      F.conv2d(x, w, null, options),
      F.conv2d(few, deep, null, options).relu(),
    );
  },
  'gradients of kernels that are sums of parts': () => {
    const [x, w] = [some(1, 18, 1, 34, 31), some(2, 16, 1, 3, 3)];
    const [y, v] = [some(3, 21, 16, 14, 13), some(4, 48, 16, 3, 3)];
    return withGradients(
      [x, w, y, v],
      F.conv2d(x, w, null, { padding: 1 }),
      F.conv2d(y, v, null, { padding: 1 }),
    );
  },
  'a depthwise convolution and a pool': () => {
    const [x, w] = [some(1, 2, 8, 10, 10), some(2, 8, 1, 3, 3)];
    return withGradients([x, w], F.maxPool2d(F.conv2d(x, w, null, { groups: 8 }), 2));
  },
  'a depthwise convolution over narrow and wide rows': () => {
    const [x, y, w] = [some(1, 3, 5, 9, 7), some(2, 2, 5, 6, 45), some(3, 5, 1, 3, 3)];
    const of = (image: Tensor, stride: number): Tensor =>
      F.conv2d(image, w, null, { groups: 5, padding: 1, stride });
    return withGradients([x, y, w], of(x, 1), of(x, 2), of(y, 1).relu(), of(y, 2));
  },
  'convolutions of few channels and of few features': () => {
    const [x, w, bias] = [some(1, 3, 3, 25, 31), some(2, 24, 3, 3, 3), some(3, 24)];
    const of = (stride: number): Tensor => F.conv2d(x, w, bias, { padding: 1, stride }).relu();
    const [y, v] = [some(4, 2, 16, 22, 29), some(5, 8, 16, 2, 2)];
    return withGradients([x, w, bias, y, v], of(1), of(2), F.conv2d(y, v));
  },
  'maps with tails': () => {
    const x = [1, 3, 4, 5, 1023, 1027].map((n, i) => some(i, n));
    return withGradients(x, ...x.map((t) => t.mul(2).sin().exp()));
  },
  'a map over a view': () => {
    const x = some(1, 13, 7, 5);
    return withGradients([x], x.transpose(0, 2).mul(3).cos());
  },
  'rows and columns that are reduced': () => {
    const x = some(1, 33, 141);
    return withGradients([x], x.softmax(-1), x.sum(0), x.amax(1), x.var(0), x.logsumexp(0), x.mean());
  },
  attention: () => {
    const [q, k, v] = [some(1, 2, 3, 45, 8), some(2, 2, 3, 150, 8), some(3, 2, 3, 150, 5)];
    const mask = some(4, 45, 150).detach();
    return withGradients(
      [q, k, v],
      F.scaledDotProductAttention(q, k, v, { isCausal: true }),
      F.scaledDotProductAttention(q, k, v, { attnMask: mask.gt(0) }),
      F.scaledDotProductAttention(q.select(0, 1).select(0, 1), k, v, { attnMask: mask }),
    );
  },
  'normalised rows': () => {
    const [x, w] = [some(1, 9, 50), some(2, 50)];
    return withGradients([x, w], F.layerNorm(x, [50], { weight: w }));
  },
  'normalised rows, whose gradients are added up down columns beside': () => {
    const [x, w, b] = [some(1, 384, 257), some(2, 257), some(3, 257)];
    return withGradients([x, w, b], F.layerNorm(x, [257], { weight: w, bias: b }));
  },
  'a sum of all numbers': () => {
    const x = some(1, 129, 2049).detach();
    return { results: [x.square().sum(), x.exp().mean()], inputs: [] };
  },
  'running sums of rows and of columns': () => {
    const x = some(1, 9, 43);
    return withGradients([x], x.cumsum(0), x.cumsum(1), some(2, 3, 5, 21).cumsum(1));
  },
  'a recurrent layer': () => {
    const [h, x, w] = [some(1, 13, 16), some(2, 5, 13, 16), some(3, 16, 16)];
    const { carry, outputs } = scan(
      (now: Tensor, at: Tensor) => {
        const next = now.matmul(w).add(at).tanh();
        return [next, next] as const;
      },
      h,
      x,
    );
    return withGradients([h, x, w], carry, outputs);
  },
  'sorted rows and columns': () => {
    const x = some(1, 11, 150);
    return withGradients([x], x.sort(1).values, x.sort(0).values, x.topk(9, 1).values);
  },
  'looked up rows': () => {
    const weight = some(1, 20, 12);
    const at = fromTypedArray(
      BigInt64Array.from({ length: 31 }, (_, i) => BigInt((i * 7) % 20)),
      [31],
    );
    return withGradients([weight], F.embedding(at, weight));
  },
};

export function bitsOf(make: Case): readonly (readonly number[])[] {
  const { results, inputs } = make();
  const read = [...results, ...inputs.flatMap((t) => (t.grad === null ? [] : [t.grad]))];
  return read.map((t) => [...new Uint32Array((t.dataSync() as Float32Array).slice().buffer)]);
}
