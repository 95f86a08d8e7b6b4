/** Every L3 op on every type it takes, scalar and vector, on values that tell definitions apart. */
import { describe, expect, it } from 'vitest';
import { compileX86 } from '../../src/codegen/x86/compile.js';
import type { L3Function, MemType, Value } from '../../src/kernel/l3.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import type { Arguments, Level } from './run.js';
import { compareEngines, levels, missing, runNative } from './run.js';

const COUNT = 64;

function repeated<T>(values: readonly T[], stride: number): T[] {
  return Array.from({ length: COUNT }, (_, i) => values[(i * stride) % values.length]);
}
const f32 = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  3.5,
  -2.5,
  1e-40,
  -1e-40,
  3.4e38,
  -3.4e38,
  8388609,
  4194305.5,
  0.1,
  1 / 3,
  2 ** 31,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
  100.25,
];
const i32 = [
  0,
  1,
  -1,
  2,
  7,
  -8,
  127,
  128,
  255,
  256,
  65535,
  -65536,
  2 ** 31 - 1,
  -(2 ** 31),
  12345678,
  -87654321,
  3,
];
const i64 = [
  0n,
  1n,
  -1n,
  5n,
  -(2n ** 63n),
  2n ** 63n - 1n,
  2n ** 32n,
  -(2n ** 31n),
  2n ** 31n - 1n,
  123456789012345n,
  -77n,
];
const bytes = [0, 1, 2, 127, 128, 200, 255, 64, 3, 90, 17];
const bools = [0, 1, 1, 0, 0, 0, 1, 255, 2, 0, 1];

function data(mem: MemType, stride: number): Uint8Array {
  switch (mem) {
    case 'f32':
      return new Uint8Array(Float32Array.from(repeated(f32, stride)).buffer);
    case 'i32':
      return new Uint8Array(Int32Array.from(repeated(i32, stride)).buffer);
    case 'i64':
      return new Uint8Array(BigInt64Array.from(repeated(i64, stride)).buffer);
    case 'u8':
      return Uint8Array.from(repeated(bytes, stride));
    case 'bool':
      return Uint8Array.from(repeated(bools, stride));
  }
}

interface Case {
  readonly name: string;
  readonly inputs: readonly MemType[];
  readonly output: MemType;
  readonly build: (b: L3Builder, x: readonly Value[], index: Value) => Value;
  readonly scalarOnly?: boolean;
  readonly vectorOnly?: boolean;
  readonly masked?: boolean;
}

