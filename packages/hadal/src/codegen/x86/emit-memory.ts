/** Loads and stores of all memory types, on scalars, vectors and masked vectors. */
import { InternalError } from '../../base/errors.js';
import type { Instr, Value } from '../../kernel/l3.js';
import { inverse, testMask } from './emit-control.js';
import type { Emitter } from './emitter.js';
import { I } from './instructions.js';
import type { Node } from './node.js';
import type { Mem } from './operands.js';
import { mem, poolMem, vec, xmms } from './operands.js';

type Load = Extract<Instr, { op: 'load' }>;
type Store = Extract<Instr, { op: 'store' }>;

export function load(e: Emitter, instr: Load): void {
  const n = e.node(instr.result);
  const at = e.address(instr);
  if (n.lanes > 1) {
    if (instr.mask && !e.wide) throw new InternalError('x86: masked memory operations need AVX-512');
    vectorLoad(e, instr, n, at);
    return;
  }
  if (!instr.mask) {
    scalarLoad(e, instr, n, at);
    return;
  }
  const off = e.asm.label();
  const done = e.asm.label();
  // Whatever the two ways need is taken before they part.
  const dst = n.cls === 'vec' ? e.vecResult(n) : e.gprResult(n);
  const condition = testMask(e, e.node(instr.mask));
  e.asm.jcc(inverse[condition], off);
  scalarLoadInto(e, instr, dst.kind === 'vec' ? xmms[dst.index] : dst, at);
  e.asm.jmp(done);
  e.asm.bind(off);
  if (dst.kind === 'vec') e.zero(dst);
  else e.asm.alu('xor', 32, dst, dst);
  e.asm.bind(done);
  if (dst.kind === 'vec') e.vecDone(n, dst);
  else e.gprDone(n, dst);
}

function scalarLoad(e: Emitter, instr: Load, n: Node, at: Mem): void {
  const dst = n.cls === 'vec' ? e.vecResult(n) : e.gprResult(n);
  scalarLoadInto(e, instr, dst, at);
  if (dst.kind === 'vec') e.vecDone(n, dst);
  else e.gprDone(n, dst);
}

function scalarLoadInto(
  e: Emitter,
  instr: Load,
  dst: ReturnType<Emitter['vecResult']> | ReturnType<Emitter['gprResult']>,
  at: Mem,
): void {
  const { asm } = e;
  if (dst.kind === 'vec') {
    asm.op(I.vmovssLoad, dst, at);
    return;
  }
  switch (instr.mem) {
    case 'f32':
      throw new InternalError('x86: a float in a general register');
    case 'i32':
      asm.mov(32, dst, at);
      return;
    case 'i64':
      asm.mov(64, dst, at);
      return;
    case 'u8':
      asm.movzx8(dst, at);
      return;
    case 'bool':
      // Any byte but zero is true.
      asm.movzx8(dst, at);
      asm.test(32, dst, dst);
      asm.setcc('ne', dst);
      asm.movzx8(dst, dst);
  }
}

function vectorLoad(e: Emitter, instr: Load, n: Node, at: Mem): void {
  const { asm } = e;
  const mask = instr.mask ? e.mask(instr.mask) : null;
  switch (instr.mem) {
    case 'i64':
      throw new InternalError('x86: int64 is scalar');
    case 'f32':
    case 'i32': {
      const dst = e.vecResult(n);
      if (mask) asm.masked(I.vmovups, mask, true, dst, at);
      else asm.op(I.vmovups, dst, at);
      e.vecDone(n, dst);
      return;
    }
    case 'u8': {
      const dst = e.vecResult(n);
      if (mask) asm.masked(I.vpmovzxbd, mask, true, dst, at);
      else asm.op(I.vpmovzxbd, dst, at);
      e.vecDone(n, dst);
      return;
    }
    case 'bool':
      if (e.wide) {
        const t = e.takeVec(128);
        if (mask) asm.masked(I.vmovdqu8, mask, true, t, at);
        else asm.op(I.vmovups, t, at);
        const dst = e.maskResult(n);
        asm.op(I.vptestmb, dst, t, t);
        e.maskDone(n, dst);
      } else {
        const t = e.takeVec(256);
        const dst = e.vecResult(n);
        e.zero(t);
        asm.op(I.vpmovzxbd, dst, at);
        asm.op(I.vpcmpgtd, dst, dst, t);
        e.vecDone(n, dst);
      }
  }
}

