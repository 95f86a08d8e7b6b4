/** Operations on vector registers, scalar floats among them, and on lane masks. */
import { InternalError } from '../../base/errors.js';
import type { Instr } from '../../kernel/l3.js';
import { isFloatKind, isShift } from '../../kernel/l3.js';
import { vectorDivide } from './emit-divide.js';
import { negated } from './emit-integer.js';
import { NEAREST_EVEN } from './emit-memory.js';
import type { Emitter } from './emitter.js';
import type { ThreeOperands } from './float-forms.js';
import { doublePacked, floatPacked, scalarForms } from './float-forms.js';
import type { Form } from './instructions.js';
import { I } from './instructions.js';
import type { Node } from './node.js';
import type { Vec } from './operands.js';
import { masks, poolMem, vec, xmms } from './operands.js';

type Op<K extends Instr['op']> = Extract<Instr, { op: K }>;
/** i32 lanes, and masks where they are vectors: the float forms of the logic operations have both encodings. */
const integerPacked: { readonly [op: string]: ThreeOperands } = {
  add: I.vpaddd,
  sub: I.vpsubd,
  mul: I.vpmulld,
  min: I.vpminsd,
  max: I.vpmaxsd,
  and: I.vandps,
  or: I.vorps,
  xor: I.vxorps,
  shl: I.vpsllvd,
  shr: I.vpsrlvd,
  sar: I.vpsravd,
};
/** i64 lanes. */
const longPacked: { readonly [op: string]: ThreeOperands } = {
  add: I.vpaddq,
  sub: I.vpsubq,
  mul: I.vpmullq,
  min: I.vpminsq,
  max: I.vpmaxsq,
  and: I.vandpd,
  or: I.vorpd,
  xor: I.vxorpd,
  shl: I.vpsllvq,
  shr: I.vpsrlvq,
  sar: I.vpsravq,
};

/** The packed instruction of an operation on lanes of a kind. */
function packedForm(kind: Node['kind'], fn: string): ThreeOperands {
  const forms =
    kind === 'f32'
      ? floatPacked
      : kind === 'f64'
        ? doublePacked
        : kind === 'i64'
          ? longPacked
          : integerPacked;
  const form = forms[fn];
  if (form === undefined) throw new InternalError(`x86: no ${fn} of ${kind} vectors`);
  return form;
}

const maskForms = { and: I.kandw, or: I.korw, xor: I.kxorw } as const;

const signBit = -(2 ** 31);
const allButSign = 2 ** 31 - 1;

export function vectorBinary(e: Emitter, instr: Op<'binary'>): void {
  const n = e.node(instr.result);
  if (n.cls === 'mask') {
    const dst = e.maskResult(n);
    const form = maskForms[instr.fn as keyof typeof maskForms];
    e.asm.op(form, dst, e.mask(instr.a, masks[7]), e.mask(instr.b, masks[0]));
    e.maskDone(n, dst);
    return;
  }
  if (n.kind === 'i32' && (instr.fn === 'div' || instr.fn === 'rem')) {
    vectorDivide(e, instr.fn, instr);
    return;
  }
  let { a, b } = instr;
  const ordered =
    instr.fn === 'sub' ||
    instr.fn === 'div' ||
    instr.fn === 'scale' ||
    isShift(instr.fn) ||
    (isFloatKind(n.kind) && (instr.fn === 'min' || instr.fn === 'max'));
  if (!ordered && !e.inRegister(a) && (e.inRegister(b) || e.node(a).virtual === 'memory')) {
    a = instr.b;
    b = instr.a;
  }
  const left = e.vec(a);
  const right = e.vecOperand(b);
  const dst = e.vecResult(n, left);
  if (isFloatKind(n.kind) && n.lanes === 1) e.asm.op(scalarForms[n.kind].binary[instr.fn], dst, left, right);
  else e.asm.op(packedForm(n.kind, instr.fn), dst, left, right);
  e.vecDone(n, dst);
}

