/**
 * Writes the code of one WebAssembly function: instructions with their immediates, and locals by type. Locals come from a
 * pool, so that values whose blocks do not overlap share one. What must happen once, before everything else (constants and
 * arguments kept in locals), goes to a prologue of its own.
 */
import { ByteWriter } from './bytes.js';
import { type Opcode, opcode, valueType, type WasmType } from './opcodes.js';

/** Block type of a block without results. */
const VOID = 0x40;

/** Binary logarithms. */
const ALIGNMENT = { 1: 0, 2: 1, 4: 2, 8: 3 } as const;

const LOCAL_GET = opcode['local.get'];
const LOCAL_SET = opcode['local.set'];
const LOCAL_TEE = opcode['local.tee'];

export class CodeWriter {
  readonly bytes = new ByteWriter();

  op(name: Opcode): void {
    const code = opcode[name];
    if (code > 0xff) this.bytes.pair(code >> 16, code & 0xffff);
    else this.bytes.u8(code);
  }

  open(name: 'block' | 'loop' | 'if'): void {
    this.op(name);
    this.bytes.u8(VOID);
  }

  end(): void {
    this.op('end');
  }

  branchIf(depth: number): void {
    this.op('br_if');
    this.bytes.unsigned(depth);
  }

  call(fn: number): void {
    this.op('call');
    this.bytes.unsigned(fn);
  }

  get(local: number): void {
    this.bytes.pair(LOCAL_GET, local);
  }

  set(local: number): void {
    this.bytes.pair(LOCAL_SET, local);
  }

  tee(local: number): void {
    this.bytes.pair(LOCAL_TEE, local);
  }

  i32(value: number): void {
    this.op('i32.const');
    this.bytes.signed(value);
  }

  i64(value: bigint): void {
    this.op('i64.const');
    this.bytes.signed64(value);
  }

  f32(value: number): void {
    this.op('f32.const');
    this.bytes.float32(value);
  }

  f64(value: number): void {
    this.op('f64.const');
    this.bytes.float64(value);
  }

  v128(value: Uint8Array): void {
    this.op('v128.const');
    this.bytes.append(value);
  }

  /** One 32-bit pattern in all four lanes. */
  splat32(bits: number): void {
    this.v128(splatBytes(bits));
  }

  shuffle(lanes: readonly number[]): void {
    this.op('i8x16.shuffle');
    for (const lane of lanes) this.bytes.u8(lane);
  }

  lane(name: Opcode, lane: number): void {
    this.op(name);
    this.bytes.u8(lane);
  }

  /** A load or store; no alignment is promised beyond `alignBytes`. */
  memory(name: Opcode, alignBytes: 1 | 2 | 4 | 8, byteOffset: number): void {
    this.op(name);
    this.bytes.pair(ALIGNMENT[alignBytes], byteOffset);
  }
}

function splatBytes(bits: number): Uint8Array {
  return new Uint8Array(new Int32Array([bits, bits, bits, bits]).buffer);
}

export class FunctionWriter {
  readonly params: readonly WasmType[];
  readonly prologue = new CodeWriter();
  readonly code = new CodeWriter();
  readonly #locals: WasmType[];
  readonly #free: { readonly [T in WasmType]: number[] } = { i32: [], i64: [], f32: [], f64: [], v128: [] };

  constructor(params: readonly WasmType[]) {
    this.params = params;
    this.#locals = [...params];
  }

  local(type: WasmType): number {
    const reused = this.#free[type].pop();
    return reused ?? this.entryLocal(type);
  }

  /** A local that nothing used before and that is never given back. */
  entryLocal(type: WasmType): number {
    this.#locals.push(type);
    return this.#locals.length - 1;
  }

  release(local: number): void {
    this.#free[this.#locals[local]].push(local);
  }

  /** An entry of the code section. */
  finish(): Uint8Array {
    const out = new ByteWriter();
    const own = this.#locals.slice(this.params.length);
    const runs: { type: WasmType; count: number }[] = [];
    for (const type of own) {
      const last = runs.at(-1);
      if (last?.type === type) last.count++;
      else runs.push({ type, count: 1 });
    }
    out.unsigned(runs.length);
    for (const run of runs) {
      out.unsigned(run.count);
      out.u8(valueType[run.type]);
    }
    out.append(this.prologue.bytes.view());
    out.append(this.code.bytes.view());
    out.u8(opcode.end);
    return out.view().slice();
  }
}
