/** Runs an L3 function natively and by interpretation on the same arguments, and compares the buffers bit by bit. */
import { expect } from 'vitest';
import { interpretL3 } from '../../src/codegen/reference/l3-interpreter.js';
import { compileX86 } from '../../src/codegen/x86/compile.js';
import { layoutOf } from '../../src/kernel/abi.js';
import type { DotOp, L3Function } from '../../src/kernel/l3.js';
import { memBytes } from '../../src/kernel/l3.js';
import { printL3 } from '../../src/kernel/l3-print.js';
import { verifyL3 } from '../../src/kernel/l3-verify.js';
import { openNative } from '../../src/runtime/native/index.js';

export type Level = 'avx512' | 'avx2';
export const levels: readonly Level[] = ['avx512', 'avx2'];

/** Why a level cannot be tested here, or null. */
export function missing(level: Level): string | null {
  const opened = openNative({ level });
  return opened.ok ? null : opened.reason;
}

/** The dot products that a level has here. */
export function dotsOf(level: Level): readonly DotOp[] {
  const opened = openNative({ level });
  return opened.ok ? opened.device.target.dots : [];
}

export interface Arguments {
  readonly buffers: readonly Uint8Array[];
  readonly sizes: readonly number[];
  readonly scalars: readonly (number | bigint)[];
}

export function runNative(fn: L3Function, level: Level, blocks: readonly Arguments[]): void {
  const opened = openNative({ level });
  if (!opened.ok) throw new Error(opened.reason);
  const { device, features } = opened;
  const executable = device.load(fn.name, compileX86(fn, features).code);
  const scalars: (number | bigint)[] = [];
  const memories = blocks.flatMap((block) =>
    block.buffers.map((b) => ({ b, m: device.allocate(b.byteLength) })),
  );
  for (const { b, m } of memories) device.write(m, 0, b);
  let first = 0;
  const program = device.program([
    {
      executable,
      layout: layoutOf(fn),
      blocks: blocks.map((block) => {
        const spec = {
          buffers: block.buffers.map((_, i) => ({ buffer: first + i, byteOffset: 0 })),
          sizes: block.sizes,
          scalars: block.scalars.map((x, i) => {
            scalars.push(x);
            return { kind: fn.scalars[i], argument: scalars.length - 1 };
          }),
        };
        first += block.buffers.length;
        return spec;
      }),
    },
  ]);
  program.run(
    memories.map((x) => x.m),
    scalars,
  );
  for (const { b, m } of memories) {
    b.set(device.read(m, 0, b.byteLength));
    device.release(m);
  }
}

/** Bytes with every float NaN made the same. */
function canonical(fn: L3Function, slot: number, bytes: Uint8Array): Uint8Array {
  const { mem } = fn.buffers[slot];
  if (mem !== 'f16' && mem !== 'f32' && mem !== 'f64') return bytes;
  const copy = bytes.slice().buffer;
  if (mem === 'f16') {
    const bits = new Uint16Array(copy);
    return new Uint8Array(bits.map((x) => ((x & 0x7fff) > 0x7c00 ? 0x7e00 : x)).buffer);
  }
  const floats = mem === 'f32' ? new Float32Array(copy) : new Float64Array(copy);
  for (let i = 0; i < floats.length; i++) if (Number.isNaN(floats[i])) floats[i] = Number.NaN;
  return new Uint8Array(copy);
}

export function compareEngines(fn: L3Function, level: Level, blocks: readonly Arguments[]): void {
  verifyL3(fn);
  const copy = (): Arguments[] => blocks.map((x) => ({ ...x, buffers: x.buffers.map((y) => y.slice()) }));
  const expected = copy();
  for (const block of expected) interpretL3(fn, { ...block, fused: true });
  const got = copy();
  runNative(fn, level, got);
  expected.forEach((block, k) => {
    block.buffers.forEach((want, slot) => {
      const a = canonical(fn, slot, want);
      const b = canonical(fn, slot, got[k].buffers[slot]);
      const at = a.findIndex((x, i) => x !== b[i]);
      if (at >= 0) {
        const element = Math.floor(at / memBytes[fn.buffers[slot].mem]);
        expect.fail(`block ${k}, b${slot}[${element}] differs (${level})\n${printL3(fn)}`);
      }
    });
  });
}
