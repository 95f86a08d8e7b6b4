import { describe, expect, it } from 'vitest';
import { compileX86 } from '../../src/codegen/x86/compile.js';
import { measureCopy, measureFma } from '../../src/codegen/x86/probe.js';
import { layoutOf } from '../../src/kernel/abi.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import { openNative } from '../../src/runtime/native/index.js';
import { classBytes } from '../../src/runtime/native/memory.js';

const opened = openNative();
const reason = opened.ok ? '' : ` (${opened.reason})`;

function native() {
  if (!opened.ok) throw new Error(opened.reason);
  return opened;
}

/** out[i] = scale * in[i] + add, scalars as f32. */
function affine() {
  const { device, features } = native();
  const b = new L3Builder('affine', 1);
  const [input, output] = [b.buffer('f32', 'read'), b.buffer('f32', 'write')];
  const [scale, add] = [b.scalar('f32'), b.scalar('f32')];
  b.forEach(b.index(0), b.size(), 1, (i) => b.store(output, i, b.add(b.mul(b.load(input, i), scale), add)));
  const fn = b.finish();
  return { executable: device.load(fn.name, compileX86(fn, features).code), layout: layoutOf(fn) };
}

function floats(...x: number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(x).buffer);
}

describe.skipIf(!opened.ok)(`native device${reason}`, () => {
  it('gives memory aligned to 64 bytes that holds what is written', () => {
    const { device } = native();
    for (const bytes of [0, 1, 4, 64, 65, 1000, 123_456]) {
      const m = device.allocate(bytes);
      expect(m.bytes).toBe(bytes);
      expect(m.address % 64).toBe(0);
    }
    const m = device.allocate(10);
    device.write(m, 3, Uint8Array.of(1, 2, 3));
    expect([...device.read(m, 4, 2)]).toEqual([2, 3]);
    expect(() => device.write(m, 8, Uint8Array.of(1, 2, 3))).toThrow('bytes 8..11 of a memory of 10');
    expect(() => device.read(m, -1, 2)).toThrow('memory of 10');
    expect(() => device.allocate(-1)).toThrow('cannot allocate');
  });

  it('reuses released memory of the same class, and refuses what was released', () => {
    const { device } = native();
    const a = device.allocate(100_000);
    const { address } = a;
    device.release(a);
    expect(() => device.read(a, 0, 1)).toThrow('released');
    expect(() => device.release(a)).toThrow('released');
    expect(device.allocate(99_000).address).toBe(address);
  });

  it('wastes an eighth at most', () => {
    for (let bytes = 513; bytes < 1 << 22; bytes = Math.ceil(bytes * 1.013)) {
      expect(classBytes(bytes)).toBeGreaterThanOrEqual(bytes);
      expect(classBytes(bytes)).toBeLessThanOrEqual(bytes * 1.125);
    }
  });

  it('runs several launches of several blocks in order, on other memory and scalars each time', () => {
    const { device } = native();
    const { executable, layout } = affine();
    const scalar = (argument: number) => ({ kind: 'f32' as const, argument });
    const block = (from: number, to: number, toOffset: number, count: number, add: number) => ({
      buffers: [
        { buffer: from, byteOffset: 0 },
        { buffer: to, byteOffset: toOffset },
      ],
      sizes: [count],
      scalars: [scalar(0), scalar(add)],
    });
    const program = device.program([
      { executable, layout, blocks: [block(0, 1, 0, 2, 1), block(0, 1, 8, 1, 2)] },
      { executable, layout, blocks: [] },
      { executable, layout, blocks: [block(1, 0, 0, 3, 1)] },
    ]);
    for (const [scale, p, q] of [
      [2, 1, 10],
      [-3, 0.5, 0],
    ]) {
      const a = device.allocate(12);
      const b = device.allocate(12);
      device.write(a, 0, floats(1, 2, 3));
      program.run([a, b], [scale, p, q]);
      const middle = [scale + p, 2 * scale + p, scale + q];
      expect([...new Float32Array(device.read(b, 0, 12).buffer)]).toEqual(middle);
      expect([...new Float32Array(device.read(a, 0, 12).buffer)]).toEqual(middle.map((x) => scale * x + p));
    }
    expect(() => program.run([device.allocate(4)], [1, 2, 3])).toThrow('2 buffers and 3 scalars');
  });

  it('patches i64 and i32 scalars from numbers and bigints', () => {
    const { device, features } = native();
    const b = new L3Builder('scalars', 1);
    const [longs, ints] = [b.buffer('i64', 'write'), b.buffer('i32', 'write')];
    b.store(longs, b.index(0), b.scalar('i64'));
    b.store(ints, b.index(0), b.scalar('i32'));
    const fn = b.finish();
    const program = device.program([
      {
        executable: device.load(fn.name, compileX86(fn, features).code),
        layout: layoutOf(fn),
        blocks: [
          {
            buffers: [
              { buffer: 0, byteOffset: 0 },
              { buffer: 1, byteOffset: 0 },
            ],
            sizes: [],
            scalars: [
              { kind: 'i64', argument: 0 },
              { kind: 'i32', argument: 1 },
            ],
          },
        ],
      },
    ]);
    const [x, y] = [device.allocate(8), device.allocate(4)];
    for (const [long, int] of [
      [-1n, -5],
      [2n ** 40n + 7n, 2 ** 31 - 1],
      [-(2 ** 40), 0],
      [5, -(2 ** 31)],
    ] as const) {
      program.run([x, y], [long, int]);
      expect(new BigInt64Array(device.read(x, 0, 8).buffer)[0]).toBe(BigInt(long));
      expect(new Int32Array(device.read(y, 0, 4).buffer)[0]).toBe(int);
    }
  });

  it('keeps resident memory flat over 20,000 allocations of 1 MB dropped in a synchronous loop', () => {
    const { device } = native();
    const before = process.memoryUsage().rss;
    let peak = 0;
    for (let i = 0; i < 20_000; i++) {
      const m = device.allocate(1 << 20);
      device.write(m, 0, Uint8Array.of(1));
      device.write(m, (1 << 20) - 1, Uint8Array.of(1));
      if (i % 200 === 0) peak = Math.max(peak, process.memoryUsage().rss);
    }
    expect(peak - before).toBeLessThan(1 << 30);
  }, 60_000);

  it('measures its own limits', () => {
    const { device, features } = native();
    expect(measureFma(device, features)).toBeGreaterThan(1);
    expect(measureCopy(device, features, 1 << 16)).toBeGreaterThan(0.1);
  });

  it('says which instruction set is missing', () => {
    for (const level of ['avx512', 'avx2'] as const) {
      const at = openNative({ level });
      expect(at.ok ? at.features.level : at.reason).toContain(level);
    }
  });
});
