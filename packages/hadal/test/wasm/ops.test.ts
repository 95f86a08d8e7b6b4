/** Every L3 op on every type it takes, on one lane and on four, against the interpreter. */
import { describe, expect, it } from 'vitest';
import { compileWasm } from '../../src/codegen/wasm/index.js';
import type {
  BinaryOp,
  CompareOp,
  HorizontalOp,
  Kind,
  MemType,
  ShiftOp,
  UnaryOp,
  Value,
} from '../../src/kernel/l3.js';
import { kindHasVectors, memBytes, memKind } from '../../src/kernel/l3.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import { bytesOf, expectSame, runReference, runWasm } from './harness.js';
import { type DataKind, data, floats, memOf } from './op-data.js';

/** out[i] = f(a[i], b[i]) over all pairs. */
function check(
  kind: DataKind,
  lanes: number,
  out: MemType,
  f: (b: L3Builder, x: Value, y: Value) => Value,
  limit: (bytes: Uint8Array) => Uint8Array = (x) => x,
): void {
  const [a, c, count] = data(kind);
  const b = new L3Builder('op', lanes);
  const [ba, bc, bo] = [b.buffer(memOf[kind], 'read'), b.buffer(memOf[kind], 'read'), b.buffer(out, 'write')];
  const n = b.size();
  b.forEach(b.index(0), n, lanes, (i) => {
    b.store(bo, i, f(b, b.load(ba, i, { lanes }), b.load(bc, i, { lanes })));
  });
  expectSame(b.finish(), {
    buffers: [limit(a), limit(c), new Uint8Array(count * memBytes[out])],
    sizes: [count],
  });
}

function lanesOf(kind: Kind): number[] {
  return kindHasVectors[kind] ? [1, 4] : [1];
}

// wasm has no float16.
const unary: { readonly [K in Exclude<UnaryOp, 'half'>]: readonly DataKind[] } = {
  neg: ['f32', 'f64', 'i32', 'i64'],
  abs: ['f32', 'f64', 'i32', 'i64'],
  sqrt: ['f32', 'f64'],
  floor: ['f32', 'f64'],
  round: ['f32', 'f64'],
  not: ['mask', 'i32', 'i64'],
};
/** `scale` is for targets that have it as an instruction; shifts are below. */
const binary: { readonly [K in Exclude<BinaryOp, 'scale' | ShiftOp>]: readonly DataKind[] } = {
  add: ['i32', 'i64', 'f32', 'f64'],
  sub: ['i32', 'i64', 'f32', 'f64'],
  mul: ['i32', 'i64', 'f32', 'f64'],
  div: ['i32', 'i64', 'f32', 'f64'],
  rem: ['i32', 'i64'],
  min: ['i32', 'i64', 'f32', 'f64'],
  max: ['i32', 'i64', 'f32', 'f64'],
  and: ['i32', 'i64', 'mask'],
  or: ['i32', 'i64', 'mask'],
  xor: ['i32', 'i64', 'mask'],
};

function cases<Op extends string>(
  table: { readonly [K in Op]: readonly DataKind[] },
): [Op, DataKind, number][] {
  const ops = Object.keys(table) as Op[];
  return ops.flatMap((op) =>
    table[op].flatMap((kind) => lanesOf(kind).map((l): [Op, DataKind, number] => [op, kind, l])),
  );
}

describe('unary', () => {
  it.each(cases(unary))('%s of %s on %i lanes', (fn, kind, lanes) => {
    check(kind, lanes, memOf[kind], (b, x) => b.unary(fn, x));
  });
});

