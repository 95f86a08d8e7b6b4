/** Every L3 op on every type it takes, as functions of a few loaded values. */
import type { DotOp, MemType, Value } from '../../src/kernel/l3.js';
import type { L3Builder } from '../../src/kernel/l3-builder.js';

export interface Case {
  readonly name: string;
  readonly inputs: readonly MemType[];
  readonly output: MemType;
  readonly build: (b: L3Builder, x: readonly Value[], index: Value) => Value;
  /** Given here or by the memory types. */
  readonly scalarOnly?: boolean;
  readonly vectorOnly?: boolean;
  readonly masked?: boolean;
  readonly avx512Only?: boolean;
  /** What the processor must have beyond that. */
  readonly needs?: DotOp;
}

/** Memory types whose values are always scalar. */
const scalarMemory: ReadonlySet<MemType> = new Set(['f64', 'i64', 'u32']);

export const cases: Case[] = [];
for (const fn of ['neg', 'abs', 'sqrt', 'floor', 'round'] as const) {
  for (const mem of ['f32', 'f64'] as const)
    cases.push({ name: `${fn} ${mem}`, inputs: [mem], output: mem, build: (b, [x]) => b.unary(fn, x) });
}
for (const fn of ['neg', 'abs', 'not'] as const) {
  cases.push({ name: `${fn} i32`, inputs: ['i32'], output: 'i32', build: (b, [x]) => b.unary(fn, x) });
  cases.push({
    name: `${fn} i64`,
    inputs: ['i64'],
    output: 'i64',
    build: (b, [x]) => b.unary(fn, x),
  });
}
cases.push({ name: 'not mask', inputs: ['bool'], output: 'bool', build: (b, [x]) => b.unary('not', x) });
for (const fn of ['add', 'sub', 'mul', 'div', 'min', 'max'] as const) {
  for (const mem of ['f32', 'f64'] as const)
    cases.push({
      name: `${fn} ${mem}`,
      inputs: [mem, mem],
      output: mem,
      build: (b, [x, y]) => b.binary(fn, x, y),
    });
}
cases.push({
  name: 'scale f32',
  inputs: ['f32', 'f32'],
  output: 'f32',
  build: (b, [x, y]) => b.binary('scale', x, y),
  avx512Only: true,
});
for (const fn of ['add', 'sub', 'mul', 'div', 'rem', 'min', 'max', 'and', 'or', 'xor'] as const) {
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
  for (const mem of ['f32', 'f64', 'i32', 'i64'] as const) {
    cases.push({
      name: `${fn} ${mem}`,
      inputs: [mem, mem],
      output: 'bool',
      build: (b, [x, y]) => b.compare(fn, x, y),
    });
    cases.push({
      name: `select by ${fn} ${mem}`,
      inputs: [mem, mem, 'i32', 'i32'],
      output: 'i32',
      build: (b, [x, y, p, q]) => b.select(b.compare(fn, x, y), p, q),
    });
    cases.push({
      name: `f64 selected by ${fn} ${mem}`,
      inputs: [mem, mem, 'f64', 'f64'],
      output: 'f64',
      build: (b, [x, y, p, q]) => b.select(b.compare(fn, x, y), p, q),
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
for (const mem of ['f32', 'f64', 'i32', 'i64', 'bool'] as const) {
  cases.push({
    name: `select ${mem}`,
    inputs: ['bool', mem, mem],
    output: mem,
    build: (b, [m, x, y]) => b.select(m, x, y),
  });
}
for (const fn of ['shl', 'shr', 'sar', 'rol'] as const) {
  for (const n of [0, 1, 7, 31])
    cases.push({ name: `${fn} ${n}`, inputs: ['i32'], output: 'i32', build: (b, [x]) => b.shift(fn, x, n) });
}
for (const fn of ['shl', 'shr', 'sar'] as const) {
  for (const n of [0, 1, 31, 32, 63])
    cases.push({
      name: `${fn} ${n} i64`,
      inputs: ['i64'],
      output: 'i64',
      build: (b, [x]) => b.shift(fn, x, n),
    });
}
for (const fn of ['shl', 'shr', 'sar'] as const) {
  for (const mem of ['i32', 'i64'] as const) {
    const within = (b: L3Builder, y: Value): Value => b.binary('and', y, b.like(y, mem === 'i64' ? 63 : 31));
    cases.push({
      name: `${fn} ${mem} by lanes`,
      inputs: [mem, mem],
      output: mem,
      build: (b, [x, y]) => b.binary(fn, x, within(b, y)),
    });
    // The amount is needed afterwards, or what is shifted is.
    cases.push({
      name: `${fn} ${mem} with operands used twice`,
      inputs: [mem, mem],
      output: mem,
      build: (b, [x, y]) => b.add(b.binary(fn, x, within(b, y)), b.sub(within(b, y), x)),
    });
    cases.push({
      name: `${fn} a constant ${mem}`,
      inputs: [mem],
      output: mem,
      build: (b, [y]) => b.binary(fn, b.like(y, -12345), within(b, y)),
    });
    cases.push({
      name: `${fn} ${mem} by one amount`,
      inputs: [mem],
      output: mem,
      build: (b, [x]) => b.binary(fn, x, b.like(x, 13)),
    });
  }
}
for (const fn of ['div', 'rem'] as const) {
  for (const divisor of [0, 1, -1, 2, 7, -10, -(2 ** 31)]) {
    for (const mem of ['i32', 'i64'] as const)
      cases.push({
        name: `${fn} ${mem} by ${divisor}`,
        inputs: [mem],
        output: mem,
        build: (b, [x]) => b.binary(fn, x, b.like(x, divisor)),
      });
  }
  cases.push({
    name: `${fn} of a constant i64`,
    inputs: ['i64'],
    output: 'i64',
    build: (b, [x]) => b.binary(fn, b.like(x, -(2n ** 63n)), x),
  });
}
for (const [fn, sum] of [
  ['bytes', 'i32'],
  ['bfloat16', 'f32'],
] as const) {
  const inputs = ['i32', 'i32', sum] as const;
  const only = { vectorOnly: true, avx512Only: true, needs: fn };
  const name = `dot ${fn}`;
  cases.push({ name, inputs, output: sum, build: (b, [x, y, z]) => b.dot(fn, x, y, z), ...only });
  // The sum is needed afterwards, or a factor is.
  cases.push({
    name: `${name} that leaves its sum`,
    inputs,
    output: sum,
    build: (b, [x, y, z]) => b.add(b.dot(fn, x, y, z), z),
    ...only,
  });
}
cases.push({
  name: 'dot bytes with itself',
  inputs: ['i32'],
  output: 'i32',
  build: (b, [x]) => b.add(b.dot('bytes', x, x, x), x),
  vectorOnly: true,
  avx512Only: true,
  needs: 'bytes',
});
const small = (b: L3Builder, x: Value): Value => b.min(b.max(x, b.like(x, -1e6)), b.like(x, 1e6));
cases.push(
  { name: 'fma', inputs: ['f32', 'f32', 'f32'], output: 'f32', build: (b, [x, y, z]) => b.fma(x, y, z) },
  { name: 'fma f64', inputs: ['f64', 'f64', 'f64'], output: 'f64', build: (b, [x, y, z]) => b.fma(x, y, z) },
  {
    name: 'fma f64 of what multiplication rounds away',
    inputs: ['f64', 'f64'],
    output: 'f64',
    build: (b, [x, y]) => b.fma(x, y, b.unary('neg', b.mul(x, y))),
  },
  { name: 'fma f64 of the same value', inputs: ['f64'], output: 'f64', build: (b, [x]) => b.fma(x, x, x) },
  {
    name: 'fma f64 with constants',
    inputs: ['f64'],
    output: 'f64',
    build: (b, [x]) => b.fma(x, b.like(x, 0.1), b.like(x, 3)),
  },
  { name: 'f64 to i32', inputs: ['f64'], output: 'i32', build: (b, [x]) => b.convert('i32', small(b, x)) },
  {
    name: 'f64 to i64',
    inputs: ['f64'],
    output: 'i64',
    build: (b, [x]) => b.convert('i64', b.min(b.max(x, b.like(x, -(2 ** 62))), b.like(x, 2 ** 62))),
  },
  { name: 'i32 to f64', inputs: ['i32'], output: 'f64', build: (b, [x]) => b.convert('f64', x) },
  { name: 'i64 to f64', inputs: ['i64'], output: 'f64', build: (b, [x]) => b.convert('f64', x) },
  { name: 'i64 to f32', inputs: ['i64'], output: 'f32', build: (b, [x]) => b.convert('f32', x) },
  { name: 'f32 to f64', inputs: ['f32'], output: 'f64', build: (b, [x]) => b.convert('f64', x) },
  { name: 'f64 to f32', inputs: ['f64'], output: 'f32', build: (b, [x]) => b.convert('f32', x) },
  { name: 'mask to f64', inputs: ['bool'], output: 'f64', build: (b, [x]) => b.convert('f64', x) },
  {
    name: 'index to f64',
    inputs: ['f64'],
    output: 'f64',
    build: (b, [x], i) => b.mul(b.convert('f64', b.mul(i, b.index(3))), x),
  },
  {
    name: 'bitcast f64 to i64',
    inputs: ['f64'],
    output: 'i64',
    build: (b, [x]) => b.bitcast('i64', b.select(b.compare('eq', x, x), x, b.like(x, 2))),
  },
  {
    name: 'bitcast i64 to f64',
    inputs: ['u32', 'i64'],
    output: 'f64',
    build: (b, [x, y]) => b.bitcast('f64', b.binary('xor', b.shift('shl', x, 30), b.shift('shr', y, 6))),
  },
  { name: 'f64 constants', inputs: ['f64'], output: 'f64', build: (b, [x]) => b.div(b.like(x, -0), x) },
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
  { name: 'i8', inputs: ['i8', 'i32'], output: 'i8', build: (b, [x, y]) => b.add(x, y) },
  { name: 'i16', inputs: ['i16', 'i32'], output: 'i16', build: (b, [x, y]) => b.add(x, y) },
  { name: 'u16', inputs: ['u16', 'i32'], output: 'u16', build: (b, [x, y]) => b.add(x, y) },
  { name: 'u32', inputs: ['u32', 'i64'], output: 'u32', build: (b, [x, y]) => b.add(x, y) },
  { name: 'i8 widened', inputs: ['i8'], output: 'i32', build: (_, [x]) => x },
  { name: 'i16 widened', inputs: ['i16'], output: 'i32', build: (_, [x]) => x },
  { name: 'u16 widened', inputs: ['u16'], output: 'i32', build: (_, [x]) => x },
  { name: 'u32 widened', inputs: ['u32'], output: 'i64', build: (_, [x]) => x },
  { name: 'constants in i8', inputs: ['i8'], output: 'i8', build: (b, [x]) => b.like(x, -3) },
  { name: 'constants in u16', inputs: ['u16'], output: 'u16', build: (b, [x]) => b.like(x, 70000) },
  { name: 'constants in u32', inputs: ['u32'], output: 'u32', build: (b, [x]) => b.like(x, 2n ** 32n - 3n) },
  { name: 'constants in f64', inputs: ['f64'], output: 'f64', build: (b, [x]) => b.like(x, 0.1) },
  { name: 'f16', inputs: ['f16', 'f16'], output: 'f16', build: (b, [x, y]) => b.add(x, y) },
  { name: 'f16 widened', inputs: ['f16'], output: 'f32', build: (_, [x]) => x },
  { name: 'f32 to f16', inputs: ['f32'], output: 'f16', build: (_, [x]) => x },
  { name: 'half', inputs: ['f32'], output: 'f32', build: (b, [x]) => b.unary('half', x) },
  { name: 'constants in f16', inputs: ['f16'], output: 'f16', build: (b, [x]) => b.like(x, 0.1) },
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
for (const mem of ['f16', 'f32', 'f64', 'i8', 'i16', 'i32', 'i64', 'u8', 'u16', 'u32', 'bool'] as const) {
  cases.push({
    name: `masked ${mem}`,
    inputs: ['bool', mem],
    output: mem,
    build: (_, [, x]) => x,
    masked: true,
  });
}
for (const fn of ['add', 'mul', 'min', 'max'] as const) {
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

for (const half of ['low', 'high', 'even', 'odd'] as const) {
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

/** Whether a case has values that are always scalar. */
export function isScalarOnly(c: Case): boolean {
  return c.scalarOnly === true || [...c.inputs, c.output].some((mem) => scalarMemory.has(mem));
}
