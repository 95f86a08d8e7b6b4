/**
 * The state of one compilation and access to values: where each lies, how it gets into a register or stays a memory operand,
 * and scratch registers for the length of one L3 instruction.
 *
 * The frame, from rsp up: the caller's rsp, the blocks left, room for borrowed registers, then the spill slots. Where an
 * instruction needs more scratch registers than are set aside, it uses one that the function never uses, or borrows one and
 * gives its value back afterwards.
 */
import { InternalError, known } from '../../base/errors.js';
import { SLOT_BYTES } from '../../kernel/abi.js';
import type { Instr, Value } from '../../kernel/l3.js';
import { memBytes, operandsOf } from '../../kernel/l3.js';
import type { Allocation, RegisterFile } from './allocate.js';
import { registerFile } from './allocate.js';
import type { Analysis } from './analysis.js';
import type { Assembler, Size } from './assembler.js';
import type { X86Features } from './features.js';
import { I } from './instructions.js';
import { resolved } from './intervals.js';
import type { Node, Recompute } from './node.js';
import { nameOf } from './node.js';
import type { Gpr, Mask, Mem, Scale, Vec, Width } from './operands.js';
import { broadcastMem, gprs, masks, mem, poolMem, rdi, rsp, vec, xmms } from './operands.js';

/** Offsets in the frame. */
export const frame = {
  callerStack: 0,
  count: 8,
  borrowedGpr: 16,
  saved: 64,
  borrowedVec: 128,
  spills: 384,
} as const;
const borrowLimit = { gpr: 6, vec: 4 } as const;

/** Caller-saved registers that may be used without saving them, apart from rax, rdx and rdi. */
const freeGprs = [1, 6, 8, 9, 10, 11];

export type Access = Pick<Extract<Instr, { op: 'load' }>, 'buffer' | 'mem' | 'index' | 'offset'>;

function isLong(n: Node): boolean {
  return n.kind === 'f64' || n.kind === 'i64';
}

export class Emitter {
  /** Whether some store goes past the caches. */
  hasStreamed = false;
  readonly asm: Assembler;
  readonly analysis: Analysis;
  readonly wide: boolean;
  readonly width: Width;
  /** Whether the function's vectors are of 64-bit elements; those of 32 bits then take half of a register. */
  readonly #halves: boolean;
  readonly #file: RegisterFile;
  readonly #allocation: Allocation;
  readonly #nodes: Analysis['nodes'];
  #current: Instr | null = null;
  /** Scratch registers in use by the current instruction, as bits. */
  readonly #taken = { gpr: 0, vec: 0 };
  readonly #borrowed: { readonly cls: 'gpr' | 'vec'; readonly reg: number; readonly at: number }[] = [];

  constructor(asm: Assembler, analysis: Analysis, allocation: Allocation, features: X86Features) {
    this.asm = asm;
    this.analysis = analysis;
    this.wide = features.level === 'avx512';
    this.width = this.wide ? 512 : 256;
    this.#halves = analysis.fn.wide;
    this.#file = registerFile(features);
    this.#allocation = allocation;
    this.#nodes = analysis.nodes;
  }

  node(v: Value): Node {
    const n = this.#nodes[v.id];
    if (n === undefined) throw new InternalError(`x86: %${v.id} has no definition`);
    return n;
  }

  // --- scratch registers -----------------------------------------------------------------------------------------------

  begin(instr: Instr): void {
    this.#current = instr;
  }

  end(): void {
    const taken = this.#taken;
    taken.gpr = 0;
    taken.vec = 0;
    if (this.#borrowed.length > 0) this.#giveBack();
  }

  #giveBack(): void {
    for (const b of this.#borrowed) {
      if (b.cls === 'gpr') this.asm.mov(64, gprs[b.reg], mem(rsp, b.at));
      else this.asm.op(I.vmovups, vec(b.reg, this.width), mem(rsp, b.at));
    }
    this.#borrowed.length = 0;
  }