describe('binary', () => {
  it.each(cases(binary))('%s of %s on %i lanes', (fn, kind, lanes) => {
    check(kind, lanes, memOf[kind], (b, x, y) => b.binary(fn, x, y));
  });
  it.each(cases(binary))('%s of %s on %i lanes with computed operands', (fn, kind, lanes) => {
    check(kind, lanes, memOf[kind], (b, x, y) => {
      const z = kind === 'mask' ? b.unary('not', y) : b.unary('neg', y);
      return b.binary(fn, z, b.binary(fn, x, z));
    });
  });
  const divisors = [0, 1, -1, 2, 7, -10, -(2 ** 31)];
  it.each(
    (['div', 'rem'] as const).flatMap((fn) =>
      (['i32', 'i64'] as const).flatMap((kind) => lanesOf(kind).map((l) => [fn, kind, l] as const)),
    ),
  )('%s of %s on %i lanes by constants', (fn, kind, lanes) => {
    for (const divisor of divisors)
      check(kind, lanes, memOf[kind], (b, x) => b.binary(fn, x, b.like(x, divisor)));
  });
  it('gives the second operand of min and max when either is NaN', () => {
    for (const lanes of [1, 4]) {
      const b = new L3Builder('nan', lanes);
      const [x, y, o] = [b.buffer('f32', 'read'), b.buffer('f32', 'read'), b.buffer('f32', 'write')];
      b.forEach(b.index(0), b.index(4), lanes, (i) => {
        b.store(o, i, b.min(b.load(x, i, { lanes }), b.load(y, i, { lanes })));
      });
      const [, , out] = runWasm(b.finish(), {
        buffers: [
          bytesOf(Float32Array.of(Number.NaN, 1, -0, 0)),
          bytesOf(Float32Array.of(2, Number.NaN, 0, -0)),
          new Uint8Array(16),
        ],
      });
      expect([...new Float32Array(out.buffer)]).toEqual([2, Number.NaN, 0, -0]);
    }
  });
});

describe('compare', () => {
  const fns: CompareOp[] = ['eq', 'ne', 'lt', 'le'];
  it.each(
    fns.flatMap((fn) =>
      (['f32', 'f64', 'i32', 'i64'] as const).flatMap((k) => lanesOf(k).map((l) => [fn, k, l] as const)),
    ),
  )('%s of %s on %i lanes', (fn, kind, lanes) =>
    check(kind, lanes, 'bool', (b, x, y) => b.compare(fn, x, y)),
  );
});

describe('select', () => {
  it.each((['f32', 'f64', 'i32', 'i64'] as const).flatMap((k) => lanesOf(k).map((l) => [k, l] as const)))(
    'of %s on %i lanes',
    (kind, lanes) => {
      check(kind, lanes, memOf[kind], (b, x, y) => b.select(b.compare('lt', x, y), b.mul(x, x), y));
    },
  );
  it.each([1, 4])('of masks on %i lanes', (lanes) => {
    check('mask', lanes, 'bool', (b, x, y) => b.select(x, b.unary('not', y), y));
  });
});

describe('shift', () => {
  const fns: ShiftOp[] = ['shl', 'shr', 'sar'];
  const ofConstants = [...fns, 'rol'] as const;
  it.each(ofConstants.flatMap((fn) => [0, 1, 13, 31].flatMap((n) => [1, 4].map((l) => [fn, n, l] as const))))(
    '%s by %i on %i lanes',
    (fn, n, lanes) => check('i32', lanes, 'i32', (b, x) => b.shift(fn, x, n)),
  );
  it.each(fns.flatMap((fn) => [0, 1, 31, 32, 63].map((n) => [fn, n] as const)))('%s of i64 by %i', (fn, n) =>
    check('i64', 1, 'i64', (b, x) => b.shift(fn, x, n)),
  );
  const ofIntegers = fns.flatMap((fn) =>
    (['i32', 'i64'] as const).flatMap((k) => lanesOf(k).map((l) => [fn, k, l] as const)),
  );
  it.each(ofIntegers)('%s of %s on %i lanes by varying amounts', (fn, kind, lanes) => {
    const within = (b: L3Builder, y: Value): Value => b.binary('and', y, b.like(y, kind === 'i64' ? 63 : 31));
    check(kind, lanes, kind, (b, x, y) => b.binary(fn, x, within(b, y)));
    check(kind, lanes, kind, (b, x, y) => b.add(b.binary(fn, b.unary('not', x), within(b, y)), within(b, y)));
  });
  it.each(ofIntegers)('%s of %s on %i lanes by one amount', (fn, kind, lanes) => {
    check(kind, lanes, kind, (b, x) => b.binary(fn, x, b.like(x, 13)));
    check(kind, lanes, kind, (b, x, y) => {
      const by = b.binary('and', b.horizontal('add', y), b.constant(kind, 31));
      return b.binary(fn, x, lanes > 1 ? b.broadcast(by) : by);
    });
  });
});

