/** Operations on general registers: index, i32, i64 and scalar masks. */
import { InternalError } from '../../base/errors.js';
import type { Instr } from '../../kernel/l3.js';
import { isFloatKind, isShift } from '../../kernel/l3.js';
import type { AluOp, Size } from './assembler.js';
import { compareFlags, inverse, testMask } from './emit-control.js';
import { divideIndex, divideSigned, integerConstant, powerOfTwo } from './emit-divide.js';
import type { Emitter } from './emitter.js';
import { scalarForms } from './float-forms.js';
import { I } from './instructions.js';
import type { Node } from './node.js';
import type { Gpr, Mem } from './operands.js';
import { gprs, masks, mem, rax } from './operands.js';

type Op<K extends Instr['op']> = Extract<Instr, { op: K }>;

const shifts = { shl: I.shlx32, shr: I.shrx32, sar: I.sarx32 } as const;
const longShifts = { shl: I.shlx64, shr: I.shrx64, sar: I.sarx64 } as const;

const aluOf: { readonly [op: string]: AluOp } = { add: 'add', sub: 'sub', and: 'and', or: 'or', xor: 'xor' };

export function integerBinary(e: Emitter, instr: Op<'binary'>): void {
  const { asm } = e;
  const n = e.node(instr.result);
  const size = e.sizeOf(n);
  let a = e.node(instr.a);
  let b = e.node(instr.b);
  if (instr.fn === 'div' || instr.fn === 'rem') {
    if (n.kind === 'index') divideIndex(e, instr.fn, n, a, b);
    else divideSigned(e, instr.fn, n, a, b);
    return;
  }
  if (isShift(instr.fn)) {
    // The amount is taken modulo the number of bits.
    const x = e.gprOf(a);
    const amount = e.gprOf(b);
    const dst = e.gprResult(n);
    if (size === 64) asm.op(longShifts[instr.fn], dst, x, amount);
    else asm.op(shifts[instr.fn], dst, x, amount);
    e.gprDone(n, dst);
    return;
  }
  if (instr.fn === 'min' || instr.fn === 'max') {
    const x = e.gprOf(a);
    const y = e.gprOf(b);
    const dst = e.gprResult(n, x);
    if (dst === y && dst !== x) {
      asm.alu('cmp', size, x, y);
      asm.cmov(instr.fn === 'min' ? 'l' : 'g', size, dst, x);
    } else {
      if (dst !== x) asm.mov(size, dst, x);
      asm.alu('cmp', size, dst, y);
      asm.cmov(instr.fn === 'min' ? 'g' : 'l', size, dst, y);
    }
    e.gprDone(n, dst);
    return;
  }
  const commutes = instr.fn !== 'sub';
  if (
    commutes &&
    (integerConstant(a) !== null || (n.reg >= 0 && n.reg === b.reg) || a.virtual === 'memory')
  ) {
    const first = a;
    a = b;
    b = first;
  }

  if (instr.fn === 'mul') {
    multiply(e, n, a, b);
    return;
  }
  const alu = aluOf[instr.fn];
  const right = e.gprOperand(b);
  if (n.reg >= 0 && n.reg === b.reg && n.reg !== a.reg) {
    // a - b where the result takes b's register.
    const dst = gprs[n.reg];
    if (!commutes) asm.unary('neg', size, dst);
    const left = e.gprOperand(a);
    asm.alu(commutes ? alu : 'add', size, dst, left);
    return;
  }
  // A sum into a third register is one instruction.
  if (alu === 'add' && size === 64 && n.reg >= 0 && a.reg >= 0 && n.reg !== a.reg) {
    if (typeof right === 'number') {
      asm.lea(gprs[n.reg], mem(gprs[a.reg], right));
      return;
    }
    if (right.kind === 'gpr') {
      asm.lea(gprs[n.reg], mem(gprs[a.reg], 0, right));
      return;
    }
  }
  const dst = e.gprResult(n);
  const operand = besides(e, right, dst, a, size);
  e.gprInto(dst, a);
  asm.alu(alu, size, dst, operand);
  e.gprDone(n, dst);
}

/** An operand that is read after `dst` was filled with `a`: loaded beforehand where its address lies in `dst`. */
function besides(e: Emitter, x: Gpr | Mem | number, dst: Gpr, a: Node, size: Size): Gpr | Mem | number {
  if (typeof x === 'number' || x.kind === 'gpr' || (x.base !== dst && x.index !== dst) || a.reg === dst.index)
    return x;
  const t = e.takeGpr();
  e.asm.mov(size, t, x);
  return t;
}

function multiply(e: Emitter, n: Node, a: Node, b: Node): void {
  const { asm } = e;
  const size = e.sizeOf(n);
  const shift = powerOfTwo(b);
  if (shift >= 0 && shift < size) {
    const dst = e.gprResult(n);
    e.gprInto(dst, a);
    if (shift > 0) asm.shift('shl', size, dst, shift);
    e.gprDone(n, dst);
    return;
  }
  const right = e.gprOperand(b);
  if (typeof right === 'number') {
    const left = e.gprOperand(a);
    const dst = e.gprResult(n);
    if (typeof left === 'number') {
      asm.movImm(dst, left);
      asm.imulImm(size, dst, dst, right);
    } else {
      asm.imulImm(size, dst, left, right);
    }
    e.gprDone(n, dst);
    return;
  }
  const dst = e.gprResult(n);
  if (right === dst) {
    asm.imul(size, dst, e.gprOf(a));
  } else {
    const operand = besides(e, right, dst, a, size);
    e.gprInto(dst, a);
    if (typeof operand === 'number') throw new InternalError('x86: a constant factor is handled above');
    asm.imul(size, dst, operand);
  }
  e.gprDone(n, dst);
}