/** Chooses among the three operand orders of FMA so that the result takes over an operand's register without a move. */
export function fma(e: Emitter, instr: Op<'fma'>): void {
  const n = e.node(instr.result);
  type FmaForm = Form<readonly ['v' | 'x', 'v' | 'x', 'vm' | 'xm']>;
  const scalar = n.lanes === 1 ? scalarForms[n.kind === 'f64' ? 'f64' : 'f32'] : null;
  const packed =
    n.kind === 'f64'
      ? ([I.vfmadd231pd, I.vfmadd213pd, I.vfmadd132pd] as const)
      : ([I.vfmadd231ps, I.vfmadd213ps, I.vfmadd132ps] as const);
  const form231: FmaForm = scalar?.fma231 ?? packed[0];
  const form213: FmaForm = scalar?.fma213 ?? packed[1];
  const form132: FmaForm = scalar?.fma132 ?? packed[2];
  let { a, b } = instr;
  const { c } = instr;
  let aReg = e.node(a).reg;
  let bReg = e.node(b).reg;
  const cReg = e.node(c).reg;
  // Of the factors, b may be in memory; where only a is, they change places.
  if (aReg < 0 && (bReg >= 0 || e.node(a).virtual === 'memory')) {
    a = instr.b;
    b = instr.a;
    aReg = bReg;
    bReg = e.node(b).reg;
  }

  if (n.reg >= 0 && n.reg === cReg) {
    const x = e.vec(a);
    e.asm.op(form231, vec(n.reg, e.widthOf(n)), x, e.vecOperand(b));
    return;
  }
  if (n.reg >= 0 && (n.reg === aReg || n.reg === bReg)) {
    const dst = vec(n.reg, e.widthOf(n));
    const other = n.reg === aReg ? b : a;
    if (cReg >= 0) e.asm.op(form132, dst, e.vec(c), e.vecOperand(other));
    else if (e.node(other).virtual === 'memory') e.asm.op(form132, dst, e.vec(c), e.vecOperand(other));
    else e.asm.op(form213, dst, e.vec(other), e.vecOperand(c));
    return;
  }
  const dst = e.vecResult(n);
  if (cReg < 0 && aReg >= 0 && bReg >= 0) {
    e.vecInto(dst, e.node(a));
    e.asm.op(form213, dst, e.vec(b), e.vecOperand(c));
  } else {
    e.vecInto(dst, e.node(c));
    const x = e.vec(a);
    e.asm.op(form231, dst, x, e.vecOperand(b));
  }
  e.vecDone(n, dst);
}

const dotForms = { bytes: I.vpdpbusd, bfloat16: I.vdpbf16ps } as const;

export function dot(e: Emitter, { fn, a, b, c, result }: Op<'dot'>): void {
  const n = e.node(result);
  const left = e.vec(a);
  const right = e.vecOperand(b);
  const dst = e.vecResult(n);
  e.vecInto(dst, e.node(c));
  e.asm.op(dotForms[fn], dst, left, right);
  e.vecDone(n, dst);
}