describe('fma', () => {
  it.each([1, 4])('on %i lanes', (lanes) => {
    check('f32', lanes, 'f32', (b, x, y) => b.fma(x, y, b.mul(y, y)));
  });
  it('of f64', () => {
    check('f64', 1, 'f64', (b, x, y) => b.fma(x, y, b.mul(y, y)));
    check('f64', 1, 'f64', (b, x, y) => b.fma(x, y, b.unary('neg', b.mul(x, y))));
  });
});

/** Truncation is unspecified out of range, so those cases see only what fits. */
function clampFloats(bytes: Uint8Array): Uint8Array {
  return bytesOf(new Float32Array(bytes.slice().buffer).map((x) => (Math.abs(x) < 2 ** 31 ? x : 3.5)));
}

function clampDoubles(bytes: Uint8Array): Uint8Array {
  return bytesOf(new Float64Array(bytes.slice().buffer).map((x) => (Math.abs(x) < 2 ** 31 ? x : 3.5)));
}

function smallLongs(bytes: Uint8Array): Uint8Array {
  return bytesOf(new BigInt64Array(bytes.slice().buffer).map((x) => BigInt.asIntN(50, x)));
}

describe('convert', () => {
  const pairsOfKinds: [DataKind, DataKind, number[]][] = [
    ['f32', 'i32', [1, 4]],
    ['i32', 'f32', [1, 4]],
    ['mask', 'i32', [1, 4]],
    ['mask', 'f32', [1, 4]],
    ['i32', 'i64', [1]],
    ['i64', 'i32', [1]],
    ['f32', 'i64', [1]],
    ['i64', 'f32', [1]],
    ['mask', 'i64', [1]],
    ['f32', 'f64', [1]],
    ['f64', 'f32', [1]],
    ['i32', 'f64', [1]],
    ['f64', 'i32', [1]],
    ['i64', 'f64', [1]],
    ['f64', 'i64', [1]],
    ['mask', 'f64', [1]],
  ];
  it.each(pairsOfKinds.flatMap(([from, to, lanes]) => lanes.map((l) => [from, to, l] as const)))(
    '%s to %s on %i lanes',
    (from, to, lanes) => {
      const truncated = to === 'i32' || to === 'i64';
      const limit =
        from === 'f32'
          ? clampFloats
          : from === 'f64' && truncated
            ? clampDoubles
            : from === 'i64' && to === 'f32'
              ? smallLongs
              : undefined;
      check(from, lanes, memOf[to], (b, x) => b.convert(to, x), limit);
    },
  );
  it.each(['i32', 'i64', 'f32', 'f64'] as const)('index to %s', (to) => {
    const b = new L3Builder('index', 1);
    const o = b.buffer(to, 'write');
    b.forEach(b.index(0), b.size(), 1, (i) => b.store(o, i, b.convert(to, b.mul(i, b.index(100003)))));
    expectSame(b.finish(), {
      buffers: [new Uint8Array(8 * memBytes[to])],
      sizes: [8],
    });
  });
  it.each(['i32', 'i64'] as const)('%s to index', (from) => {
    const b = new L3Builder('gather', 1);
    const [x, at, o] = [b.buffer('f32', 'read'), b.buffer(from, 'read'), b.buffer('f32', 'write')];
    b.forEach(b.index(0), b.size(), 1, (i) => b.store(o, i, b.load(x, b.convert('index', b.load(at, i)))));
    const indices = from === 'i32' ? Int32Array.of(3, 0, 2, 1) : BigInt64Array.of(3n, 0n, 2n, 1n);
    expectSame(b.finish(), {
      buffers: [bytesOf(Float32Array.of(10, 11, 12, 13)), bytesOf(indices), new Uint8Array(16)],
      sizes: [4],
    });
  });
  it('never traps on truncation', () => {
    for (const lanes of [1, 4]) {
      const b = new L3Builder('trunc', lanes);
      const [x, o] = [b.buffer('f32', 'read'), b.buffer('i32', 'write')];
      b.forEach(b.index(0), b.index(floats.length), lanes, (i) =>
        b.store(o, i, b.convert('i32', b.load(x, i, { lanes }))),
      );
      const [, out] = runWasm(b.finish(), {
        buffers: [bytesOf(Float32Array.from(floats)), new Uint8Array(floats.length * 4)],
      });
      expect(new Int32Array(out.buffer)[floats.indexOf(3.75)]).toBe(3);
    }
  });
});

