/**
 * Integer division. Indices divide unsigned and never by zero; i32 and i64 cut off towards zero, give 0 for a divisor of 0, and
 * must not reach `idiv` with operands that it traps on. Vectors of i32 divide as float64: a quotient of 32-bit integers that is
 * not whole differs from the next whole number by more than 2^-31 of itself, far more than float64 rounds by. Vectors of half the width, in
 * functions whose lanes are of 64 bits, take one division.
 */
import type { Instr } from '../../kernel/l3.js';
import type { Emitter } from './emitter.js';
import { I } from './instructions.js';
import type { Node } from './node.js';
import type { Gpr } from './operands.js';
import { masks, rax, rdx, vec, xmms } from './operands.js';

type Quotient = 'div' | 'rem';

export function integerConstant(n: Node): number | null {
  if (n.recompute === null || n.recompute.from !== 'integer') return null;
  const x = Number(n.recompute.value);
  return Number.isSafeInteger(x) ? x : null;
}

export function powerOfTwo(n: Node): number {
  const x = integerConstant(n);
  if (x === null || x <= 0 || x >= 2 ** 52) return -1;
  if (x < 2 ** 31) return (x & (x - 1)) === 0 ? 31 - Math.clz32(x) : -1;
  return Number.isInteger(Math.log2(x)) ? Math.log2(x) : -1;
}

/** Floor division of indices. The dividend goes through rdx:rax, which no value lives in. */
export function divideIndex(e: Emitter, op: Quotient, n: Node, a: Node, b: Node): void {
  const { asm } = e;
  const shift = powerOfTwo(b);
  if (shift >= 0 && shift < 31) {
    const dst = e.gprResult(n);
    e.gprInto(dst, a);
    if (op === 'rem') asm.alu('and', 64, dst, 2 ** shift - 1);
    else if (shift > 0) asm.shift('shr', 64, dst, shift);
    e.gprDone(n, dst);
    return;
  }
  e.claim(rax);
  e.claim(rdx);
  const operand = e.gprOperand(b);
  let divisor = operand;
  if (typeof divisor === 'number') {
    const r = e.takeGpr();
    asm.movImm(r, divisor);
    divisor = r;
  }
  e.gprInto(rax, a);
  asm.alu('xor', 32, rdx, rdx);
  asm.unary('div', 64, divisor);
  e.gprDone(n, op === 'div' ? rax : rdx);
}

export function divideSigned(e: Emitter, op: Quotient, n: Node, a: Node, b: Node): void {
  const { asm } = e;
  const size = e.sizeOf(n);
  e.claim(rax);
  e.claim(rdx);
  const divisor = e.gprOf(b);
  e.gprInto(rax, a);
  const known = b.recompute?.from === 'integer' ? BigInt(b.recompute.value) : null;
  const done = asm.label();
  // A constant of 32 bits may be written as an unsigned number.
  if (known === null || BigInt.asIntN(size, known) === 0n) {
    const usual = asm.label();
    asm.test(size, divisor, divisor);
    asm.jcc('ne', usual);
    zero(e, rax);
    zero(e, rdx);
    asm.jmp(done);
    asm.bind(usual);
  }
  if (known === null || BigInt.asIntN(size, known) === -1n) {
    const usual = asm.label();
    asm.alu('cmp', size, divisor, -1);
    asm.jcc('ne', usual);
    asm.unary('neg', size, rax);
    zero(e, rdx);
    asm.jmp(done);
    asm.bind(usual);
  }
  asm.extendDividend(size);
  asm.unary('idiv', size, divisor);
  asm.bind(done);
  e.gprDone(n, op === 'div' ? rax : rdx);
}

function zero(e: Emitter, r: Gpr): void {
  e.asm.alu('xor', 32, r, r);
}

export function vectorDivide(e: Emitter, op: Quotient, instr: Extract<Instr, { op: 'binary' }>): void {
  const { asm, width } = e;
  const n = e.node(instr.result);
  const a = e.vec(instr.a).index;
  const b = e.vec(instr.b).index;
  const [q, t, u] = [e.takeVec(width).index, e.takeVec(width).index, e.takeVec(width).index];
  const half = width === 512 ? 256 : 128;
  const own = e.widthOf(n);

  asm.op(I.vcvtdq2pd, vec(q, width), vec(a, half));
  asm.op(I.vcvtdq2pd, vec(t, width), vec(b, half));
  asm.op(I.vdivpd, vec(q, width), vec(q, width), vec(t, width));
  asm.op(I.vcvttpd2dq, vec(q, half), vec(q, width));
  if (own === width) {
    upperHalf(e, t, b);
    upperHalf(e, u, a);
    asm.op(I.vcvtdq2pd, vec(t, width), vec(t, half));
    asm.op(I.vcvtdq2pd, vec(u, width), vec(u, half));
    asm.op(I.vdivpd, vec(u, width), vec(u, width), vec(t, width));
    asm.op(I.vcvttpd2dq, vec(u, half), vec(u, width));
    if (e.wide) asm.op(I.vinsertf64x4, vec(q, 512), vec(q, 512), vec(u, 256), 1);
    else asm.op(I.vinsertf128, vec(q, 256), vec(q, 256), xmms[u], 1);
  }

  if (op === 'rem') {
    asm.op(I.vpmulld, vec(q, own), vec(q, own), vec(b, own));
    asm.op(I.vpsubd, vec(q, own), vec(a, own), vec(q, own));
  }
  e.zero(vec(u, own));
  if (e.wide) {
    const notEqual = 4;
    asm.op(I.vpcmpd, masks[7], vec(b, own), vec(u, own), notEqual);
    const dst = e.vecResult(n, vec(q, own));
    asm.masked(I.vmovaps, masks[7], true, dst, vec(q, own));
    e.vecDone(n, dst);
  } else {
    asm.op(I.vpcmpeqd, vec(t, own), vec(b, own), vec(u, own));
    const dst = e.vecResult(n, vec(q, own));
    asm.op(I.vandnps, dst, vec(t, own), vec(q, own));
    e.vecDone(n, dst);
  }
}

function upperHalf(e: Emitter, dst: number, src: number): void {
  if (e.wide) e.asm.op(I.vextractf64x4, vec(dst, 256), vec(src, 512), 1);
  else e.asm.op(I.vextractf128, xmms[dst], vec(src, 256), 1);
}