const cases: Case[] = [];
for (const fn of ['neg', 'abs', 'sqrt', 'floor', 'round'] as const) {
  cases.push({ name: `${fn} f32`, inputs: ['f32'], output: 'f32', build: (b, [x]) => b.unary(fn, x) });
}
for (const fn of ['neg', 'abs', 'not'] as const) {
  cases.push({ name: `${fn} i32`, inputs: ['i32'], output: 'i32', build: (b, [x]) => b.unary(fn, x) });
  cases.push({
    name: `${fn} i64`,
    inputs: ['i64'],
    output: 'i64',
    build: (b, [x]) => b.unary(fn, x),
    scalarOnly: true,
  });
}
cases.push({ name: 'not mask', inputs: ['bool'], output: 'bool', build: (b, [x]) => b.unary('not', x) });
for (const fn of ['add', 'sub', 'mul', 'div', 'min', 'max'] as const) {
  cases.push({
    name: `${fn} f32`,
    inputs: ['f32', 'f32'],
    output: 'f32',
    build: (b, [x, y]) => b.binary(fn, x, y),
  });
}
for (const fn of ['add', 'sub', 'mul', 'min', 'max', 'and', 'or', 'xor'] as const) {
  cases.push({
    name: `${fn} i32`,
    inputs: ['i32', 'i32'],
    output: 'i32',
    build: (b, [x, y]) => b.binary(fn, x, y),
  });
  cases.push({
    name: `${fn} i64`,
    inputs: ['i64', 'i64'],
    output: 'i64',
    build: (b, [x, y]) => b.binary(fn, x, y),
    scalarOnly: true,
  });
}
for (const fn of ['and', 'or', 'xor'] as const) {
  cases.push({
    name: `${fn} mask`,
    inputs: ['bool', 'bool'],
    output: 'bool',
    build: (b, [x, y]) => b.binary(fn, x, y),
  });
}
for (const fn of ['eq', 'ne', 'lt', 'le'] as const) {
  for (const mem of ['f32', 'i32', 'i64'] as const) {
    const scalarOnly = mem === 'i64';
    cases.push({
      name: `${fn} ${mem}`,
      inputs: [mem, mem],
      output: 'bool',
      build: (b, [x, y]) => b.compare(fn, x, y),
      scalarOnly,
    });
    cases.push({
      name: `select by ${fn} ${mem}`,
      inputs: [mem, mem, 'i32', 'i32'],
      output: 'i32',
      build: (b, [x, y, p, q]) => b.select(b.compare(fn, x, y), p, q),
      scalarOnly,
    });
  }
  cases.push({
    name: `${fn} index`,
    inputs: ['u8', 'u8'],
    output: 'bool',
    build: (b, [x, y]) => b.compare(fn, b.convert('index', x), b.convert('index', y)),
    scalarOnly: true,
  });
}
for (const mem of ['f32', 'i32', 'i64', 'bool'] as const) {
  const scalarOnly = mem === 'i64';
  cases.push({
    name: `select ${mem}`,
    inputs: ['bool', mem, mem],
    output: mem,
    build: (b, [m, x, y]) => b.select(m, x, y),
    scalarOnly,
  });
}
for (const fn of ['shl', 'shr', 'sar'] as const) {
  for (const n of [0, 1, 7, 31])
    cases.push({ name: `${fn} ${n}`, inputs: ['i32'], output: 'i32', build: (b, [x]) => b.shift(fn, x, n) });
}
const small = (b: L3Builder, x: Value): Value => b.min(b.max(x, b.like(x, -1e6)), b.like(x, 1e6));
cases.push(
  { name: 'fma', inputs: ['f32', 'f32', 'f32'], output: 'f32', build: (b, [x, y, z]) => b.fma(x, y, z) },
  { name: 'fma of the same value', inputs: ['f32'], output: 'f32', build: (b, [x]) => b.fma(x, x, x) },
  {
    name: 'fma with constants',
    inputs: ['f32'],
    output: 'f32',
    build: (b, [x]) => b.fma(x, b.like(x, 0.5), b.like(x, 3)),
  },
  { name: 'f32 to i32', inputs: ['f32'], output: 'i32', build: (b, [x]) => b.convert('i32', small(b, x)) },
  { name: 'i32 to f32', inputs: ['i32'], output: 'f32', build: (b, [x]) => b.convert('f32', x) },
  { name: 'mask to i32', inputs: ['bool'], output: 'i32', build: (b, [x]) => b.convert('i32', x) },
  { name: 'mask to f32', inputs: ['bool'], output: 'f32', build: (b, [x]) => b.convert('f32', x) },
  {
    name: 'mask to i64',
    inputs: ['bool'],
    output: 'i64',
    build: (b, [x]) => b.convert('i64', x),
    scalarOnly: true,
  },
  {
    name: 'i32 to i64',
    inputs: ['i32'],
    output: 'i64',
    build: (b, [x]) => b.convert('i64', x),
    scalarOnly: true,
  },
  {
    name: 'i64 to i32',
    inputs: ['i64'],
    output: 'i32',
    build: (b, [x]) => b.convert('i32', x),
    scalarOnly: true,
  },
  {
    name: 'i32 to i64 to f32',
    inputs: ['i32'],
    output: 'f32',
    build: (b, [x]) => b.convert('f32', b.convert('i64', x)),
    scalarOnly: true,
  },
  {
    name: 'f32 to i64',
    inputs: ['f32'],
    output: 'i64',
    build: (b, [x]) => b.convert('i64', small(b, x)),
    scalarOnly: true,
  },
  {
    name: 'index to all',
    inputs: ['i32'],
    output: 'f32',
    scalarOnly: true,
    build: (b, [x], i) => b.add(b.convert('f32', i), b.convert('f32', b.add(b.convert('i32', i), x))),
  },
  {
    name: 'index to i64 and back',
    inputs: ['u8'],
    output: 'i64',
    scalarOnly: true,
    build: (b, [x], i) =>
      b.add(b.convert('i64', b.convert('index', b.convert('i64', i))), b.convert('i64', x)),
  },
  {
    name: 'bitcast to i32',
    inputs: ['f32'],
    output: 'i32',
    build: (b, [x]) => b.bitcast('i32', b.select(b.compare('eq', x, x), x, b.like(x, 2))),
  },
  {
    name: 'bitcast to f32',
    inputs: ['u8'],
    output: 'f32',
    build: (b, [x]) => b.bitcast('f32', b.shift('shl', x, 20)),
  },
  { name: 'u8', inputs: ['u8', 'i32'], output: 'u8', build: (b, [x, y]) => b.add(x, y) },
  { name: 'bool', inputs: ['bool'], output: 'bool', build: (_, [x]) => x },
  {
    name: 'index division',
    inputs: ['u8', 'u8'],
    output: 'i32',
    scalarOnly: true,
    build: (b, [x, y]) =>
      b.convert('i32', b.div(b.convert('index', x), b.add(b.convert('index', y), b.index(1)))),
  },
  {
    name: 'index division by constants',
    inputs: ['u8'],
    output: 'i32',
    scalarOnly: true,
    build: (b, [x]) =>
      b.convert(
        'i32',
        b.add(b.div(b.convert('index', x), b.index(8)), b.div(b.convert('index', x), b.index(7))),
      ),
  },
  {
    name: 'index remainder',
    inputs: ['u8', 'u8'],
    output: 'i32',
    scalarOnly: true,
    build: (b, [x, y]) =>
      b.convert('i32', b.binary('rem', b.convert('index', x), b.add(b.convert('index', y), b.index(1)))),
  },
  {
    name: 'index remainder by constants',
    inputs: ['u8'],
    output: 'i32',
    scalarOnly: true,
    build: (b, [x]) =>
      b.convert(
        'i32',
        b.add(
          b.binary('rem', b.convert('index', x), b.index(16)),
          b.binary('rem', b.convert('index', x), b.index(10)),
        ),
      ),
  },
  {
    name: 'ramp',
    inputs: ['i32'],
    output: 'i32',
    build: (b, [x], i) => (x.type.lanes > 1 ? b.add(x, b.ramp(b.mul(i, b.index(3)))) : x),
  },
);
for (const mem of ['f32', 'i32', 'u8', 'bool'] as const) {
  cases.push({
    name: `masked ${mem}`,
    inputs: ['bool', mem],
    output: mem,
    build: (_, [, x]) => x,
    masked: true,
  });
}
for (const fn of ['add', 'min', 'max'] as const) {
  for (const mem of ['f32', 'i32'] as const) {
    cases.push({
      name: `horizontal ${fn} ${mem}`,
      inputs: [mem],
      output: mem,
      build: (b, [x]) => b.spread(b.horizontal(fn, x), x.type.lanes),
    });
  }
}
for (const fn of ['and', 'or'] as const) {
  cases.push({
    name: `horizontal ${fn} mask`,
    inputs: ['bool'],
    output: 'bool',
    build: (b, [x]) => b.spread(b.horizontal(fn, x), x.type.lanes),
  });
}

