/** Emits loads, which push their result, and stores. */
import { InternalError } from '../../base/errors.js';
import type { Instr, MemType } from '../../kernel/l3.js';
import { memBytes } from '../../kernel/l3.js';
import type { FunctionEmitter } from './function-emitter.js';
import type { CodeWriter } from './function-writer.js';
import type { Opcode } from './opcodes.js';

type InstrOf<Op extends Instr['op']> = Extract<Instr, { op: Op }>;

/** The lowest byte of each of four 32-bit lanes, side by side, and the lowest two. */
const LOW_BYTES = [0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const LOW_PAIRS = [0, 1, 4, 5, 8, 9, 12, 13, 0, 0, 0, 0, 0, 0, 0, 0];

type WasmMemory = Exclude<MemType, 'f16'>;

function own(mem: MemType): WasmMemory {
  if (mem === 'f16') throw new InternalError('wasm: f16 is for targets that have float16');
  return mem;
}

const scalarLoad: { readonly [M in WasmMemory]: Opcode } = {
  f32: 'f32.load',
  f64: 'f64.load',
  i8: 'i32.load8_s',
  i16: 'i32.load16_s',
  i32: 'i32.load',
  i64: 'i64.load',
  u8: 'i32.load8_u',
  u16: 'i32.load16_u',
  u32: 'i64.load32_u',
  bool: 'i32.load8_u',
};
const scalarStore: { readonly [M in WasmMemory]: Opcode } = {
  f32: 'f32.store',
  f64: 'f64.store',
  i8: 'i32.store8',
  i16: 'i32.store16',
  i32: 'i32.store',
  i64: 'i64.store',
  u8: 'i32.store8',
  u16: 'i32.store16',
  u32: 'i64.store32',
  bool: 'i32.store8',
};
export function emitLoad(emitter: FunctionEmitter, instr: InstrOf<'load'>): void {
  const { code } = emitter.writer;
  if (instr.mask)
    throw new InternalError(`L3 ${emitter.context.fn.name}: masked loads are for targets with masks`);
  const offset = emitter.pushAddress(instr);
  if (instr.result.type.lanes > 1) {
    vectorLoad(code, instr.mem, offset);
    return;
  }
  code.memory(scalarLoad[own(instr.mem)], memBytes[instr.mem], offset);
  if (instr.mem === 'bool') {
    code.i32(0);
    code.op('i32.ne');
  }
}

function vectorLoad(code: CodeWriter, mem: MemType, offset: number): void {
  const align = memBytes[mem];
  switch (mem) {
    case 'f32':
    case 'i32':
      code.memory('v128.load', align, offset);
      return;
    case 'i16':
      code.memory('v128.load16x4_s', align, offset);
      return;
    case 'u16':
      code.memory('v128.load16x4_u', align, offset);
      return;
    case 'i8':
      code.memory('v128.load32_zero', align, offset);
      code.op('i16x8.extend_low_i8x16_s');
      code.op('i32x4.extend_low_i16x8_s');
      return;
    case 'u8':
    case 'bool':
      code.memory('v128.load32_zero', align, offset);
      code.op('i16x8.extend_low_i8x16_u');
      code.op('i32x4.extend_low_i16x8_u');
      if (mem === 'bool') {
        code.splat32(0);
        code.op('i32x4.ne');
      }
      return;
    case 'f16':
    case 'f64':
    case 'i64':
    case 'u32':
      throw new InternalError(`wasm: ${mem} is scalar`);
  }
}

export function emitStore(emitter: FunctionEmitter, instr: InstrOf<'store'>): void {
  const { code } = emitter.writer;
  if (instr.mask)
    throw new InternalError(`L3 ${emitter.context.fn.name}: masked stores are for targets with masks`);
  const offset = emitter.pushAddress(instr);
  emitter.push(instr.value);
  if (instr.value.type.lanes > 1) vectorStore(code, instr.mem, offset);
  else code.memory(scalarStore[own(instr.mem)], memBytes[instr.mem], offset);
}

function vectorStore(code: CodeWriter, mem: MemType, offset: number): void {
  const align = memBytes[mem];
  switch (mem) {
    case 'f32':
    case 'i32':
      code.memory('v128.store', align, offset);
      return;
    case 'i8':
    case 'u8':
    case 'i16':
    case 'u16':
    case 'bool': {
      if (mem === 'bool') {
        code.splat32(1);
        code.op('v128.and');
      }
      const pairs = memBytes[mem] === 2;
      code.splat32(0);
      code.shuffle(pairs ? LOW_PAIRS : LOW_BYTES);
      code.memory(pairs ? 'v128.store64_lane' : 'v128.store32_lane', align, offset);
      code.bytes.u8(0);
      return;
    }
    case 'f16':
    case 'f64':
    case 'i64':
    case 'u32':
      throw new InternalError(`wasm: ${mem} is scalar`);
  }
}