export function vectorUnary(e: Emitter, instr: Op<'unary'>): void {
  const { asm } = e;
  const n = e.node(instr.result);
  if (n.cls === 'mask') {
    const dst = e.maskResult(n);
    asm.op(I.knotw, dst, e.mask(instr.a));
    e.maskDone(n, dst);
    return;
  }
  if (instr.fn === 'half') {
    const x = e.vec(instr.a);
    const dst = e.vecResult(n, x);
    const bits = vec(dst.index, dst.width === 512 ? 256 : 128);
    asm.op(I.vcvtps2ph, bits, x, NEAREST_EVEN);
    asm.op(I.vcvtph2ps, dst, bits);
    e.vecDone(n, dst);
    return;
  }
  if (instr.fn === 'sqrt' || instr.fn === 'floor' || instr.fn === 'round') {
    const source = e.vecOperand(instr.a);
    const dst = e.vecResult(n, source.kind === 'vec' ? source : null);
    // Rounding 1 is down, 0 to even; 8 keeps the inexact flag from being raised.
    const mode = instr.fn === 'floor' ? 9 : 8;
    if (n.lanes > 1) {
      const double = n.kind === 'f64';
      if (instr.fn === 'sqrt') asm.op(double ? I.vsqrtpd : I.vsqrtps, dst, source);
      else asm.op(double ? I.vrndscalepd : I.vroundps, dst, source, mode);
    } else {
      if (source.kind === 'mem') e.zero(dst);
      const base = source.kind === 'vec' ? source : dst;
      const forms = scalarForms[n.kind === 'f64' ? 'f64' : 'f32'];
      if (instr.fn === 'sqrt') asm.op(forms.sqrt, dst, base, source);
      else asm.op(forms.round, dst, base, source, mode);
    }
    e.vecDone(n, dst);
    return;
  }
  const isInteger = n.kind === 'i32' || n.kind === 'i64';
  if (isInteger && instr.fn === 'abs') {
    const source = e.vecOperand(instr.a);
    const dst = e.vecResult(n, source.kind === 'vec' ? source : null);
    asm.op(n.kind === 'i64' ? I.vpabsq : I.vpabsd, dst, source);
    e.vecDone(n, dst);
    return;
  }
  const a = e.vec(instr.a);
  if (isInteger && instr.fn === 'neg') {
    const zero = e.takeVec(e.widthOf(n));
    e.zero(zero);
    const dst = e.vecResult(n, zero);
    asm.op(packedForm(n.kind, 'sub'), dst, zero, a);
    e.vecDone(n, dst);
    return;
  }
  const dst = e.vecResult(n, a);
  const long = n.lanes > 1 && (n.kind === 'f64' || n.kind === 'i64');
  if (instr.fn === 'abs') asm.op(long ? I.vandpd : I.vandps, dst, a, e.logicBits(allButSign, n, -1));
  else if (instr.fn === 'neg') asm.op(long ? I.vxorpd : I.vxorps, dst, a, e.logicBits(signBit, n, 0));
  else if (instr.fn === 'not') asm.op(long ? I.vxorpd : I.vxorps, dst, a, e.logicBits(-1, n, long ? -1 : 0));
  else throw new InternalError(`x86: ${instr.fn} of ${n.kind} lanes`);
  e.vecDone(n, dst);
}

/** Immediates of vcmpps (ordered, quiet; `ne` unordered) and of vpcmpd. */
const floatPredicates = { eq: 0, lt: 0x11, le: 0x12, ne: 4 } as const;
const integerPredicates = { eq: 0, lt: 1, le: 2, ne: 4 } as const;

export function vectorCompare(e: Emitter, instr: Op<'compare'>): void {
  const { asm } = e;
  const n = e.node(instr.result);
  const { kind } = instr.a.type;
  const float = kind === 'f32' || kind === 'f64';
  if (n.cls === 'mask') {
    const dst = e.maskResult(n);
    const a = e.vec(instr.a);
    const b = e.vecOperand(instr.b);
    if (float) asm.op(kind === 'f64' ? I.vcmppdMask : I.vcmppsMask, dst, a, b, floatPredicates[instr.fn]);
    else asm.op(kind === 'i64' ? I.vpcmpq : I.vpcmpd, dst, a, b, integerPredicates[instr.fn]);
    e.maskDone(n, dst);
    return;
  }
  if (float) {
    const a = e.vec(instr.a);
    const b = e.vecOperand(instr.b);
    const dst = e.vecResult(n, a);
    asm.op(I.vcmpps, dst, a, b, floatPredicates[instr.fn]);
    e.vecDone(n, dst);
    return;
  }
  // AVX2 has equal and greater: the others are the same turned round or negated.
  const equality = instr.fn === 'eq' || instr.fn === 'ne';
  const [x, y] = instr.fn === 'lt' ? [instr.b, instr.a] : [instr.a, instr.b];
  const left = e.vec(x);
  const right = e.vecOperand(y);
  const dst = e.vecResult(n, left);
  asm.op(equality ? I.vpcmpeqd : I.vpcmpgtd, dst, left, right);
  if (instr.fn === 'ne' || instr.fn === 'le') asm.op(I.vxorps, dst, dst, e.lanesOf(-1));
  e.vecDone(n, dst);
}