export function store(e: Emitter, instr: Store): void {
  const v = e.node(instr.value);
  if (v.lanes > 1) {
    if (instr.mask && !e.wide) throw new InternalError('x86: masked memory operations need AVX-512');
    vectorStore(e, instr, e.address(instr));
    return;
  }
  const at = e.address(instr);
  const skip = instr.mask ? e.asm.label() : -1;
  const source = v.cls === 'vec' ? e.vecOf(v) : storable(e, instr, v);
  if (instr.mask) {
    const condition = testMask(e, e.node(instr.mask));
    e.asm.jcc(inverse[condition], skip);
  }
  const byte = instr.mem === 'u8' || instr.mem === 'bool';
  if (typeof source === 'number')
    e.asm.movMemImm(byte ? 8 : instr.mem === 'i64' ? 64 : 32, at, byte ? source & 255 : source);
  else if (source.kind === 'vec') e.asm.op(I.vmovssStore, at, source);
  else if (byte) e.asm.store8(at, source);
  else e.asm.mov(instr.mem === 'i64' ? 64 : 32, at, source);
  if (instr.mask) e.asm.bind(skip);
}

/** A constant that fits the instruction, or a register. */
function storable(e: Emitter, instr: Store, n: Node): number | ReturnType<Emitter['gprOf']> {
  const source = e.gprSource(n);
  if (typeof source === 'number') return instr.mem === 'u8' || instr.mem === 'bool' ? source & 255 : source;
  return e.gprOf(n);
}

function vectorStore(e: Emitter, instr: Store, at: Mem): void {
  const { asm } = e;
  const mask = instr.mask ? e.mask(instr.mask) : null;
  switch (instr.mem) {
    case 'i64':
      throw new InternalError('x86: int64 is scalar');
    case 'f32':
    case 'i32': {
      const v = e.vec(instr.value);
      if (mask) asm.masked(I.vmovupsStore, mask, false, at, v);
      else asm.op(I.vmovupsStore, at, v);
      return;
    }
    case 'u8':
      if (e.wide) {
        const v = e.vec(instr.value);
        if (mask) asm.masked(I.vpmovdb, mask, false, at, v);
        else asm.op(I.vpmovdb, at, v);
      } else {
        storeLowBytes(e, instr.value, at, 255);
      }
      return;
    case 'bool':
      if (e.wide) storeMask(e, instr, at);
      else storeLowBytes(e, instr.value, at, 1);
  }
}

function storeMask(e: Emitter, instr: Store, at: Mem): void {
  const { asm } = e;
  const t = e.takeVec(128);
  const ones = asm.bytes('bytes1', () => new Uint8Array(16).fill(1));
  // The value first: its register may be the scratch that the store's mask needs next.
  asm.masked(I.vmovdqu8, e.mask(instr.value), true, t, poolMem(ones));
  if (instr.mask) asm.masked(I.vmovdqu8Store, e.mask(instr.mask), false, at, t);
  else asm.op(I.vmovupsStore, at, t);
}

/** Bytes 0, 4, 8, 12 of each half of a 256-bit vector, put into its lowest 4 bytes. */
function pickBytes(): Uint8Array {
  const out = new Uint8Array(32).fill(0x80);
  for (const half of [0, 16]) for (let i = 0; i < 4; i++) out[half + i] = 4 * i;
  return out;
}

function storeLowBytes(e: Emitter, value: Value, at: Mem, keep: number): void {
  const { asm } = e;
  const t = e.takeVec(256);
  const pick = poolMem(asm.bytes('pick', pickBytes));
  const v = e.vec(value);
  if (keep === 255) {
    asm.op(I.vpshufb, t, v, pick);
  } else {
    asm.op(I.vandps, t, v, e.lanesOf(keep));
    asm.op(I.vpshufb, t, t, pick);
  }
  asm.op(I.vmovssStore, at, xmms[t.index]);
  asm.op(I.vextractf128, xmms[t.index], vec(t.index, 256), 1);
  if (at.base === null) throw new InternalError('x86: a store to the constant pool');
  asm.op(I.vmovssStore, mem(at.base, at.disp + 4, at.index, at.scale), xmms[t.index]);
}
