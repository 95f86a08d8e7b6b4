import { describe, expect, it } from 'vitest';
import { DeviceError, InternalError, OutOfMemoryError } from '../../src/base/errors.js';
import { compileWasm } from '../../src/codegen/wasm/index.js';
import { layoutOf } from '../../src/kernel/abi.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import type { Memory, Program } from '../../src/runtime/device.js';
import { detectWasm, openWasm, type WasmDevice } from '../../src/runtime/wasm/index.js';
import { open } from './harness.js';

const MIB = 2 ** 20;

/** out = x + y * scale over `n` floats. */
function axpy(device: WasmDevice, n: number): Program {
  const b = new L3Builder('axpy', 4);
  const [x, y, out] = [b.buffer('f32', 'read'), b.buffer('f32', 'read'), b.buffer('f32', 'write')];
  const scale = b.scalar('f32');
  b.forEach(b.index(0), b.size(), 4, (i) => {
    b.store(out, i, b.add(b.load(x, i, { lanes: 4 }), b.mul(b.load(y, i, { lanes: 4 }), b.broadcast(scale))));
  });
  const fn = b.finish();
  const executable = device.load(fn.name, compileWasm(fn, { relaxed: false, shared: false }));
  const block = {
    buffers: [0, 1, 2].map((buffer) => ({ buffer, byteOffset: 0 })),
    sizes: [n],
    scalars: [{ kind: 'f32' as const, argument: 0 }],
  };
  return device.program([{ executable, layout: layoutOf(fn), blocks: [block] }]);
}

function filled(device: WasmDevice, bytes: number, value: number): Memory {
  const memory = device.allocate(bytes);
  device.write(memory, 0, new Uint8Array(new Float32Array(bytes / 4).fill(value).buffer));
  return memory;
}

function first(device: WasmDevice, memory: Memory): number {
  return new Float32Array(device.read(memory, 0, 4).buffer)[0];
}

function last(device: WasmDevice, memory: Memory): number {
  return new Float32Array(device.read(memory, memory.bytes - 4, 4).buffer)[0];
}

describe('detection', () => {
  it('finds SIMD here', () => {
    expect(detectWasm().simd).toBe(true);
  });
});

describe('device', () => {
  it('runs a program again on other buffers and scalars', () => {
    const device = open();
    const program = axpy(device, 256);
    const [a, b, out] = [filled(device, 1024, 1), filled(device, 1024, 2), filled(device, 1024, 0)];
    program.run([a, b, out], [10]);
    expect(last(device, out)).toBe(21);
    program.run([out, a, b], [0.5]);
    expect(last(device, b)).toBe(21.5);
  });

  it('runs every block of a launch, with byte offsets', () => {
    const device = open();
    const b = new L3Builder('fill', 1);
    const out = b.buffer('i64', 'write');
    const value = b.scalar('i64');
    b.store(out, b.size(), value);
    const fn = b.finish();
    const executable = device.load(fn.name, compileWasm(fn, { relaxed: false, shared: false }));
    const blocks = [0, 1, 2].map((i) => ({
      buffers: [{ buffer: i % 2, byteOffset: 16 * i }],
      sizes: [i],
      scalars: [{ kind: 'i64' as const, argument: 2 - i }],
    }));
    const program = device.program([{ executable, layout: layoutOf(fn), blocks }]);
    const memories = [device.allocate(64), device.allocate(64)];
    for (const m of memories) device.write(m, 0, new Uint8Array(64));
    program.run(memories, [-1n, 2n ** 40n, 3n]);
    const [even, odd] = memories.map((m) => [...new BigInt64Array(device.read(m, 0, 64).buffer)]);
    expect(even).toEqual([3n, 0n, 0n, 0n, 0n, 0n, -1n, 0n]);
    expect(odd).toEqual([0n, 0n, 0n, 2n ** 40n, 0n, 0n, 0n, 0n]);
  });

  it('takes empty programs, empty launches and empty memory', () => {
    const device = open();
    device.program([]).run([], []);
    const empty = device.allocate(0);
    expect(device.read(empty, 0, 0)).toEqual(new Uint8Array(0));
    device.release(empty);
  });

  it('reuses released memory at once', () => {
    const device = open();
    for (let i = 0; i < 1000; i++) device.release(device.allocate(MIB));
    expect(device.memoryUse.usedBytes).toBe(0);
    expect(device.memoryUse.totalBytes).toBeLessThanOrEqual(4 * MIB);
  });

  it('throws typed errors for what does not fit', () => {
    const device = open({ maximumBytes: 4 * MIB });
    expect(() => device.allocate(8 * MIB)).toThrow(OutOfMemoryError);
    expect(() => device.allocate(8 * MIB)).toThrow(/8\.0 MiB were asked for/);
    expect(() => device.allocate(2 ** 40)).toThrow(OutOfMemoryError);
    expect(() => device.load('broken', Uint8Array.of(1, 2, 3))).toThrow(DeviceError);
    const memory = device.allocate(16);
    expect(() => device.read(memory, 8, 16)).toThrow(InternalError);
    expect(() => device.write(memory, -4, new Uint8Array(4))).toThrow(InternalError);
    device.release(memory);
    expect(() => device.read(memory, 0, 4)).toThrow(/released/);
    expect(() => axpy(device, 4).run([memory, memory, memory], [1])).toThrow(/released/);
    expect(() => axpy(device, 4).run([{ bytes: 4 }, memory, memory], [1])).toThrow(/another device/);
    expect(() => axpy(device, 4).run([memory], [1])).toThrow(/3 buffers/);
    expect(openWasm({ maximumBytes: 100 })).toMatchObject({ ok: false });
  });
});