export function vectorSelect(e: Emitter, instr: Op<'select'>): void {
  const { asm } = e;
  const n = e.node(instr.result);
  if (n.cls === 'mask') {
    // b ^ (m & (a ^ b)): two scratch masks are enough wherever the operands are.
    asm.op(I.kxorw, masks[0], e.mask(instr.a, masks[0]), e.mask(instr.b, masks[7]));
    asm.op(I.kandw, masks[0], masks[0], e.mask(instr.mask, masks[7]));
    const dst = e.maskResult(n);
    asm.op(I.kxorw, dst, masks[0], e.mask(instr.b, masks[7]));
    e.maskDone(n, dst);
    return;
  }
  if (e.wide) {
    const mask = e.mask(instr.mask);
    const b = e.vec(instr.b);
    const a = e.vecOperand(instr.a);
    const dst = e.vecResult(n, b);
    const long = n.kind === 'f64' || n.kind === 'i64';
    asm.masked(long ? I.vblendmpd : I.vblendmps, mask, false, dst, b, a);
    e.vecDone(n, dst);
    return;
  }
  const mask = e.vec(instr.mask);
  const b = e.vec(instr.b);
  const a = e.vecOperand(instr.a);
  const dst = e.vecResult(n, b);
  asm.op(I.vblendvps, dst, b, a, mask);
  e.vecDone(n, dst);
}

const shiftForms = {
  i32: { shl: I.vpslld, shr: I.vpsrld, sar: I.vpsrad },
  i64: { shl: I.vpsllq, shr: I.vpsrlq, sar: I.vpsraq },
} as const;

export function vectorShift(e: Emitter, instr: Op<'shift'>): void {
  const n = e.node(instr.result);
  const a = e.vec(instr.a);
  if (instr.fn === 'rol') {
    turn(e, n, a, instr.amount);
    return;
  }
  const dst = e.vecResult(n, a);
  e.asm.op(shiftForms[n.kind === 'i64' ? 'i64' : 'i32'][instr.fn], dst, a, instr.amount);
  e.vecDone(n, dst);
}

/** AVX2 has no rotation: both parts of the bits are moved by themselves. */
function turn(e: Emitter, n: Node, a: Vec, amount: number): void {
  if (e.wide) {
    const dst = e.vecResult(n, a);
    e.asm.op(I.vprold, dst, a, amount);
    e.vecDone(n, dst);
    return;
  }
  const t = e.takeVec(a.width);
  e.asm.op(I.vpsrld, t, a, 32 - amount);
  const dst = e.vecResult(n, a);
  e.asm.op(I.vpslld, dst, a, amount);
  e.asm.op(I.vorps, dst, dst, t);
  e.vecDone(n, dst);
}

export function broadcast(e: Emitter, instr: Op<'broadcast'>): void {
  const { asm } = e;
  const n = e.node(instr.result);
  const a = e.node(instr.a);
  if (n.lanes === 1) {
    if (n.cls === 'vec') {
      const dst = e.vecResult(n);
      e.vecInto(dst, a);
      e.vecDone(n, dst);
    } else {
      const dst = e.gprResult(n);
      e.gprInto(dst, a);
      e.gprDone(n, dst);
    }
    return;
  }
  if (n.cls === 'mask') {
    const dst = e.maskResult(n);
    asm.op(I.kmovwFromGpr, dst, negated(e, e.gprOf(a)));
    e.maskDone(n, dst);
    return;
  }
  const dst = e.vecResult(n);
  if (n.kind === 'f32') {
    const source = e.vecOperand(instr.a);
    asm.op(I.vbroadcastss, dst, source);
  } else if (n.kind === 'f64') {
    asm.op(I.vbroadcastsd, dst, e.vecOperand(instr.a));
  } else if (n.kind !== 'mask' && a.virtual === 'memory') {
    const source = e.gprSource(a);
    if (typeof source === 'number' || typeof source === 'bigint' || source.kind !== 'mem')
      throw new InternalError('x86: not memory');
    asm.op(n.kind === 'i64' ? I.vbroadcastsd : I.vbroadcastss, dst, source);
  } else if (n.kind === 'i64') {
    asm.op(I.vpbroadcastqGpr, dst, e.gprOf(a));
  } else {
    const r = n.kind === 'mask' ? negated(e, e.gprOf(a)) : e.gprOf(a);
    spread(e, dst, r);
  }
  e.vecDone(n, dst);
}