describe('bitcast', () => {
  it.each([1, 4])('on %i lanes', (lanes) => {
    check('i32', lanes, 'i32', (b, x, y) => b.bitcast('i32', b.bitcast('f32', b.binary('xor', x, y))));
    check('f32', lanes, 'i32', (b, x, y) => b.bitcast('i32', b.max(x, y)), clampFloats);
  });
  it('of 64 bits', () => {
    check('i64', 1, 'i64', (b, x, y) => b.bitcast('i64', b.bitcast('f64', b.binary('xor', x, y))));
    check('f64', 1, 'i64', (b, x, y) => b.bitcast('i64', b.max(x, y)), clampDoubles);
  });
});

describe('broadcast and ramp', () => {
  it.each(['f32', 'i32', 'mask'] as const)('%s, loaded, computed and constant', (kind) => {
    const b = new L3Builder('broadcast', 4);
    const [x, o] = [b.buffer(memOf[kind], 'read'), b.buffer(memOf[kind], 'write')];
    b.forEach(b.index(0), b.index(16), 4, (i) => {
      const once = b.broadcast(b.load(x, i, { offset: 2 }));
      const loaded = b.load(x, i, { offset: 1 });
      const twice = kind === 'mask' ? b.unary('not', loaded) : b.unary('neg', loaded);
      const constant = b.like(once, kind === 'f32' ? -2.5 : 1);
      b.store(
        o,
        i,
        kind === 'mask'
          ? b.binary('xor', once, b.binary('and', constant, b.broadcast(twice)))
          : b.mul(once, b.add(b.broadcast(twice), b.add(constant, b.broadcast(loaded)))),
      );
    });
    const [bytes] = data(kind);
    expectSame(b.finish(), {
      buffers: [bytes.slice(0, kind === 'mask' ? 20 : 80), new Uint8Array(kind === 'mask' ? 16 : 64)],
    });
  });
  it.each([1, 4])('ramp on %i lanes', (lanes) => {
    const b = new L3Builder('ramp', lanes);
    const o = b.buffer('i32', 'write');
    b.forEach(b.index(0), b.index(12), lanes, (i) => b.store(o, i, b.ramp(b.add(i, b.index(5)))));
    expectSame(b.finish(), { buffers: [new Uint8Array(48)] });
  });
});

describe('horizontal', () => {
  const table: { readonly [K in HorizontalOp]: readonly DataKind[] } = {
    add: ['f32', 'i32'],
    mul: ['f32', 'i32'],
    min: ['f32', 'i32'],
    max: ['f32', 'i32'],
    and: ['mask'],
    or: ['mask'],
  };
  it.each(cases(table))('%s of %s on %i lanes', (fn, kind, lanes) => {
    const [x, , count] = data(kind);
    const b = new L3Builder('horizontal', lanes);
    const [bx, bo] = [b.buffer(memOf[kind], 'read'), b.buffer(memOf[kind], 'write')];
    b.forEach(b.index(0), b.index(count), lanes, (i) =>
      b.store(bo, i, b.horizontal(fn, b.load(bx, i, { lanes }))),
    );
    expectSame(b.finish(), { buffers: [x, new Uint8Array(x.length)] });
    // Shuffled by one, so that lanes meet other lanes.
    const rotated = Uint8Array.from(x, (_, i) => x[(i + x.length / count) % x.length]);
    expectSame(b.finish(), { buffers: [rotated, new Uint8Array(x.length)] });
  });
});

