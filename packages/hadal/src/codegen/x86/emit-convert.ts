/** Conversions by value and by bits, between general and vector registers and within each. */
import { InternalError } from '../../base/errors.js';
import type { Instr } from '../../kernel/l3.js';
import { isFloatKind } from '../../kernel/l3.js';
import type { Emitter } from './emitter.js';
import type { Form } from './instructions.js';
import { I } from './instructions.js';
import type { Node } from './node.js';
import { poolMem, xmms } from './operands.js';

type Op<K extends Instr['op']> = Extract<Instr, { op: K }>;

/** Scalars of every kind. */
export function scalarConvert(e: Emitter, instr: Op<'convert'>): void {
  const n = e.node(instr.result);
  const a = e.node(instr.a);
  if (isFloatKind(n.kind)) {
    if (isFloatKind(a.kind)) floatToFloat(e, instr, n, a);
    else integerToFloat(e, n, a);
  } else if (isFloatKind(a.kind)) {
    floatToInteger(e, instr, n, a);
  } else {
    integerToInteger(e, n, a);
  }
}

function integerToFloat(e: Emitter, n: Node, a: Node): void {
  const { asm } = e;
  const source = e.gprSource(a);
  const from = typeof source === 'number' || typeof source === 'bigint' ? e.gprOf(a) : source;
  const dst = e.vecResult(n);
  // The instruction keeps the upper lanes of its second operand: zeroing it cuts a false dependency.
  const base = xmms[dst.index];
  e.zero(dst);
  if (e.sizeOf(a) === 64) asm.op(n.kind === 'f64' ? I.vcvtsi2sd64 : I.vcvtsi2ss64, base, base, from);
  else asm.op(n.kind === 'f64' ? I.vcvtsi2sd32 : I.vcvtsi2ss32, base, base, from);
  e.vecDone(n, dst);
}

function floatToFloat(e: Emitter, instr: Op<'convert'>, n: Node, a: Node): void {
  const x = e.vec(instr.a);
  const dst = e.vecResult(n, x);
  if (n.kind === a.kind) e.vecInto(dst, a);
  else e.asm.op(n.kind === 'f64' ? I.vcvtss2sd : I.vcvtsd2ss, dst, x, x);
  e.vecDone(n, dst);
}

function floatToInteger(e: Emitter, instr: Op<'convert'>, n: Node, a: Node): void {
  const dst = e.gprResult(n);
  const source = e.vecOperand(instr.a);
  if (e.sizeOf(n) === 64) e.asm.op(a.kind === 'f64' ? I.vcvttsd2si64 : I.vcvttss2si64, dst, source);
  else e.asm.op(a.kind === 'f64' ? I.vcvttsd2si32 : I.vcvttss2si32, dst, source);
  e.gprDone(n, dst);
}

function integerToInteger(e: Emitter, n: Node, a: Node): void {
  const { asm } = e;
  const dst = e.gprResult(n);
  if (a.kind === 'i32' && e.sizeOf(n) === 64) {
    const source = e.gprSource(a);
    if (typeof source === 'number' || typeof source === 'bigint') asm.movImm(dst, source);
    else asm.movsxd(dst, source);
  } else if (a.kind === 'mask' || e.sizeOf(n) === 32) {
    const source = e.gprSource(a);
    if (typeof source === 'number') asm.movImm(dst, source);
    else if (typeof source === 'bigint') asm.movImm(dst, BigInt.asUintN(32, source));
    else if (source !== dst || a.kind !== 'mask') asm.mov(32, dst, source);
  } else {
    e.gprInto(dst, a);
  }
  e.gprDone(n, dst);
}

/** Conversions of vectors from or to 64-bit lanes. */
const betweenWidths: { readonly [pair: string]: Form<readonly ['v' | 'h', 'v' | 'h' | 'vm']> } = {
  'f32>f64': I.vcvtps2pd,
  'f64>f32': I.vcvtpd2ps,
  'i32>f64': I.vcvtdq2pd,
  'f64>i32': I.vcvttpd2dq,
  'i64>f64': I.vcvtqq2pd,
  'f64>i64': I.vcvttpd2qq,
  'i64>f32': I.vcvtqq2ps,
  'f32>i64': I.vcvttps2qq,
  'i32>i64': I.vpmovsxdq,
  'i64>i32': I.vpmovqd,
};

/** Conversions between vectors. */
export function vectorConvert(e: Emitter, instr: Op<'convert'>): void {
  const { asm } = e;
  const n = e.node(instr.result);
  if (instr.a.type.kind === 'mask') {
    const one = n.kind === 'f32' ? 0x3f800000 : 1;
    if (n.kind === 'f64' || n.kind === 'i64') {
      const mask = e.mask(instr.a);
      const dst = e.vecResult(n);
      asm.masked(I.vbroadcastsd, mask, true, dst, e.longOne(n.kind));
      e.vecDone(n, dst);
    } else if (e.wide) {
      const mask = e.mask(instr.a);
      const dst = e.vecResult(n);
      asm.masked(I.vbroadcastss, mask, true, dst, poolMem(asm.word(one)));
      e.vecDone(n, dst);
    } else {
      const mask = e.vec(instr.a);
      const dst = e.vecResult(n, mask);
      asm.op(I.vandps, dst, mask, e.lanesOf(one));
      e.vecDone(n, dst);
    }
    return;
  }
  const form = betweenWidths[`${instr.a.type.kind}>${n.kind}`];
  if (form !== undefined) {
    const a = e.vec(instr.a);
    const dst = e.vecResult(n, a);
    asm.op(form, dst, a);
    e.vecDone(n, dst);
    return;
  }
  const source = e.vecOperand(instr.a);
  const dst = e.vecResult(n, source.kind === 'vec' ? source : null);
  if (n.kind === instr.a.type.kind) e.vecInto(dst, e.node(instr.a));
  else asm.op(n.kind === 'f32' ? I.vcvtdq2ps : I.vcvttps2dq, dst, source);
  e.vecDone(n, dst);
}

/** The same bits in another kind of the same size. */
export function bitcast(e: Emitter, instr: Op<'bitcast'>): void {
  const n = e.node(instr.result);
  const a = e.node(instr.a);
  const wide = n.kind === 'f64' || n.kind === 'i64';
  if (n.cls === 'gpr') {
    const dst = e.gprResult(n);
    if (a.cls === 'gpr') e.gprInto(dst, a);
    else if (wide) e.asm.op(I.vmovqToGpr, dst, e.vecOf(a));
    else e.asm.op(I.vmovdToGpr, dst, e.vecOf(a));
    e.gprDone(n, dst);
  } else if (a.cls === 'gpr') {
    const dst = e.vecResult(n);
    if (wide) e.asm.op(I.vmovqFromGpr, dst, e.gprOf(a));
    else e.asm.op(I.vmovdFromGpr, dst, e.gprOf(a));
    e.vecDone(n, dst);
  } else if (a.cls === 'vec') {
    const dst = e.vecResult(n);
    e.vecInto(dst, a);
    e.vecDone(n, dst);
  } else {
    throw new InternalError('x86: masks have no bits to cast');
  }
}
