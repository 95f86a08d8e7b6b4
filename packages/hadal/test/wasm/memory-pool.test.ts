/** Random histories of a device under a small budget against a plain model: what is read is always what was written last. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileWasm } from '../../src/codegen/wasm/index.js';
import { layoutOf } from '../../src/kernel/abi.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import type { LaunchSpec, Memory } from '../../src/runtime/device.js';
import type { WasmDevice } from '../../src/runtime/wasm/index.js';
import { open } from './harness.js';

const KIB = 1024;

/** Two launches: out[i] = in[i] + 1, then in[0] = out[n - 1], over i32. */
function launches(device: WasmDevice): LaunchSpec[] {
  const copy = new L3Builder('increment', 1);
  const [x, y] = [copy.buffer('i32', 'read'), copy.buffer('i32', 'write')];
  copy.forEach(copy.index(0), copy.size(), 1, (i) => {
    copy.store(y, i, copy.add(copy.load(x, i), copy.constant('i32', 1)));
  });
  const back = new L3Builder('back', 1);
  const [from, to] = [back.buffer('i32', 'read'), back.buffer('i32', 'write')];
  back.store(to, back.index(0), back.load(from, back.index(0)));
  const launch = (
    b: L3Builder,
    sizes: number[],
    buffers: { buffer: number; byteOffset: number }[],
  ): LaunchSpec => {
    const fn = b.finish();
    const executable = device.load(fn.name, compileWasm(fn, { relaxed: false, shared: false }));
    return { executable, layout: layoutOf(fn), blocks: [{ buffers, sizes, scalars: [] }] };
  };
  return [
    launch(
      copy,
      [16],
      [
        { buffer: 0, byteOffset: 0 },
        { buffer: 1, byteOffset: 0 },
      ],
    ),
    launch(
      back,
      [],
      [
        { buffer: 1, byteOffset: 60 },
        { buffer: 0, byteOffset: 0 },
      ],
    ),
  ];
}

const action = fc.oneof(
  fc.record({ op: fc.constant('allocate' as const), kib: fc.integer({ min: 1, max: 200 }), which: fc.nat() }),
  fc.record({ op: fc.constant('allocate' as const), kib: fc.integer({ min: 1, max: 200 }), which: fc.nat() }),
  fc.record({ op: fc.constant('release' as const), kib: fc.constant(0), which: fc.nat() }),
  fc.record({ op: fc.constant('write' as const), kib: fc.nat(1000), which: fc.nat() }),
  fc.record({ op: fc.constant('run' as const), kib: fc.nat(1000), which: fc.nat() }),
  fc.record({ op: fc.constant('program' as const), kib: fc.constant(0), which: fc.nat() }),
);

describe('memory under a small budget', () => {
  it('always holds what was written last', () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 10, maxLength: 150, size: 'max' }), (actions) => {
        const device = open({ budgetBytes: 700 * KIB, maximumBytes: 2048 * KIB });
        const specs = launches(device);
        const programs = [device.program(specs)];
        const live: { memory: Memory; model: Int32Array }[] = [];
        const check = ({ memory, model }: (typeof live)[number]) => {
          const data = new Int32Array(device.read(memory, 0, memory.bytes).buffer);
          expect([data.subarray(0, 16), data.at(-1)]).toEqual([model.subarray(0, 16), model.at(-1)]);
        };
        for (const { op, kib, which } of actions) {
          const entry = live[which % Math.max(1, live.length)];
          if (op === 'program') programs.push(device.program(specs));
          else if (op === 'allocate') {
            const memory = device.allocate(kib * KIB);
            const model = new Int32Array((kib * KIB) / 4).fill(which);
            device.write(memory, 0, new Uint8Array(model.buffer));
            live.push({ memory, model });
          } else if (entry && op === 'release') {
            check(entry);
            device.release(entry.memory);
            live.splice(live.indexOf(entry), 1);
          } else if (entry && op === 'write') {
            entry.model[entry.model.length - 1] = kib;
            device.write(entry.memory, entry.memory.bytes - 4, new Uint8Array(Int32Array.of(kib).buffer));
          } else if (entry && op === 'run') {
            const other = live[kib % live.length];
            if (other === entry) continue;
            programs[which % programs.length].run([entry.memory, other.memory], []);
            for (let i = 0; i < 16; i++) other.model[i] = entry.model[i] + 1;
            entry.model[0] = other.model[15];
          }
        }
        live.forEach(check);
        expect(device.memoryUse.totalBytes).toBeLessThanOrEqual(2048 * KIB);
      }),
      { numRuns: 60 },
    );
  });
});

describe('dropped handles in a loop without a pause', () => {
  it('are forgotten while there are few bytes of them, since each costs more than its bytes', () => {
    const device = open();
    for (let i = 0; i < 40_000; i++) device.allocate(4);
    // 16 MiB at 1 KiB each are 16,384 slots of 64 bytes; the finaliser has not run.
    expect(device.memoryUse.usedBytes).toBeLessThanOrEqual(16_384 * 64);
  });

  it('leave those that are held with what is in them', () => {
    const device = open();
    const held = Array.from({ length: 30_000 }, (_, i) => {
      const memory = device.allocate(4);
      device.write(memory, 0, new Uint8Array(Int32Array.of(i).buffer));
      return memory;
    });
    for (let i = 0; i < held.length; i += 997)
      expect(new Int32Array(device.read(held[i], 0, 4).buffer)[0]).toBe(i);
  });
});