function spread(e: Emitter, dst: Vec, r: ReturnType<Emitter['gprOf']>): void {
  if (e.wide) {
    e.asm.op(I.vpbroadcastdGpr, dst, r);
  } else {
    e.asm.op(I.vmovdFromGpr, xmms[dst.index], r);
    e.asm.op(I.vpbroadcastd, dst, xmms[dst.index]);
  }
}

export function ramp(e: Emitter, instr: Op<'ramp'>): void {
  const { asm } = e;
  const n = e.node(instr.result);
  if (n.lanes === 1) {
    const dst = e.gprResult(n);
    const source = e.gprOperand(e.node(instr.base));
    if (typeof source === 'number') asm.movImm(dst, source);
    else asm.mov(32, dst, source);
    e.gprDone(n, dst);
    return;
  }
  const dst = e.vecResult(n);
  spread(e, dst, e.gpr(instr.base));
  const lanes = asm.bytes(
    `ramp${n.lanes}`,
    () => new Uint8Array(Int32Array.from({ length: n.lanes }, (_, i) => i).buffer),
  );
  asm.op(I.vpaddd, dst, dst, poolMem(lanes));
  e.vecDone(n, dst);
}

export function tail(e: Emitter, instr: Op<'tail'>): void {
  const { asm } = e;
  const n = e.node(instr.result);
  const count = e.gpr(instr.count);
  if (n.lanes === 1) {
    const dst = e.gprResult(n, count);
    asm.test(64, count, count);
    asm.setcc('g', dst);
    asm.movzx8(dst, dst);
    e.gprDone(n, dst);
    return;
  }
  if (n.cls !== 'mask') throw new InternalError('x86: tail masks are for AVX-512');
  // bzhi looks at the count's low 8 bits only.
  const t = e.takeGpr();
  asm.movImm(t, n.lanes);
  asm.alu('cmp', 64, count, t);
  asm.cmov('l', 64, t, count);
  const bits = e.isScratch(count) ? count : e.takeGpr();
  asm.movImm(bits, -1);
  asm.op(I.bzhi, bits, bits, t);
  const dst = e.maskResult(n);
  asm.op(I.kmovwFromGpr, dst, bits);
  e.maskDone(n, dst);
}

export function horizontal(e: Emitter, instr: Op<'horizontal'>): void {
  const { asm } = e;
  const n = e.node(instr.result);
  const a = e.node(instr.a);
  if (a.lanes === 1) {
    if (n.cls === 'vec') {
      const dst = e.vecResult(n);
      e.vecInto(dst, a);
      e.vecDone(n, dst);
    } else {
      const dst = e.gprResult(n);
      e.gprInto(dst, a);
      e.gprDone(n, dst);
    }
    return;
  }
  if (a.kind === 'mask') {
    horizontalMask(e, instr, n);
    return;
  }
  if (e.analysis.fn.wide) throw new InternalError(`x86: no horizontal ${instr.fn} of ${a.lanes} lanes`);
  const form: ThreeOperands = (a.kind === 'f32' ? floatPacked : integerPacked)[instr.fn];
  const source = e.vecOf(a).index;
  const t = e.takeVec(512).index;
  const u = e.takeVec(512).index;
  let low = source;
  if (e.wide) {
    asm.op(I.vextractf64x4, vec(u, 256), vec(source, 512), 1);
    asm.op(form, vec(t, 256), vec(source, 256), vec(u, 256));
    low = t;
  }
  if (e.wide) asm.op(I.vextractf32x4, xmms[u], vec(low, 256), 1);
  else asm.op(I.vextractf128, xmms[u], vec(low, 256), 1);
  asm.op(form, xmms[t], xmms[low], xmms[u]);
  // Lanes 2 and 3 onto 0 and 1, then 1 onto 0.
  asm.op(I.vpermilps, xmms[u], xmms[t], 0x0e);
  asm.op(form, xmms[t], xmms[t], xmms[u]);
  asm.op(I.vpermilps, xmms[u], xmms[t], 0x01);
  if (n.cls === 'vec') {
    const dst = e.vecResult(n, xmms[t]);
    asm.op(form, dst, xmms[t], xmms[u]);
    e.vecDone(n, dst);
  } else {
    asm.op(form, xmms[t], xmms[t], xmms[u]);
    const dst = e.gprResult(n);
    asm.op(I.vmovdToGpr, dst, xmms[t]);
    e.gprDone(n, dst);
  }
}