for (const half of ['low', 'high'] as const) {
  const zips: readonly Pick<Case, 'name' | 'build'>[] = [
    { name: '', build: (b, [x, y]) => b.zip(half, x, y) },
    { name: ' of the same value', build: (b, [x]) => b.zip(half, x, x) },
    { name: ' of a constant', build: (b, [x]) => b.zip(half, b.like(x, 2), x) },
    { name: ' with a constant', build: (b, [x]) => b.zip(half, x, b.like(x, 0)) },
    { name: ' over its first operand', build: (b, [x, y]) => b.zip(half, b.mul(x, x), y) },
    { name: ' over its second operand', build: (b, [x, y]) => b.add(x, b.zip(half, x, b.mul(y, y))) },
    { name: ' of both, read again', build: (b, [x, y]) => b.add(b.zip(half, y, x), b.mul(x, y)) },
  ];
  for (const z of zips)
    cases.push({
      ...z,
      name: `zip ${half}${z.name}`,
      inputs: ['f32', 'f32'],
      output: 'f32',
      vectorOnly: true,
    });
}

function check(c: Case, level: Level, lanes: number): void {
  const b = new L3Builder(c.name.replaceAll(' ', '_'), lanes);
  const inputs = c.inputs.map((mem) => b.buffer(mem, 'read'));
  const output = b.buffer(c.output, 'readwrite');
  b.forEach(b.index(0), b.size(), lanes, (i) => {
    const mask = c.masked ? b.load(inputs[0], i, { lanes }) : null;
    const x = inputs.map((slot) => b.load(slot, i, { lanes, mask }));
    b.store(output, i, c.build(b, x, i), { mask });
  });
  const stride = [1, 5, 7, 3];
  const block = (shift: number): Arguments => ({
    buffers: [...c.inputs.map((mem, k) => data(mem, stride[k] + shift)), data(c.output, 11).fill(0)],
    sizes: [COUNT],
    scalars: [],
  });
  compareEngines(b.finish(), level, [block(0), block(4)]);
}