  takeGpr(): Gpr {
    const taken = this.#taken;
    const { gpr } = this.#file.scratch;
    for (let i = 0; i < gpr.length; i++) {
      const bit = 1 << gpr[i];
      if (taken.gpr & bit) continue;
      taken.gpr |= bit;
      return gprs[gpr[i]];
    }
    return gprs[this.#take('gpr')];
  }
  takeVec(width: Width): Vec {
    return vec(this.#take('vec'), width);
  }
  /** Sets a scratch register aside for the current instruction. */
  claim(r: Gpr): void {
    if (this.#taken.gpr & (1 << r.index)) throw new InternalError('x86: the register is already taken');
    this.#taken.gpr |= 1 << r.index;
  }

  isScratch(r: Gpr | Vec): boolean {
    return (this.#taken[r.kind] & (1 << r.index)) !== 0;
  }

  #take(cls: 'gpr' | 'vec'): number {
    const used = this.#allocation.used[cls];
    const extra = cls === 'gpr' ? freeGprs : this.#file.order.vec;
    const scratch = this.#file.scratch[cls];
    for (let i = 0; i < scratch.length; i++) {
      if ((this.#taken[cls] & (1 << scratch[i])) === 0) return this.#mark(cls, scratch[i]);
    }
    for (const r of extra) {
      if (((this.#taken[cls] | used) & (1 << r)) === 0) return this.#mark(cls, r);
    }
    const busy = this.#busy(cls) | this.#taken[cls];
    const reg = known(
      this.#file.order[cls].find((r) => (busy & (1 << r)) === 0),
      'a register to borrow',
    );
    const already = this.#borrowed.filter((b) => b.cls === cls).length;
    if (already >= borrowLimit[cls]) throw new InternalError('x86: too many scratch registers');
    const at = cls === 'gpr' ? frame.borrowedGpr + 8 * already : frame.borrowedVec + 64 * already;
    if (cls === 'gpr') this.asm.mov(64, mem(rsp, at), gprs[reg]);
    else this.asm.op(I.vmovupsStore, mem(rsp, at), vec(reg, this.width));
    this.#borrowed.push({ cls, reg, at });
    return this.#mark(cls, reg);
  }

  #mark(cls: 'gpr' | 'vec', reg: number): number {
    this.#taken[cls] |= 1 << reg;
    return reg;
  }

  /** Registers of a class that the current instruction reads or writes. */
  #busy(cls: 'gpr' | 'vec'): number {
    let bits = 0;
    const add = (n: Node): void => {
      if (n.cls === cls && n.reg >= 0) bits |= 1 << n.reg;
    };
    const visit = (instr: Instr): void => {
      for (const v of operandsOf(instr)) {
        const n = this.node(v);
        add(n);
        if (n.virtual !== 'no' && n.def) visit(n.def);
      }
      if (instr.op === 'load' || instr.op === 'store' || instr.op === 'prefetch')
        add(this.analysis.buffers[instr.buffer]);
      if (instr.op === 'zip') add(this.analysis.zipOrder(instr.half));
      if ('result' in instr) add(this.node(instr.result));
    };
    if (this.#current) visit(this.#current);
    return bits;
  }

  // --- places ----------------------------------------------------------------------------------------------------------

  slotOf(n: Node): Mem {
    return mem(rsp, frame.spills + n.slot);
  }
  argument(slot: number): Mem {
    return mem(rdi, slot * SLOT_BYTES);
  }

  sizeOf(n: Node): Size {
    return n.kind === 'i32' || n.kind === 'mask' ? 32 : 64;
  }
  widthOf(n: Node): Width {
    if (n.lanes === 1) return 128;
    return this.#halves && (n.kind === 'f32' || n.kind === 'i32') ? 256 : this.width;
  }

  /** The memory that a load or store names. */
  address(instr: Access): Mem {
    const { base, offset } = resolved(this.node(instr.index));
    const bytes = memBytes[instr.mem];
    const disp = (offset + instr.offset) * bytes;
    const pointer = this.gprOf(this.analysis.buffers[instr.buffer]);
    if (disp !== (disp | 0)) {
      const total = this.takeGpr();
      this.asm.movImm(total, disp);
      if (base) {
        this.asm.alu('add', 64, total, pointer);
        return mem(total, 0, this.gprOf(base), bytes as Scale);
      }
      return mem(pointer, 0, total, 1);
    }
    return base !== null ? mem(pointer, disp, this.gprOf(base), bytes as Scale) : mem(pointer, disp);
  }

  #load(n: Node): Mem {
    const def = n.def;
    if (def?.op !== 'load') throw new InternalError(`x86: ${nameOf(n)} is not a load`);
    return this.address(def);
  }

  // --- general registers -----------------------------------------------------------------------------------------------

  gpr(v: Value): Gpr {
    return this.gprOf(this.node(v));
  }

  gprOf(n: Node): Gpr {
    if (n.reg >= 0) return gprs[n.reg];
    const r = this.takeGpr();
    this.gprInto(r, n);
    return r;
  }

  gprInto(dst: Gpr, n: Node): void {
    const src = this.gprSource(n);
    if (typeof src === 'number') this.asm.movImm(dst, src);
    else if (typeof src === 'bigint') this.asm.movImm(dst, src);
    else if (src !== dst) this.asm.mov(this.sizeOf(n), dst, src);
  }

  /** Where an integer can be read from: a register, memory, or a constant (bigint where it needs more than 32 bits). */
  gprSource(n: Node): Gpr | Mem | number | bigint {
    if (n.reg >= 0) return gprs[n.reg];
    const r = n.recompute;
    if (r !== null) {
      if (r.from === 'integer') {
        const value = this.sizeOf(n) === 32 ? Number(r.value) | 0 : r.value;
        const small = Number(value);
        return small === (small | 0) ? small : BigInt(value);
      }
      if (r.from === 'argument') return this.argument(r.slot);
    }
    if (n.virtual === 'memory') return this.#load(n);
    if (n.spilled) return this.slotOf(n);
    throw new InternalError(`x86: ${nameOf(n)} has no place`);
  }

  /** As an operand of an instruction that takes a register, memory or a 32-bit constant. */
  gprOperand(n: Node): Gpr | Mem | number {
    const src = this.gprSource(n);
    if (typeof src !== 'bigint') return src;
    const r = this.takeGpr();
    this.asm.movImm(r, src);
    return r;
  }

  /** A register for a result; `reuse` is a scratch register whose value is no longer needed when the result is written. */
  gprResult(n: Node, reuse: Gpr | null = null): Gpr {
    if (n.reg >= 0) return gprs[n.reg];
    return reuse && this.isScratch(reuse) ? reuse : this.takeGpr();
  }
  gprDone(n: Node, r: Gpr): void {
    if (n.reg >= 0) {
      if (n.reg !== r.index) this.asm.mov(this.sizeOf(n), gprs[n.reg], r);
    } else if (n.spilled) {
      this.asm.mov(64, this.slotOf(n), r);
    }
  }

  // --- vector registers ------------------------------------------------------------------------------------------------

  vec(v: Value): Vec {
    return this.vecOf(this.node(v));
  }

  vecOf(n: Node): Vec {
    if (n.reg >= 0) return vec(n.reg, this.widthOf(n));
    const r = this.takeVec(this.widthOf(n));
    this.vecInto(r, n);
    return r;
  }

  vecInto(dst: Vec, n: Node): void {
    const { asm } = this;
    if (n.reg >= 0) {
      if (n.reg !== dst.index) asm.op(I.vmovaps, dst, vec(n.reg, dst.width));
      return;
    }
    const r = n.recompute;
    if (r?.from === 'double' || r?.from === 'long') {
      if (Object.is(r.value, 0) || r.value === 0n) this.zero(dst);
      else if (n.lanes > 1) asm.op(I.vbroadcastsd, dst, this.#eight(r));
      else asm.op(I.vmovsdLoad, dst, this.#eight(r));
      return;
    }
    if (r?.from === 'bits' || r?.from === 'mask') {
      const bits = r.from === 'bits' ? r.bits : r.on ? -1 : 0;
      if (bits === 0) this.zero(dst);
      else if (n.lanes > 1) asm.op(I.vbroadcastss, dst, poolMem(asm.word(bits)));
      else asm.op(I.vmovssLoad, dst, poolMem(asm.word(bits)));
      return;
    }
    if (r?.from === 'lanes') {
      asm.op(
        I.vmovups,
        dst,
        poolMem(asm.bytes(r.name, () => new Uint8Array(Int32Array.from(r.lanes).buffer))),
      );
      return;
    }
    const src = this.#vecMemory(n);
    if (n.lanes === 1) asm.op(n.kind === 'f64' ? I.vmovsdLoad : I.vmovssLoad, dst, src);
    else if (r?.from === 'argument' || src.broadcast)
      asm.op(isLong(n) ? I.vbroadcastsd : I.vbroadcastss, dst, { ...src, broadcast: false });
    else asm.op(I.vmovups, dst, src);
  }

  zero(dst: Vec): void {
    const x = xmms[dst.index];
    this.asm.op(I.vxorps, x, x, x);
  }

  /** As the operand of an instruction that takes a register or memory, with embedded broadcast on AVX-512. */
  vecOperand(v: Value): Vec | Mem {
    const n = this.node(v);
    if (n.reg >= 0) return vec(n.reg, this.widthOf(n));
    const r = n.recompute;
    if (r?.from === 'double' || r?.from === 'long')
      return n.lanes > 1 ? broadcastMem(this.#eight(r)) : this.#eight(r);
    if (r?.from === 'bits' || r?.from === 'mask') {
      const bits = r.from === 'bits' ? r.bits : r.on ? -1 : 0;
      return n.lanes > 1 ? this.lanesOf(bits) : poolMem(this.asm.word(bits));
    }
    if (r?.from === 'argument' && n.lanes > 1 && !this.wide) return this.vecOf(n);
    return this.#vecMemory(n);
  }

  /** The same bits in each lane of a full vector, as a memory operand. */
  lanesOf(bits: number): Mem {
    if (this.wide) return broadcastMem(poolMem(this.asm.word(bits)));
    return this.#repeated(bits, 32);
  }
  /**
   * Bits for the logic operations, which read whole vectors even for scalars. Those of an f64 are in its high half, with
   * `low` in its low half.
   */
  logicBits(bits: number, n: Node, low: number): Mem {
    if (n.lanes > 1 && !isLong(n)) return this.lanesOf(bits);
    if (n.lanes > 1)
      return broadcastMem(this.#eight({ from: 'long', value: (BigInt(bits) << 32n) | BigInt(low >>> 0) }));
    if (n.kind !== 'f64') return this.#repeated(bits, 16);
    return poolMem(
      this.asm.bytes(`pair:${low}:${bits}`, () => new Uint8Array(Int32Array.of(low, bits, low, bits).buffer)),
    );
  }
  /** 1 as an f64 or an i64, in memory. */
  longOne(kind: 'f64' | 'i64'): Mem {
    return this.#eight(kind === 'f64' ? { from: 'double', value: 1 } : { from: 'long', value: 1n });
  }
  #eight(r: Extract<Recompute, { from: 'double' | 'long' }>): Mem {
    const words =
      r.from === 'double' ? Float64Array.of(r.value) : BigInt64Array.of(BigInt.asIntN(64, r.value));
    const bytes = new Uint8Array(words.buffer);
    return poolMem(this.asm.bytes(`eight:${bytes.join()}`, () => bytes));
  }
  #repeated(bits: number, bytes: number): Mem {
    return poolMem(
      this.asm.bytes(`${bytes}:${bits}`, () => new Uint8Array(new Int32Array(bytes / 4).fill(bits).buffer)),
    );
  }

  #vecMemory(n: Node): Mem {
    if (n.recompute?.from === 'argument') {
      const m = this.argument(n.recompute.slot);
      return n.lanes > 1 ? broadcastMem(m) : m;
    }
    if (n.spilled) return this.slotOf(n);
    if (n.virtual === 'memory' && n.def?.op === 'broadcast')
      return broadcastMem(this.#load(this.node(n.def.a)));
    if (n.virtual === 'memory') return this.#load(n);
    throw new InternalError(`x86: ${nameOf(n)} has no place`);
  }

  inRegister(v: Value): boolean {
    return this.node(v).reg >= 0;
  }

  vecResult(n: Node, reuse: Vec | null = null): Vec {
    const width = this.widthOf(n);
    if (n.reg >= 0) return vec(n.reg, width);
    return reuse && this.isScratch(reuse) ? vec(reuse.index, width) : this.takeVec(width);
  }
  vecDone(n: Node, r: Vec): void {
    if (n.reg >= 0) {
      if (n.reg !== r.index)
        this.asm.op(I.vmovaps, vec(n.reg, this.widthOf(n)), vec(r.index, this.widthOf(n)));
    } else if (n.spilled) {
      this.#storeVec(this.slotOf(n), n, r);
    }
  }
  #storeVec(at: Mem, n: Node, r: Vec): void {
    if (n.lanes > 1) this.asm.op(I.vmovupsStore, at, vec(r.index, this.width));
    else this.asm.op(n.kind === 'f64' ? I.vmovsdStore : I.vmovssStore, at, xmms[r.index]);
  }

  // --- mask registers (AVX-512, more than one lane) --------------------------------------------------------------------

  /** The mask's register, or `scratch` filled with it. */
  mask(v: Value, scratch: Mask = masks[7]): Mask {
    const n = this.node(v);
    if (n.reg >= 0) return masks[n.reg];
    this.maskInto(scratch, n);
    return scratch;
  }

  maskInto(dst: Mask, n: Node): void {
    if (n.reg >= 0) {
      if (n.reg !== dst.index) this.asm.op(I.kmovw, dst, masks[n.reg]);
    } else if (n.recompute?.from === 'mask') {
      if (n.recompute.on) this.asm.op(I.kxnorw, dst, dst, dst);
      else this.asm.op(I.kxorw, dst, dst, dst);
    } else if (n.spilled) {
      this.asm.op(I.kmovwLoad, dst, this.slotOf(n));
    } else {
      throw new InternalError(`x86: ${nameOf(n)} has no place`);
    }
  }

  maskResult(n: Node): Mask {
    return n.reg >= 0 ? masks[n.reg] : masks[0];
  }
  maskDone(n: Node, r: Mask): void {
    if (n.spilled) this.asm.op(I.kmovwStore, this.slotOf(n), r);
  }

  // --- moves -----------------------------------------------------------------------------------------------------------

  /** Copies a value from one place to another. */
  move(to: Node, from: Node): void {
    if (to.reg < 0 && !to.spilled) return;
    if (to.cls === 'gpr') {
      if (to.reg >= 0) {
        this.gprInto(gprs[to.reg], from);
        return;
      }
      const src = this.gprSource(from);
      if (typeof src === 'number') this.asm.movMemImm(64, this.slotOf(to), src);
      else this.asm.mov(64, this.slotOf(to), this.gprOf(from));
    } else if (to.cls === 'vec') {
      if (to.reg >= 0) this.vecInto(vec(to.reg, this.widthOf(to)), from);
      else this.#storeVec(this.slotOf(to), to, this.vecOf(from));
    } else if (to.reg >= 0) {
      this.maskInto(masks[to.reg], from);
    } else {
      const r = from.reg >= 0 ? masks[from.reg] : masks[0];
      if (from.reg < 0) this.maskInto(r, from);
      this.asm.op(I.kmovwStore, this.slotOf(to), r);
    }
    // Between moves nothing is kept in scratch registers.
    this.end();
  }
}