export function integerUnary(e: Emitter, instr: Op<'unary'>): void {
  const { asm } = e;
  const n = e.node(instr.result);
  const a = e.node(instr.a);
  const size = e.sizeOf(n);
  if (instr.fn === 'abs') {
    const x = e.gprOf(a);
    const t = e.takeGpr();
    asm.mov(size, t, x);
    asm.unary('neg', size, t);
    asm.cmov('s', size, t, x);
    e.gprDone(n, t);
    return;
  }
  const dst = e.gprResult(n);
  e.gprInto(dst, a);
  if (instr.fn === 'neg') asm.unary('neg', size, dst);
  else if (n.kind === 'mask') asm.alu('xor', 32, dst, 1);
  else if (instr.fn === 'not') asm.unary('not', size, dst);
  else throw new InternalError(`x86: ${instr.fn} of integers`);
  e.gprDone(n, dst);
}

export function integerShift(e: Emitter, instr: Op<'shift'>): void {
  const n = e.node(instr.result);
  const dst = e.gprResult(n);
  e.gprInto(dst, e.node(instr.a));
  if (instr.amount > 0) e.asm.shift(instr.fn, e.sizeOf(n), dst, instr.amount);
  e.gprDone(n, dst);
}

export function scalarCompare(e: Emitter, instr: Op<'compare'>): void {
  const { asm } = e;
  const n = e.node(instr.result);
  const { kind } = instr.a.type;
  if (isFloatKind(kind) && (instr.fn === 'eq' || instr.fn === 'ne')) {
    const forms = scalarForms[kind];
    const predicate = instr.fn === 'eq' ? 0 : 4;
    const a = e.vec(instr.a);
    const b = e.vecOperand(instr.b);
    const dst = e.gprResult(n);
    if (e.wide) {
      asm.op(forms.compareMask, masks[0], a, b, predicate);
      asm.op(I.kmovwToGpr, dst, masks[0]);
    } else {
      const t = e.isScratch(a) ? a : e.takeVec(128);
      asm.op(forms.compare, t, a, b, predicate);
      asm.op(I.vmovdToGpr, dst, t);
      asm.alu('and', 32, dst, 1);
    }
    e.gprDone(n, dst);
    return;
  }
  const condition = compareFlags(e, instr);
  const dst = e.gprResult(n, rax);
  asm.setcc(condition, dst);
  asm.movzx8(dst, dst);
  e.gprDone(n, dst);
}

/** A choice by a scalar mask. */
export function scalarSelect(e: Emitter, instr: Op<'select'>): void {
  const { asm } = e;
  const n = e.node(instr.result);
  const m = e.node(instr.mask);
  if (n.cls === 'vec') {
    selectFloat(e, n, instr);
    return;
  }
  const size = e.sizeOf(n);
  const a = e.gpr(instr.a);
  const b = e.gpr(instr.b);
  const condition = testMask(e, m);
  const dst = e.gprResult(n, b);
  if (dst === a && dst !== b) {
    asm.cmov(inverse[condition], size, dst, b);
  } else {
    if (dst !== b) asm.mov(size, dst, b);
    asm.cmov(condition, size, dst, a);
  }
  e.gprDone(n, dst);
}

function selectFloat(e: Emitter, n: Node, instr: Op<'select'>): void {
  const { asm } = e;
  if (n.lanes !== 1) throw new InternalError('x86: a scalar mask chooses between scalars');
  const forms = scalarForms[n.kind === 'f64' ? 'f64' : 'f32'];
  const mask = e.gpr(instr.mask);
  const a = e.vec(instr.a);
  const b = e.vec(instr.b);
  if (e.wide) {
    asm.op(I.kmovwFromGpr, masks[7], mask);
    const dst = e.vecResult(n, b);
    asm.masked(forms.blendMask, masks[7], false, dst, b, a);
    e.vecDone(n, dst);
    return;
  }
  const all = negated(e, mask, n.kind === 'f64' ? 64 : 32);
  const t = e.takeVec(128);
  if (n.kind === 'f64') asm.op(I.vmovqFromGpr, t, all);
  else asm.op(I.vmovdFromGpr, t, all);
  const dst = e.vecResult(n, b);
  asm.op(forms.blend, dst, b, a, t);
  e.vecDone(n, dst);
}

/** 0 or 1 to 0 or all ones, in a scratch register. Masks leave the upper half of their registers zero. */
export function negated(e: Emitter, mask: Gpr, size: Size = 32): Gpr {
  const t = e.isScratch(mask) ? mask : e.takeGpr();
  if (t !== mask) e.asm.mov(32, t, mask);
  e.asm.unary('neg', size, t);
  return t;
}
