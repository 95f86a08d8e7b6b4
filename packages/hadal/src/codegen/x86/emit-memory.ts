/** Loads and stores of all memory types, on scalars, vectors and masked vectors. */
import { InternalError } from '../../base/errors.js';
import type { Instr, MemType } from '../../kernel/l3.js';
import { memBytes } from '../../kernel/l3.js';
import { inverse, testMask } from './emit-control.js';
import type { Emitter } from './emitter.js';
import type { Form } from './instructions.js';
import { I } from './instructions.js';
import type { NarrowSize, Size } from './integer-codes.js';
import type { Node } from './node.js';
import type { Mask, Mem, Vec } from './operands.js';
import { mem, poolMem, vec, xmms } from './operands.js';

type Load = Extract<Instr, { op: 'load' }>;
type Store = Extract<Instr, { op: 'store' }>;

/** How vcvtps2ph rounds, whatever MXCSR says. */
export const NEAREST_EVEN = 0;

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
  // Whatever the two ways need is taken before they part: a borrowed register is given back where they have met again.
  const dst = n.cls === 'vec' ? e.vecResult(n) : e.gprResult(n);
  const bits = instr.mem === 'f16' ? e.takeGpr() : null;
  const condition = testMask(e, e.node(instr.mask));
  e.asm.jcc(inverse[condition], off);
  scalarLoadInto(e, instr, dst.kind === 'vec' ? xmms[dst.index] : dst, at, bits);
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
  scalarLoadInto(e, instr, dst, at, instr.mem === 'f16' ? e.takeGpr() : null);
  if (dst.kind === 'vec') e.vecDone(n, dst);
  else e.gprDone(n, dst);
}