function horizontalMask(e: Emitter, instr: Op<'horizontal'>, n: Node): void {
  const { asm } = e;
  const t = e.takeGpr();
  const { lanes } = instr.a.type;
  const all = 2 ** lanes - 1;
  if (e.wide) asm.op(I.kmovwToGpr, t, e.mask(instr.a));
  else asm.op(I.vmovmskps, t, e.vec(instr.a));
  // Bits beyond the lanes are of no meaning.
  if (e.wide && lanes < 16) asm.alu('and', 32, t, all);
  asm.alu('cmp', 32, t, instr.fn === 'and' ? all : 0);
  asm.setcc(instr.fn === 'and' ? 'e' : 'ne', t);
  asm.movzx8(t, t);
  e.gprDone(n, t);
}

export function zip(e: Emitter, instr: Op<'zip'>): void {
  const { asm } = e;
  const n = e.node(instr.result);
  if (e.analysis.fn.wide) throw new InternalError('x86: zip is for functions of 32-bit elements');
  if (e.wide) {
    // The instruction overwrites its first table, which is `a`.
    const order = e.vecOf(e.analysis.zipOrder(instr.half));
    const overB = n.reg >= 0 && n.reg === e.node(instr.b).reg && n.reg !== e.node(instr.a).reg;
    const dst = overB ? e.takeVec(e.width) : e.vecResult(n);
    e.vecInto(dst, e.node(instr.a));
    asm.op(I.vpermt2ps, dst, order, e.vecOperand(instr.b));
    e.vecDone(n, dst);
    return;
  }
  if (instr.half === 'even' || instr.half === 'odd') {
    // Each half of 128 bits has lanes of both: 64 bits of a, then of b.
    const dst = e.vecResult(n);
    asm.op(I.vshufps, dst, e.vec(instr.a), e.vecOperand(instr.b), instr.half === 'even' ? 0x88 : 0xdd);
    asm.op(I.vpermq, dst, dst, 0xd8);
    e.vecDone(n, dst);
    return;
  }
  // Unpacking works on halves of 128 bits: lanes 0, 1, 4, 5 in one result, 2, 3, 6, 7 in the other.
  const a = e.vec(instr.a);
  const b = e.vecOperand(instr.b);
  const t = e.takeVec(256);
  const dst = e.vecResult(n, a);
  asm.op(I.vunpcklps, t, a, b);
  asm.op(I.vunpckhps, dst, a, b);
  asm.op(I.vperm2f128, dst, t, dst, instr.half === 'low' ? 0x20 : 0x31);
  e.vecDone(n, dst);
}

/** A constant or argument that gets a register. */
export function materialise(e: Emitter, n: Node): void {
  if (n.cls === 'gpr') {
    const r = n.recompute;
    if (r?.from === 'argument') e.asm.mov(e.sizeOf(n), e.gprResult(n), e.argument(r.slot));
    return;
  }
  const place = { ...n, reg: -1 };
  if (n.cls === 'mask') {
    e.maskInto(masks[n.reg], place);
  } else {
    e.vecInto(vec(n.reg, e.widthOf(n)), place);
  }
  e.end();
}
