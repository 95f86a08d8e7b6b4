/** Runs one L3 function on the WebAssembly engine and on the interpreter, and compares every byte of every buffer. */
import { expect } from 'vitest';
import { interpretL3 } from '../../src/codegen/reference/l3-interpreter.js';
import { compileWasm } from '../../src/codegen/wasm/index.js';
import { layoutOf } from '../../src/kernel/abi.js';
import type { L3Function } from '../../src/kernel/l3.js';
import { printL3 } from '../../src/kernel/l3-print.js';
import { verifyL3 } from '../../src/kernel/l3-verify.js';
import { openWasm, type WasmDevice, type WasmOptions } from '../../src/runtime/wasm/index.js';

export function open(options: WasmOptions = {}): WasmDevice {
  const opened = openWasm(options);
  if (!opened.ok) throw new Error(opened.reason);
  return opened.device;
}

const device = open();

export interface Arguments {
  readonly buffers: readonly Uint8Array[];
  readonly sizes?: readonly number[];
  readonly scalars?: readonly (number | bigint)[];
}

/** The buffers after the run on the WebAssembly engine. */
export function runWasm(fn: L3Function, args: Arguments): Uint8Array[] {
  verifyL3(fn);
  const executable = device.load(
    fn.name,
    compileWasm(fn, { relaxed: device.support.relaxed, shared: false }),
  );
  const memories = args.buffers.map((data) => {
    const memory = device.allocate(data.length);
    device.write(memory, 0, data);
    return memory;
  });
  const block = {
    buffers: memories.map((_, buffer) => ({ buffer, byteOffset: 0 })),
    sizes: args.sizes ?? [],
    scalars: fn.scalars.map((kind, argument) => ({ kind, argument })),
  };
  device.program([{ executable, layout: layoutOf(fn), blocks: [block] }]).run(memories, args.scalars ?? []);
  return memories.map((memory) => {
    const data = device.read(memory, 0, memory.bytes);
    device.release(memory);
    return data;
  });
}

export function runReference(fn: L3Function, args: Arguments): Uint8Array[] {
  const buffers = args.buffers.map((data) => data.slice());
  interpretL3(fn, {
    buffers,
    sizes: args.sizes ?? [],
    scalars: args.scalars ?? [],
    fused: device.support.relaxed,
  });
  return buffers;
}

/** Which NaN comes out of an operation is unspecified; every other bit is not. */
function canonical(fn: L3Function, buffers: readonly Uint8Array[]): number[][] {
  return buffers.map((data, i) => {
    const { mem } = fn.buffers[i];
    if (mem !== 'f32' && mem !== 'f64') return [...data];
    const copy = data.slice().buffer;
    const floats = mem === 'f32' ? new Float32Array(copy) : new Float64Array(copy);
    floats.forEach((x, k) => {
      if (Number.isNaN(x)) floats[k] = Number.NaN;
    });
    return [...new Int32Array(copy)];
  });
}

export function expectSame(fn: L3Function, args: Arguments): void {
  const actual = canonical(fn, runWasm(fn, args));
  const wanted = canonical(fn, runReference(fn, args));
  if (JSON.stringify(actual) !== JSON.stringify(wanted)) expect(actual, printL3(fn)).toEqual(wanted);
}

export function bytesOf(data: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
}