describe.each(levels)('%s', (level) => {
  const why = missing(level);
  const vector = level === 'avx512' ? 16 : 8;
  const note = why ? ` (${why})` : '';
  const onScalars = cases.filter((c) => !c.vectorOnly);
  it.skipIf(why !== null).each(onScalars)(`$name on scalars${note}`, (c) => check(c, level, 1));
  const onVectors = cases.filter((c) => !c.scalarOnly && (!c.masked || level === 'avx512'));
  it.skipIf(why !== null).each(onVectors)(`$name on ${vector} lanes${note}`, (c) => check(c, level, vector));
});

/** Transposes `blocks` blocks of lanes x lanes, one behind the other in memory, by perfect shuffles in registers. */
function transposed(lanes: number): L3Function {
  const b = new L3Builder('transpose', lanes);
  const [input, output] = [b.buffer('f32', 'read'), b.buffer('f32', 'readwrite')];
  const blocks = b.size();
  b.forEach(b.index(0), blocks, 1, (block) => {
    const at = b.mul(block, b.index(lanes * lanes));
    let rows = Array.from({ length: lanes }, (_, i) => b.load(input, at, { lanes, offset: i * lanes }));
    for (let n = lanes; n > 1; n /= 2) {
      rows = rows.slice(0, lanes / 2).flatMap((a, i) => {
        const c = rows[i + lanes / 2];
        return [b.zip('low', a, c), b.zip('high', a, c)];
      });
    }
    rows.forEach((v, i) => {
      b.store(output, at, v, { offset: i * lanes });
    });
  });
  return b.finish();
}

describe.each(levels)('zip on %s', (level) => {
  const lanes = level === 'avx512' ? 16 : 8;
  const fn = transposed(lanes);

  it('transposes a block without a spill, one move for two zips at most', () => {
    const { listing } = compileX86(fn, { level });
    expect(listing).toContain(' 0 spills');
    const zips = lanes * Math.log2(lanes);
    const count = (name: string): number => listing.split(`  ${name} `).length - 1;
    expect(count('vmovaps')).toBe(level === 'avx512' ? zips / 2 : 0);
    expect(count('vpermt2ps')).toBe(level === 'avx512' ? zips : 0);
    expect(count('vperm2f128')).toBe(level === 'avx512' ? 0 : zips);
    // The blocks, and what the permutations go by.
    expect(count('vmovups')).toBe(2 * lanes + (level === 'avx512' ? 2 : 0));
  });

  it.skipIf(missing(level) !== null)('transposes', () => {
    const blocks = 3;
    const side = lanes * lanes;
    const a = Float32Array.from({ length: blocks * side }, (_, i) => i);
    const out = new Float32Array(blocks * side);
    const buffers = [new Uint8Array(a.buffer), new Uint8Array(out.buffer)];
    compareEngines(fn, level, [{ buffers, sizes: [blocks], scalars: [] }]);
    runNative(fn, level, [{ buffers, sizes: [blocks], scalars: [] }]);
    const at = (i: number): number => i - (i % side) + (i % lanes) * lanes + Math.floor((i % side) / lanes);
    expect([...out]).toEqual(Array.from(out, (_, i) => at(i)));
  });
});

describe.skipIf(missing('avx512') !== null)('tail', () => {
  it('is on below the count, however large the count', () => {
    const b = new L3Builder('tail', 16);
    const input = b.buffer('f32', 'read');
    const output = b.buffer('f32', 'readwrite');
    const count = b.size();
    const mask = b.tail(count);
    b.store(output, b.index(0), b.load(input, b.index(0), { lanes: 16, mask }), { mask });
    const fn = b.finish();
    for (const n of [0, 1, 7, 15, 16, 17, 255, 256, 257, 65536, 2 ** 32, 2 ** 32 + 3]) {
      const buffers = [data('f32', 1), new Uint8Array(4 * COUNT).fill(9)];
      compareEngines(fn, 'avx512', [{ buffers, sizes: [n], scalars: [] }]);
    }
  });
});
