import { it } from 'vitest';
import * as h from '../../src/index.js';

const tryIt = (name: string, f: () => unknown) => {
  try {
    console.log(
      name,
      JSON.stringify(f(), (_k, v) => (typeof v === 'bigint' ? `${v}n` : Number.isNaN(v) ? 'NaN' : v)),
    );
  } catch (e) {
    console.log(name, 'THREW', (e as Error).name, (e as Error).message.slice(0, 200));
  }
};
it('x', async () => {
  for (const name of ['reference', 'native', 'wasm'] as const) {
    await h.setEngine(name);
    console.log('=====', name);
    const fresh = async () => h.setEngine(name);
    tryIt('full([],7)', () => h.full([], 7).tolistSync());
    tryIt('0-d fill_', () => {
      const x = h.tensor(3);
      x.fill_(2);
      return x.tolistSync();
    });
    tryIt('0-d matmul fill_ add', () => {
      const x = h.tensor([1, 2]);
      const y = x.matmul(x);
      y.fill_(2);
      return [y.add(1).tolistSync(), y.tolistSync()];
    });
    tryIt('fill_ int64 0.5', () => {
      const x = h.tensor([3n, 4n]);
      x.fill_(0.5);
      return x.tolistSync();
    });
    tryIt('after that', () => h.tensor([3, 4]).add(1).tolistSync());
    await fresh();
    tryIt('full uint8 300', () => h.full([2], 300, { dtype: 'uint8' }).tolistSync());
    tryIt('full uint8 300 fused', () => h.full([2], 300, { dtype: 'uint8' }).to('float32').tolistSync());
    tryIt('full uint8 -1 fused', () => h.full([2], -1, { dtype: 'uint8' }).to('float32').tolistSync());
    tryIt('full int32 1.5 fused', () => h.full([2], 1.5, { dtype: 'int32' }).to('float32').tolistSync());
    tryIt('full int32 3e9', () => h.full([2], 3e9, { dtype: 'int32' }).to('float32').tolistSync());
    tryIt('full bool 2', () => h.full([2], 2, { dtype: 'bool' }).tolistSync());
    tryIt('full bool 2 sum', () => h.full([2], 2, { dtype: 'bool' }).sum().tolistSync());
    tryIt('full bool .5', () => h.full([2], 0.5, { dtype: 'bool' }).tolistSync());
    tryIt('sigmoid grad -100', () => {
      const x = h.tensor([-100, -80, 0, 100], { requiresGrad: true });
      x.sigmoid().sum().backward();
      return [x.sigmoid().tolistSync(), x.grad?.tolistSync()];
    });
    tryIt('cast f->i', () => h.tensor([1e10, -1e10, NaN, Infinity, 2.9, -2.9]).to('int32').tolistSync());
    tryIt('cast f->i64', () => h.tensor([1e19, -1e10, NaN, Infinity, 2.9, -2.9]).to('int64').tolistSync());
    tryIt('cast f->u8', () => h.tensor([300, -1, 256.5, 2.9, -2.9]).to('uint8').tolistSync());
    tryIt('i64->f32', () =>
      h
        .tensor([2n ** 60n + 2n ** 36n + 1n])
        .to('float32')
        .tolistSync(),
    );
    tryIt('i64->f32 vs', () => 2 ** 60 + 2 ** 37);
    tryIt('relu -0/nan', () => {
      const x = h.tensor([-0, NaN, -1, 2], { requiresGrad: true });
      const y = x.relu();
      y.sum().backward();
      return [
        Array.from(y.dataSync() as Float32Array, (v) => (Object.is(v, -0) ? '-0' : `${v}`)),
        x.grad?.tolistSync(),
      ];
    });
    tryIt('exp', () =>
      Array.from(
        h
          .tensor([0, -0, 88.72, 88.8, -87, -88, -100, -104, -200, Infinity, -Infinity, NaN, 1e-40])
          .exp()
          .dataSync(),
        String,
      ),
    );
    tryIt('log', () =>
      Array.from(h.tensor([0, -0, 1, -1, 1e-40, 1e38, Infinity, -Infinity, NaN]).log().dataSync(), String),
    );
    tryIt('tanh', () =>
      Array.from(
        h.tensor([0, -0, 1e-40, 1e-5, 9, 20, -20, 100, Infinity, -Infinity, NaN]).tanh().dataSync(),
        String,
      ),
    );
    tryIt('erf', () =>
      Array.from(
        h.tensor([0, -0, 1e-40, 1e-5, 0.5, 3, 4, -20, 100, Infinity, -Infinity, NaN]).erf().dataSync(),
        String,
      ),
    );
    tryIt('sqrt', () =>
      Array.from(h.tensor([0, -0, 1e-40, -1, Infinity, NaN]).sqrt().dataSync(), (v) =>
        Object.is(v, -0) ? '-0' : String(v),
      ),
    );
    tryIt('denormal mul', () => Array.from(h.tensor([1e-40, 1e-38]).mul(0.5).dataSync(), String));
    tryIt('recip', () => Array.from(h.tensor([0, -0, 1e-40, Infinity, NaN]).reciprocal().dataSync(), String));
    tryIt('sum []', () => h.ones([2, 3]).sum([]).tolistSync());
    tryIt('add_ zero-size', () => {
      const x = h.zeros([0, 1]);
      x.add_(h.zeros([1, 0]));
      return x.shape;
    });
    tryIt('bool add_ 1', () => {
      const x = h.tensor([true, false]);
      x.add_(1);
      return x.tolistSync();
    });
    tryIt('u8 > -1', () => h.fromTypedArray(Uint8Array.of(0, 5), [2]).gt(-1).tolistSync());
    tryIt('i32 abs min', () =>
      h
        .fromTypedArray(Int32Array.of(-(2 ** 31)), [1])
        .abs()
        .tolistSync(),
    );
    tryIt('amax nan', () => String(h.tensor([1, NaN, 3]).amax().itemSync()));
    tryIt('argmax nan', () => h.tensor([1, NaN, 3, NaN]).argmax().itemSync());
    tryIt('argmax -inf', () => h.tensor([-Infinity, -Infinity]).argmax().itemSync());
    tryIt('argmax nan first', () =>
      h
        .tensor([
          [NaN, 1],
          [2, NaN],
        ])
        .argmax(1)
        .tolistSync(),
    );
    tryIt('i64 add inf', () => h.tensor([1n]).add(Infinity).tolistSync()?.toString());
    tryIt('i64 mul overflow', () =>
      h
        .tensor([2n ** 62n])
        .mul(4)
        .add(1)
        .tolistSync()
        ?.toString(),
    );
    tryIt('i64 big scalar', () =>
      h
        .tensor([2n ** 62n])
        .add(1n)
        .tolistSync()
        ?.toString(),
    );
    tryIt('i64 big scalar bigint', () =>
      h
        .tensor([1n])
        .add(2n ** 62n + 1n)
        .tolistSync()
        ?.toString(),
    );
    tryIt('i64 neg', () => h.tensor([5n, -5n, 0n]).neg().relu().abs().tolistSync());
    tryIt('i32 sum', () =>
      h
        .fromTypedArray(Int32Array.of(2 ** 31 - 1, 2 ** 31 - 1), [2])
        .sum()
        .tolistSync(),
    );
    tryIt('u8 neg', () => h.fromTypedArray(Uint8Array.of(1, 255), [2]).neg().tolistSync());
    tryIt('u8 mul', () => h.fromTypedArray(Uint8Array.of(16, 255), [2]).mul(17).tolistSync());
    tryIt('u8 fused', () => h.fromTypedArray(Uint8Array.of(16, 255), [2]).mul(17).to('int32').tolistSync());
    tryIt('mm K=0', () =>
      h
        .zeros([2, 0])
        .matmul(h.zeros([0, 3]))
        .tolistSync(),
    );
    tryIt('mm M=0', () => h.zeros([0, 2]).matmul(h.zeros([2, 3])).shape);
  }
});