describe('zip', () => {
  it.each(['low', 'high', 'even', 'odd'] as const)('%s', (half) => {
    check('f32', 4, 'f32', (b, x, y) => b.zip(half, x, y));
    check('f32', 4, 'f32', (b, x, y) => b.zip(half, b.unary('neg', y), b.like(x, 2)));
    check('f32', 4, 'f32', (b, x) => b.zip(half, x, x));
  });
  it('takes lanes of the two in turn', () => {
    const b = new L3Builder('zip', 4);
    const [x, y] = [b.buffer('f32', 'read'), b.buffer('f32', 'read')];
    const o = b.buffer('f32', 'write');
    const [p, q] = [b.load(x, b.index(0), { lanes: 4 }), b.load(y, b.index(0), { lanes: 4 })];
    b.store(o, b.index(0), b.zip('low', p, q));
    b.store(o, b.index(4), b.zip('high', p, q));
    const args = {
      buffers: [
        bytesOf(Float32Array.of(0, 1, 2, 3)),
        bytesOf(Float32Array.of(10, 11, 12, 13)),
        new Uint8Array(32),
      ],
    };
    const fn = b.finish();
    for (const [, , out] of [runWasm(fn, args), runReference(fn, args)])
      expect([...new Float32Array(out.buffer)]).toEqual([0, 10, 1, 11, 2, 12, 3, 13]);
  });
  it('takes them apart again', () => {
    const b = new L3Builder('unzip', 4);
    const [x, o] = [b.buffer('f32', 'read'), b.buffer('f32', 'write')];
    const halves = [0, 4].map((offset) => b.load(x, b.index(0), { lanes: 4, offset }));
    b.store(o, b.index(0), b.zip('even', halves[0], halves[1]));
    b.store(o, b.index(4), b.zip('odd', halves[0], halves[1]));
    const args = { buffers: [bytesOf(Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7)), new Uint8Array(32)] };
    const fn = b.finish();
    for (const [, out] of [runWasm(fn, args), runReference(fn, args)])
      expect([...new Float32Array(out.buffer)]).toEqual([0, 2, 4, 6, 1, 3, 5, 7]);
  });
  it('is for f32 vectors', () => {
    const b = new L3Builder('zip', 4);
    const x = b.constant('f32', 1);
    expect(() => b.zip('low', x, x)).toThrow('zip of f32');
    const i = b.broadcast(b.constant('i32', 1));
    expect(() => b.zip('low', i, i)).toThrow('zip of i32x4');
  });
});