describe.each([
  ['a memory of its own', false],
  ['a shared memory', true],
])('beyond what 32 bits can address, with %s', (_, threaded) => {
  it('says that there is no memory left, and goes on', () => {
    const device = open({ threaded });
    expect(device.shared).toBe(threaded);
    expect(() => device.allocate(4.5 * 2 ** 30)).toThrow(OutOfMemoryError);
    expect(() => device.allocate(4.5 * 2 ** 30)).toThrow(/may not grow beyond 409\d\.\d MiB/);
    const memory = device.allocate(16);
    device.write(memory, 0, Uint8Array.of(1, 2, 3));
    expect([...device.read(memory, 0, 3)]).toEqual([1, 2, 3]);
  });

  it('is the same for a maximum of its own', () => {
    const device = open({ threaded, maximumBytes: 4 * MIB });
    const kept = [1, 2, 3].map(() => device.allocate(MIB));
    expect(() => device.allocate(5 * MIB)).toThrow(OutOfMemoryError);
    expect(kept.map((m) => device.read(m, 0, 4).buffer instanceof ArrayBuffer)).toEqual([true, true, true]);
  });
});

describe('eviction', () => {
  it('keeps every value of live handles, and brings them back to run', () => {
    const device = open({ budgetBytes: 4 * MIB });
    const n = MIB / 4;
    const handles = Array.from({ length: 20 }, (_, i) => filled(device, MIB, i));
    expect(device.memoryUse.usedBytes).toBeLessThanOrEqual(4 * MIB);
    handles.forEach((h, i) => {
      expect([first(device, h), last(device, h)]).toEqual([i, i]);
    });
    // Values that were copied out can be written there.
    device.write(handles[0], MIB - 4, new Uint8Array(Float32Array.of(100).buffer));
    const program = axpy(device, n);
    for (let i = 0; i + 2 < 20; i++) program.run([handles[i], handles[i + 1], handles[i + 2]], [1]);
    const expected = Array.from({ length: 20 }, (_, i) => i);
    for (let i = 0; i + 2 < 20; i++) expected[i + 2] = Math.fround(expected[i] + expected[i + 1]);
    handles.forEach((h, i) => {
      expect(first(device, h)).toBe(expected[i]);
    });
    expect(last(device, handles[2])).toBe(101);
    expect(device.memoryUse.totalBytes).toBeLessThanOrEqual(8 * MIB);
  });

  it('lets one run go over the budget, and not over the maximum', () => {
    const device = open({ budgetBytes: 2 * MIB, maximumBytes: 16 * MIB });
    const handles = [1, 2, 3].map((x) => filled(device, 3 * MIB, x));
    axpy(device, (3 * MIB) / 4).run(handles, [2]);
    expect(last(device, handles[2])).toBe(5);
    const large = [1, 2, 3].map((x) => filled(device, 6 * MIB, x));
    expect(() => axpy(device, 4).run(large, [2])).toThrow(/needs 3 buffers of 18\.0 MiB/);
    expect(large.map((h) => last(device, h))).toEqual([1, 2, 3]);
    axpy(device, (3 * MIB) / 4).run(handles, [2]);
    expect(last(device, handles[2])).toBe(5);
  });
});

/** The engine's own pages are counted apart, so the whole process is looked at. */
function residentMiB(): number {
  return process.memoryUsage().rss / MIB;
}

describe('memory that nobody holds any more', () => {
  const COUNT = 50_000;
  const BYTES = 256 * 1024;

  it('stays flat in a synchronous loop', { timeout: 60_000 }, () => {
    const device = open({ budgetBytes: 64 * MIB });
    let peak = 0;
    for (let i = 0; i < COUNT; i++) {
      const memory = device.allocate(BYTES);
      device.write(memory, 0, Uint8Array.of(i));
      if (i % 1000 === 0) peak = Math.max(peak, residentMiB());
    }
    expect(device.memoryUse.totalBytes).toBeLessThanOrEqual(96 * MIB);
    // 12.5 GiB went through.
    expect(peak).toBeLessThan(1200);
  });

  it('stays flat in an asynchronous loop', { timeout: 60_000 }, async () => {
    const device = open({ budgetBytes: 64 * MIB });
    let peak = 0;
    for (let i = 0; i < COUNT; i++) {
      const memory = device.allocate(BYTES);
      device.write(memory, 0, Uint8Array.of(i));
      if (i % 100 === 0) {
        await new Promise((resolve) => setImmediate(resolve));
        peak = Math.max(peak, residentMiB());
      }
    }
    expect(device.memoryUse.totalBytes).toBeLessThanOrEqual(96 * MIB);
    expect(peak).toBeLessThan(1200);
  });
});