/** `bits` is a register for the bits of a float16. */
function scalarLoadInto(
  e: Emitter,
  instr: Load,
  dst: ReturnType<Emitter['vecResult']> | ReturnType<Emitter['gprResult']>,
  at: Mem,
  bits: ReturnType<Emitter['takeGpr']> | null,
): void {
  const { asm } = e;
  if (dst.kind === 'vec' && bits !== null) {
    // The conversion itself would read 8 bytes.
    asm.movzx16(bits, at);
    asm.op(I.vmovdFromGpr, dst, bits);
    asm.op(I.vcvtph2ps, dst, dst);
    return;
  }
  if (dst.kind === 'vec') {
    asm.op(instr.mem === 'f64' ? I.vmovsdLoad : I.vmovssLoad, dst, at);
    return;
  }
  switch (instr.mem) {
    case 'f16':
    case 'f32':
    case 'f64':
      throw new InternalError('x86: a float in a general register');
    case 'i8':
      asm.movsx8(dst, at);
      return;
    case 'i16':
      asm.movsx16(dst, at);
      return;
    case 'u16':
      asm.movzx16(dst, at);
      return;
    case 'i32':
    case 'u32':
      // Zeroes the upper half.
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

const widening: {
  readonly [M in 'f16' | 'i8' | 'u8' | 'i16' | 'u16']: Form<readonly ['v', 'xm' | 'hm']>;
} = {
  f16: I.vcvtph2ps,
  i8: I.vpmovsxbd,
  u8: I.vpmovzxbd,
  i16: I.vpmovsxwd,
  u16: I.vpmovzxwd,
};

function vectorLoad(e: Emitter, instr: Load, n: Node, at: Mem): void {
  const { asm } = e;
  const mask = instr.mask ? e.mask(instr.mask) : null;
  switch (instr.mem) {
    case 'f64':
    case 'i64':
    case 'u32': {
      const form: Form<readonly ['v', 'hm' | 'vm']> = instr.mem === 'u32' ? I.vpmovzxdq : I.vmovupd;
      const dst = e.vecResult(n);
      if (mask) asm.masked(form, mask, true, dst, at);
      else asm.op(form, dst, at);
      e.vecDone(n, dst);
      return;
    }
    case 'f32':
    case 'i32': {
      const dst = e.vecResult(n);
      if (mask) asm.masked(I.vmovups, mask, true, dst, at);
      else asm.op(I.vmovups, dst, at);
      e.vecDone(n, dst);
      return;
    }
    case 'f16':
    case 'i8':
    case 'u8':
    case 'i16':
    case 'u16': {
      const dst = e.vecResult(n);
      const form = widening[instr.mem];
      if (mask) asm.masked(form, mask, true, dst, at);
      else asm.op(form, dst, at);
      e.vecDone(n, dst);
      return;
    }
    case 'bool':
      if (n.lanes === 8 && e.wide) {
        // Masks of 8 lanes may have bits set beyond them, which a mask of bytes would go by.
        const t = e.takeVec(256);
        if (mask) asm.masked(I.vpmovzxbd, mask, true, t, at);
        else asm.op(I.vpmovzxbd, t, at);
        const dst = e.maskResult(n);
        asm.op(I.vptestmd, dst, t, t);
        e.maskDone(n, dst);
      } else if (e.wide) {
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
  const source = v.cls === 'gpr' ? storable(e, v) : instr.mem === 'f16' ? halfBits(e, v) : e.vecOf(v);
  if (instr.mask) {
    const condition = testMask(e, e.node(instr.mask));
    e.asm.jcc(inverse[condition], skip);
  }
  const size = storeSize[instr.mem];
  if (typeof source === 'number')
    e.asm.movMemImm(size, at, size === 8 ? source & 255 : size === 16 ? source & 65535 : source);
  else if (source.kind === 'vec') e.asm.op(size === 64 ? I.vmovsdStore : I.vmovssStore, at, source);
  else if (size === 8) e.asm.store8(at, source);
  else if (size === 16) e.asm.store16(at, source);
  else e.asm.mov(size, at, source);
  if (instr.mask) e.asm.bind(skip);
}

/** The float16 bits of a scalar. */
function halfBits(e: Emitter, n: Node): ReturnType<Emitter['takeGpr']> {
  const [t, bits] = [e.takeVec(128), e.takeGpr()];
  e.asm.op(I.vcvtps2ph, t, e.vecOf(n), NEAREST_EVEN);
  e.asm.op(I.vmovdToGpr, bits, t);
  return bits;
}

/** A constant that fits the instruction, or a register. */
function storable(e: Emitter, n: Node): number | ReturnType<Emitter['gprOf']> {
  const source = e.gprSource(n);
  return typeof source === 'number' ? source : e.gprOf(n);
}

const storeSize: { readonly [M in MemType]: NarrowSize | Size } = {
  f16: 16,
  f32: 32,
  f64: 64,
  i8: 8,
  i16: 16,
  i32: 32,
  i64: 64,
  u8: 8,
  u16: 16,
  u32: 32,
  bool: 8,
};

function vectorStore(e: Emitter, instr: Store, at: Mem): void {
  const { asm } = e;
  const mask = instr.mask ? e.mask(instr.mask) : null;
  switch (instr.mem) {
    case 'f64':
    case 'i64':
    case 'u32': {
      const form = instr.mem === 'u32' ? I.vpmovqdStore : I.vmovupdStore;
      const v = e.vec(instr.value);
      if (mask) asm.masked(form, mask, false, at, v);
      else asm.op(form, at, v);
      return;
    }
    case 'f16': {
      const v = e.vec(instr.value);
      if (mask) asm.masked(I.vcvtps2phStore, mask, false, at, v, NEAREST_EVEN);
      else asm.op(I.vcvtps2phStore, at, v, NEAREST_EVEN);
      return;
    }
    case 'f32':
    case 'i32': {
      const v = e.vec(instr.value);
      if (instr.streamed && (mask === null || v.width === 512)) streamedStore(e, at, v, mask);
      else if (mask) asm.masked(I.vmovupsStore, mask, false, at, v);
      else asm.op(I.vmovupsStore, at, v);
      return;
    }
    case 'i8':
    case 'u8':
    case 'i16':
    case 'u16': {
      const bytes = memBytes[instr.mem];
      const v = e.vec(instr.value);
      if (e.wide) {
        const form = bytes === 2 ? I.vpmovdw : I.vpmovdb;
        if (mask) asm.masked(form, mask, false, at, v);
        else asm.op(form, at, v);
      } else {
        storeLow(e, v, at, bytes === 2 ? 2 : 1, e.takeVec(256));
      }
      return;
    }
    case 'bool':
      if (e.wide) {
        storeMask(e, instr, at);
      } else {
        const t = e.takeVec(256);
        asm.op(I.vandps, t, e.vec(instr.value), e.lanesOf(1));
        storeLow(e, t, at, 1, t);
      }
  }
}

/** All lanes of a mask of 16. */
const ALL_ON = 0xffff;

/** Past the caches where the address allows it, a multiple of the vector's size, and no lane is off. */
function streamedStore(e: Emitter, at: Mem, v: Vec, mask: Mask | null): void {
  const { asm } = e;
  const address = e.takeGpr();
  const [unaligned, done] = [asm.label(), asm.label()];
  if (mask) {
    asm.op(I.kmovwToGpr, address, mask);
    asm.alu('cmp', 32, address, ALL_ON);
    asm.jcc('ne', unaligned);
  }
  asm.lea(address, at);
  asm.alu('and', 32, address, v.width / 8 - 1);
  asm.jcc('ne', unaligned);
  asm.op(I.vmovntps, at, v);
  asm.jmp(done);
  asm.bind(unaligned);
  if (mask) asm.masked(I.vmovupsStore, mask, false, at, v);
  else asm.op(I.vmovupsStore, at, v);
  asm.bind(done);
  e.hasStreamed = true;
}

function storeMask(e: Emitter, instr: Store, at: Mem): void {
  const { asm } = e;
  if (instr.value.type.lanes === 8) {
    const t = e.takeVec(256);
    asm.masked(I.vbroadcastss, e.mask(instr.value), true, t, poolMem(asm.word(1)));
    if (instr.mask) asm.masked(I.vpmovdb, e.mask(instr.mask), false, at, t);
    else asm.op(I.vpmovdb, at, t);
    return;
  }
  const t = e.takeVec(128);
  const ones = asm.bytes('bytes1', () => new Uint8Array(16).fill(1));
  // The value first: its register may be the scratch that the store's mask needs next.
  asm.masked(I.vmovdqu8, e.mask(instr.value), true, t, poolMem(ones));
  if (instr.mask) asm.masked(I.vmovdqu8Store, e.mask(instr.mask), false, at, t);
  else asm.op(I.vmovupsStore, at, t);
}

/** The lowest bytes of the 4 lanes in each half of a 256-bit vector, put side by side at the half's start. */
function pickLow(bytes: 1 | 2): Uint8Array {
  // An index with its highest bit set gives zero.
  const out = new Uint8Array(32).fill(0x80);
  for (const half of [0, 16])
    for (let i = 0; i < 4 * bytes; i++) out[half + i] = 4 * Math.floor(i / bytes) + (i % bytes);
  return out;
}

/** The lowest bytes of each lane, on AVX2; `t` is overwritten and may be `v`. */
function storeLow(e: Emitter, v: Vec, at: Mem, bytes: 1 | 2, t: Vec): void {
  const { asm } = e;
  if (at.base === null) throw new InternalError('x86: a store to the constant pool');
  const form = bytes === 2 ? I.vmovsdStore : I.vmovssStore;
  asm.op(I.vpshufb, t, v, poolMem(asm.bytes(`pick${bytes}`, () => pickLow(bytes))));
  asm.op(form, at, xmms[t.index]);
  asm.op(I.vextractf128, xmms[t.index], vec(t.index, 256), 1);
  asm.op(form, mem(at.base, at.disp + 4 * bytes, at.index, at.scale), xmms[t.index]);
}