describe('memory', () => {
  it.each(
    (Object.keys(memBytes) as MemType[])
      .filter((m) => m !== 'f16')
      .flatMap((m) => lanesOf(memKind[m]).map((l) => [m, l] as const)),
  )('copies %s on %i lanes with offsets either way', (mem, lanes) => {
    const b = new L3Builder('copy', lanes);
    const [x, o] = [b.buffer(mem, 'read'), b.buffer(mem, 'write')];
    b.forEach(b.index(8), b.size(), lanes, (i) => {
      b.store(o, i, b.load(x, b.add(i, b.index(3)), { lanes, offset: -8 }), { offset: -8 });
      b.store(o, b.sub(i, b.index(4)), b.load(x, i, { lanes, offset: 4 }), { offset: 24 });
    });
    const size = memBytes[mem];
    const bytes = Uint8Array.from(
      { length: 64 * size },
      (_, i) => (i * 37 + 11) & (mem === 'bool' ? 1 : 255),
    );
    if (mem === 'f32') bytes.set(bytesOf(Float32Array.from({ length: 64 }, (_, i) => i / 7)));
    if (mem === 'f64') bytes.set(bytesOf(Float64Array.from({ length: 64 }, (_, i) => i / 7)));
    expectSame(b.finish(), { buffers: [bytes, new Uint8Array(64 * size)], sizes: [32] });
  });
  it.each((['i8', 'u8', 'i16', 'u16'] as const).flatMap((m) => [1, 4].map((l) => [m, l] as const)))(
    'keeps the low bits when storing %s on %i lanes',
    (mem, lanes) => check('i32', lanes, mem, (_, x) => x),
  );
  it('keeps the low bits when storing u32', () => {
    check('i64', 1, 'u32', (_, x) => x);
  });
  it.each(
    (['i8', 'i16', 'u16', 'u32'] as const).flatMap((m) => lanesOf(memKind[m]).map((l) => [m, l] as const)),
  )('extends what it loads from %s on %i lanes', (mem, lanes) => {
    const out = memKind[mem] === 'i64' ? 'i64' : 'i32';
    const b = new L3Builder('widen', lanes);
    const [x, o] = [b.buffer(mem, 'read'), b.buffer(out, 'write')];
    b.forEach(b.index(0), b.index(16), lanes, (i) => b.store(o, i, b.load(x, i, { lanes })));
    const bytes = Uint8Array.from({ length: 16 * memBytes[mem] }, (_, i) => i * 37 + 11);
    expectSame(b.finish(), { buffers: [bytes, new Uint8Array(16 * memBytes[out])] });
  });
  it('does not move a load past a store', () => {
    const b = new L3Builder('order', 4);
    const [x, o] = [b.buffer('f32', 'readwrite'), b.buffer('f32', 'write')];
    b.forEach(b.index(0), b.index(8), 4, (i) => {
      const before = b.load(x, i, { lanes: 4 });
      b.store(x, i, b.like(before, 9));
      b.store(o, i, before);
    });
    expectSame(b.finish(), {
      buffers: [bytesOf(Float32Array.from({ length: 8 }, (_, i) => i)), new Uint8Array(32)],
    });
  });
});

describe('index arithmetic', () => {
  it.each(['add', 'mul', 'div', 'rem', 'min', 'max'] as const)('%s', (fn) => {
    const b = new L3Builder('index', 1);
    const o = b.buffer('i32', 'write');
    const divisor = b.size();
    b.forEach(b.index(0), b.index(12), 1, (i) => {
      const x = b.add(b.mul(i, b.index(7)), b.index(3));
      b.store(o, i, b.convert('i32', b.add(b.binary(fn, x, divisor), b.binary(fn, x, b.index(8)))));
      b.store(o, i, b.convert('i32', b.select(b.compare('lt', x, divisor), x, b.sub(x, i))), { offset: 12 });
    });
    expectSame(b.finish(), { buffers: [new Uint8Array(96)], sizes: [5] });
  });
});

describe('arguments', () => {
  it('reads sizes and scalars of every kind', () => {
    const b = new L3Builder('arguments', 4);
    const [f, i, l] = [b.buffer('f32', 'write'), b.buffer('i32', 'write'), b.buffer('i64', 'write')];
    const d = b.buffer('f64', 'write');
    const [x, y, z, w] = [b.scalar('f32'), b.scalar('i32'), b.scalar('i64'), b.scalar('f64')];
    const [n, m] = [b.size(), b.size()];
    b.forEach(b.index(0), n, 4, (at) => b.store(f, at, b.broadcast(x)));
    b.store(i, m, y);
    b.store(l, m, z);
    b.store(d, m, w);
    expectSame(b.finish(), {
      buffers: [new Uint8Array(32), new Uint8Array(16), new Uint8Array(32), new Uint8Array(32)],
      sizes: [8, 3],
      scalars: [0.1, -5, -(2n ** 40n), 0.1],
    });
  });
});

describe('what wasm does not take', () => {
  it('refuses masked memory, tails and other widths', () => {
    const masked = new L3Builder('masked', 4);
    const x = masked.buffer('f32', 'readwrite');
    const mask = masked.tail(masked.index(2));
    masked.store(x, masked.index(0), masked.load(x, masked.index(0), { lanes: 4, mask }), { mask });
    expect(() => compileWasm(masked.finish(), { relaxed: false, shared: false })).toThrow(/masks/);
    expect(() => compileWasm(new L3Builder('wide', 8).finish(), { relaxed: false, shared: false })).toThrow(
      /4 lanes/,
    );
  });
});
