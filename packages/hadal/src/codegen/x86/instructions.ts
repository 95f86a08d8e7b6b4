/**
 * The vector, mask and BMI instructions that kernels use, as a table: what a VEX or EVEX prefix needs to know of each.
 * Source: Intel Software Developer's Manual, volume 2; the encodings are checked against GNU as by the golden tests.
 *
 * A form's operands are written in Intel's order. Kinds: `v` a vector register of the instruction's width, `vm` the same or
 * memory, `h` a register of half that width (or xmm), `x` an xmm register whatever the width, `y` a ymm register, `hm`, `xm` and
 * `ym` the same or memory, `k` a mask register, `r` a 32-bit and `R` a 64-bit general register, `rm` and `Rm` the same or
 * memory, `m` memory, `i` an 8-bit immediate.
 * Roles: `r` ModRM.reg, `v` VEX.vvvv, `b` ModRM.rm (with SIB), `i` immediate, `s` a register in the immediate's high half.
 */
import type { Gpr, Mask, Mem, Vec } from './operands.js';

export interface OperandTypes {
  v: Vec;
  vm: Vec | Mem;
  h: Vec;
  hm: Vec | Mem;
  x: Vec;
  xm: Vec | Mem;
  y: Vec;
  ym: Vec | Mem;
  k: Mask;
  r: Gpr;
  R: Gpr;
  rm: Gpr | Mem;
  Rm: Gpr | Mem;
  m: Mem;
  i: number;
}
export type OperandKind = keyof OperandTypes;
export type OperandsOf<K extends readonly OperandKind[]> = { [I in keyof K]: OperandTypes[K[I]] };

/** Bytes that EVEX disp8 counts in: a fraction of the vector, or a fixed size. */
export type Tuple = 'full' | 'half' | 'quarter' | 'eighth' | 1 | 2 | 4 | 8 | 16 | 32;

export interface Form<K extends readonly OperandKind[] = readonly OperandKind[]> {
  readonly name: string;
  /** Mnemonic where the EVEX encoding has one of its own. */
  readonly evexName: string;
  readonly kinds: K;
  readonly roles: string;
  /** Operands that are as wide as the instruction, as bits. */
  readonly sized: number;
  /** Opcode map: 1 is 0F, 2 is 0F38, 3 is 0F3A. */
  readonly map: 1 | 2 | 3;
  /** Implied prefix: 0 none, 1 is 66, 2 is F3, 3 is F2. */
  readonly pp: 0 | 1 | 2 | 3;
  readonly opcode: number;
  readonly vex: boolean;
  readonly evex: boolean;
  readonly vexW: 0 | 1;
  readonly evexW: 0 | 1;
  /** Vector length: of the operands, or fixed (0 is 128 bits or none). */
  readonly length: 'v' | 0 | 1 | 2;
  readonly tuple: Tuple;
  /** Bytes of a broadcast element; 0 where the form takes none. */
  readonly element: 0 | 4 | 8;
  /** ModRM.reg where it is part of the opcode. */
  readonly digit: number;
}

/** What disp8 counts in, at a vector length. */
export function tupleBytes(form: Form, length: number): number {
  const vector = 16 << length;
  switch (form.tuple) {
    case 'full':
      return vector;
    case 'half':
      return vector / 2;
    case 'quarter':
      return vector / 4;
    case 'eighth':
      return vector / 8;
    default:
      return form.tuple;
  }
}

type Rest = Partial<Omit<Form, 'kinds' | 'roles' | 'sized' | 'opcode' | 'map' | 'pp' | 'name'>>;

function form<const K extends readonly OperandKind[]>(
  name: string,
  kinds: K,
  roles: string,
  pp: 0 | 1 | 2 | 3,
  map: 1 | 2 | 3,
  opcode: number,
  rest: Rest,
): Form<K> {
  let sized = 0;
  for (let i = 0; i < kinds.length; i++) if (kinds[i] === 'v' || kinds[i] === 'vm') sized |= 1 << i;
  return {
    name,
    evexName: name,
    kinds,
    roles,
    sized,
    map,
    pp,
    opcode,
    vex: true,
    evex: true,
    vexW: 0,
    evexW: 0,
    length: 'v',
    tuple: 'full',
    element: 0,
    digit: -1,
    ...rest,
  };
}

const noVex: Rest = { vex: false };
const noEvex: Rest = { evex: false };
const bcast: Rest = { element: 4 };
/** 64-bit lanes. */
const wide: Rest = { evexW: 1, element: 8 };
const wideOnly: Rest = { ...wide, vex: false };
const scalar: Rest = { length: 0, tuple: 4 };
const scalar64: Rest = { length: 0, tuple: 8, evexW: 1 };

/** dst, a, b on packed 32-bit lanes with embedded broadcast. */
function packed(name: string, pp: 0 | 1 | 2, map: 1 | 2, opcode: number, rest: Rest = {}) {
  return form(name, ['v', 'v', 'vm'], 'rvb', pp, map, opcode, { ...bcast, ...rest });
}
/** dst, a on packed 32-bit lanes. */
function packed1(name: string, pp: 0 | 1 | 2, map: 1 | 2, opcode: number, rest: Rest = {}) {
  return form(name, ['v', 'vm'], 'rb', pp, map, opcode, { ...bcast, ...rest });
}
/** dst, a, b on the lowest lane. */
function single(name: string, pp: 1 | 2, map: 1 | 2, opcode: number) {
  return form(name, ['x', 'x', 'xm'], 'rvb', pp, map, opcode, scalar);
}
/** The same on a float64. */
function double(name: string, pp: 1 | 3, map: 1 | 2, opcode: number, rest: Rest = {}) {
  return form(name, ['x', 'x', 'xm'], 'rvb', pp, map, opcode, { ...scalar64, ...rest });
}
function shift(name: string, digit: number) {
  return form(name, ['v', 'v', 'i'], 'vbi', 1, 1, 0x72, { digit });
}
function shift64(name: string, opcode: number, digit: number, rest: Rest = {}) {
  return form(name, ['v', 'v', 'i'], 'vbi', 1, 1, opcode, { evexW: 1, digit, ...rest });
}
function maskLogic(name: string, opcode: number) {
  return form(name, ['k', 'k', 'k'], 'rvb', 0, 1, opcode, { ...noEvex, length: 1 });
}

export const I = {
  // moves
  vmovups: form('vmovups', ['v', 'vm'], 'rb', 0, 1, 0x10, {}),
  vmovaps: form('vmovaps', ['v', 'vm'], 'rb', 0, 1, 0x28, {}),
  vmovupsStore: form('vmovups', ['m', 'v'], 'br', 0, 1, 0x11, {}),
  vmovntps: form('vmovntps', ['m', 'v'], 'br', 0, 1, 0x2b, {}),
  vmovssLoad: form('vmovss', ['x', 'm'], 'rb', 2, 1, 0x10, scalar),
  vmovssStore: form('vmovss', ['m', 'x'], 'br', 2, 1, 0x11, scalar),
  vmovsdLoad: form('vmovsd', ['x', 'm'], 'rb', 3, 1, 0x10, scalar64),
  vmovsdStore: form('vmovsd', ['m', 'x'], 'br', 3, 1, 0x11, scalar64),
  vmovqFromGpr: form('vmovq', ['x', 'R'], 'rb', 1, 1, 0x6e, { ...scalar64, vexW: 1 }),
  vmovqToGpr: form('vmovq', ['R', 'x'], 'br', 1, 1, 0x7e, { ...scalar64, vexW: 1 }),
  vmovdFromGpr: form('vmovd', ['x', 'rm'], 'rb', 1, 1, 0x6e, scalar),
  vmovdToGpr: form('vmovd', ['rm', 'x'], 'br', 1, 1, 0x7e, scalar),
  vmovdqu8: form('vmovdqu8', ['v', 'vm'], 'rb', 3, 1, 0x6f, noVex),
  vmovdqu8Store: form('vmovdqu8', ['m', 'v'], 'br', 3, 1, 0x7f, noVex),
  vbroadcastss: form('vbroadcastss', ['v', 'xm'], 'rb', 1, 2, 0x18, { tuple: 4 }),
  vpbroadcastd: form('vpbroadcastd', ['v', 'xm'], 'rb', 1, 2, 0x58, { tuple: 4 }),
  vmovupd: form('vmovupd', ['v', 'vm'], 'rb', 1, 1, 0x10, { ...wide, element: 0 }),
  vmovupdStore: form('vmovupd', ['m', 'v'], 'br', 1, 1, 0x11, { ...wide, element: 0 }),
  vbroadcastsd: form('vbroadcastsd', ['v', 'xm'], 'rb', 1, 2, 0x19, { evexW: 1, tuple: 8 }),
  vpbroadcastqGpr: form('vpbroadcastq', ['v', 'R'], 'rb', 1, 2, 0x7c, { ...noVex, evexW: 1 }),
  vpbroadcastdGpr: form('vpbroadcastd', ['v', 'r'], 'rb', 1, 2, 0x7c, noVex),
  vextractf128: form('vextractf128', ['xm', 'y', 'i'], 'bri', 1, 3, 0x19, { ...noEvex, length: 1 }),
  vextractf32x4: form('vextractf32x4', ['xm', 'v', 'i'], 'bri', 1, 3, 0x19, { ...noVex, tuple: 16 }),
  vextractf64x4: form('vextractf64x4', ['ym', 'v', 'i'], 'bri', 1, 3, 0x1b, {
    ...noVex,
    evexW: 1,
    tuple: 32,
    length: 2,
  }),
  vinsertf128: form('vinsertf128', ['y', 'y', 'xm', 'i'], 'rvbi', 1, 3, 0x18, { ...noEvex, length: 1 }),
  vinsertf64x4: form('vinsertf64x4', ['v', 'v', 'ym', 'i'], 'rvbi', 1, 3, 0x1a, {
    ...noVex,
    evexW: 1,
    tuple: 32,
    length: 2,
  }),
  vpermilps: form('vpermilps', ['v', 'vm', 'i'], 'rbi', 1, 3, 0x04, bcast),
  vunpcklps: packed('vunpcklps', 0, 1, 0x14),
  vunpckhps: packed('vunpckhps', 0, 1, 0x15),
  vshufps: form('vshufps', ['v', 'v', 'vm', 'i'], 'rvbi', 0, 1, 0xc6, bcast),
  vpermq: form('vpermq', ['y', 'ym', 'i'], 'rbi', 1, 3, 0x00, { ...noEvex, vexW: 1, length: 1 }),
  vperm2f128: form('vperm2f128', ['y', 'y', 'ym', 'i'], 'rvbi', 1, 3, 0x06, { ...noEvex, length: 1 }),
  vpermt2ps: packed('vpermt2ps', 1, 2, 0x7f, noVex),
  vpshufb: form('vpshufb', ['v', 'v', 'vm'], 'rvb', 1, 2, 0x00, {}),
  vmovmskps: form('vmovmskps', ['r', 'v'], 'rb', 0, 1, 0x50, noEvex),

  // float32
  vaddps: packed('vaddps', 0, 1, 0x58),
  vsubps: packed('vsubps', 0, 1, 0x5c),
  vmulps: packed('vmulps', 0, 1, 0x59),
  vdivps: packed('vdivps', 0, 1, 0x5e),
  vminps: packed('vminps', 0, 1, 0x5d),
  vmaxps: packed('vmaxps', 0, 1, 0x5f),
  vsqrtps: packed1('vsqrtps', 0, 1, 0x51),
  vscalefps: packed('vscalefps', 1, 2, 0x2c, noVex),
  vfmadd132ps: packed('vfmadd132ps', 1, 2, 0x98),
  vfmadd213ps: packed('vfmadd213ps', 1, 2, 0xa8),
  vfmadd231ps: packed('vfmadd231ps', 1, 2, 0xb8),
  // bfloat16 pairs added up as float32, and bytes by fours as int32: of the processors that have them
  vdpbf16ps: packed('vdpbf16ps', 2, 2, 0x52, noVex),
  vpdpbusd: packed('vpdpbusd', 1, 2, 0x50, noVex),
  vroundps: form('vroundps', ['v', 'vm', 'i'], 'rbi', 1, 3, 0x08, { ...bcast, evexName: 'vrndscaleps' }),
  vaddss: single('vaddss', 2, 1, 0x58),
  vsubss: single('vsubss', 2, 1, 0x5c),
  vmulss: single('vmulss', 2, 1, 0x59),
  vdivss: single('vdivss', 2, 1, 0x5e),
  vminss: single('vminss', 2, 1, 0x5d),
  vmaxss: single('vmaxss', 2, 1, 0x5f),
  vsqrtss: single('vsqrtss', 2, 1, 0x51),
  vscalefss: form('vscalefss', ['x', 'x', 'xm'], 'rvb', 1, 2, 0x2d, { ...scalar, ...noVex }),
  vfmadd132ss: single('vfmadd132ss', 1, 2, 0x99),
  vfmadd213ss: single('vfmadd213ss', 1, 2, 0xa9),
  vfmadd231ss: single('vfmadd231ss', 1, 2, 0xb9),
  vroundss: form('vroundss', ['x', 'x', 'xm', 'i'], 'rvbi', 1, 3, 0x0a, {
    ...scalar,
    evexName: 'vrndscaless',
  }),
  vucomiss: form('vucomiss', ['x', 'xm'], 'rb', 0, 1, 0x2e, scalar),

  // float64
  vaddsd: double('vaddsd', 3, 1, 0x58),
  vsubsd: double('vsubsd', 3, 1, 0x5c),
  vmulsd: double('vmulsd', 3, 1, 0x59),
  vdivsd: double('vdivsd', 3, 1, 0x5e),
  vminsd: double('vminsd', 3, 1, 0x5d),
  vmaxsd: double('vmaxsd', 3, 1, 0x5f),
  vsqrtsd: double('vsqrtsd', 3, 1, 0x51),
  vfmadd132sd: double('vfmadd132sd', 1, 2, 0x99, { vexW: 1 }),
  vfmadd213sd: double('vfmadd213sd', 1, 2, 0xa9, { vexW: 1 }),
  vfmadd231sd: double('vfmadd231sd', 1, 2, 0xb9, { vexW: 1 }),
  vroundsd: form('vroundsd', ['x', 'x', 'xm', 'i'], 'rvbi', 1, 3, 0x0b, {
    ...scalar64,
    evexName: 'vrndscalesd',
  }),
  vucomisd: form('vucomisd', ['x', 'xm'], 'rb', 1, 1, 0x2e, scalar64),
  vdivpd: packed('vdivpd', 1, 1, 0x5e, { evexW: 1, element: 8 }),
  vaddpd: packed('vaddpd', 1, 1, 0x58, wide),
  vsubpd: packed('vsubpd', 1, 1, 0x5c, wide),
  vmulpd: packed('vmulpd', 1, 1, 0x59, wide),
  vminpd: packed('vminpd', 1, 1, 0x5d, wide),
  vmaxpd: packed('vmaxpd', 1, 1, 0x5f, wide),
  vsqrtpd: packed1('vsqrtpd', 1, 1, 0x51, wide),
  vfmadd132pd: packed('vfmadd132pd', 1, 2, 0x98, { ...wide, vexW: 1 }),
  vfmadd213pd: packed('vfmadd213pd', 1, 2, 0xa8, { ...wide, vexW: 1 }),
  vfmadd231pd: packed('vfmadd231pd', 1, 2, 0xb8, { ...wide, vexW: 1 }),
  vrndscalepd: form('vrndscalepd', ['v', 'vm', 'i'], 'rbi', 1, 3, 0x09, wideOnly),

  // lane-wise logic
  vandps: packed('vandps', 0, 1, 0x54),
  vandnps: packed('vandnps', 0, 1, 0x55),
  vorps: packed('vorps', 0, 1, 0x56),
  vxorps: packed('vxorps', 0, 1, 0x57),
  vblendvps: form('vblendvps', ['v', 'v', 'vm', 'v'], 'rvbs', 1, 3, 0x4a, noEvex),
  vblendvpd: form('vblendvpd', ['v', 'v', 'vm', 'v'], 'rvbs', 1, 3, 0x4b, noEvex),
  vblendmps: packed('vblendmps', 1, 2, 0x65, noVex),
  vblendmpd: packed('vblendmpd', 1, 2, 0x65, wideOnly),
  vandpd: packed('vandpd', 1, 1, 0x54, wide),
  vorpd: packed('vorpd', 1, 1, 0x56, wide),
  vxorpd: packed('vxorpd', 1, 1, 0x57, wide),

  // int64
  vpaddq: packed('vpaddq', 1, 1, 0xd4, wide),
  vpsubq: packed('vpsubq', 1, 1, 0xfb, wide),
  vpmullq: packed('vpmullq', 1, 2, 0x40, wideOnly),
  vpminsq: packed('vpminsq', 1, 2, 0x39, wideOnly),
  vpmaxsq: packed('vpmaxsq', 1, 2, 0x3d, wideOnly),
  vpabsq: packed1('vpabsq', 1, 2, 0x1f, wideOnly),
  vpsllq: shift64('vpsllq', 0x73, 6),
  vpsrlq: shift64('vpsrlq', 0x73, 2),
  vpsraq: shift64('vpsraq', 0x72, 4, noVex),
  vpsllvq: packed('vpsllvq', 1, 2, 0x47, { ...wide, vexW: 1 }),
  vpsrlvq: packed('vpsrlvq', 1, 2, 0x45, { ...wide, vexW: 1 }),
  vpsravq: packed('vpsravq', 1, 2, 0x46, wideOnly),

  // int32
  vpaddd: packed('vpaddd', 1, 1, 0xfe),
  vpsubd: packed('vpsubd', 1, 1, 0xfa),
  vpmulld: packed('vpmulld', 1, 2, 0x40),
  vpminsd: packed('vpminsd', 1, 2, 0x39),
  vpmaxsd: packed('vpmaxsd', 1, 2, 0x3d),
  vpabsd: packed1('vpabsd', 1, 2, 0x1e),
  vpslld: shift('vpslld', 6),
  vpsrld: shift('vpsrld', 2),
  vpsrad: shift('vpsrad', 4),
  vprold: form('vprold', ['v', 'v', 'i'], 'vbi', 1, 1, 0x72, { digit: 1, ...noVex }),
  vpsllvd: packed('vpsllvd', 1, 2, 0x47),
  vpsrlvd: packed('vpsrlvd', 1, 2, 0x45),
  vpsravd: packed('vpsravd', 1, 2, 0x46),

  // comparisons
  vcmppsMask: form('vcmpps', ['k', 'v', 'vm', 'i'], 'rvbi', 0, 1, 0xc2, { ...noVex, ...bcast }),
  vcmpps: form('vcmpps', ['v', 'v', 'vm', 'i'], 'rvbi', 0, 1, 0xc2, noEvex),
  vcmpss: form('vcmpss', ['x', 'x', 'xm', 'i'], 'rvbi', 2, 1, 0xc2, { ...noEvex, length: 0 }),
  vcmpssMask: form('vcmpss', ['k', 'x', 'xm', 'i'], 'rvbi', 2, 1, 0xc2, { ...noVex, ...scalar }),
  vcmpsd: form('vcmpsd', ['x', 'x', 'xm', 'i'], 'rvbi', 3, 1, 0xc2, { ...noEvex, length: 0 }),
  vcmpsdMask: form('vcmpsd', ['k', 'x', 'xm', 'i'], 'rvbi', 3, 1, 0xc2, { ...noVex, ...scalar64 }),
  vpcmpd: form('vpcmpd', ['k', 'v', 'vm', 'i'], 'rvbi', 1, 3, 0x1f, { ...noVex, ...bcast }),
  vcmppdMask: form('vcmppd', ['k', 'v', 'vm', 'i'], 'rvbi', 1, 1, 0xc2, wideOnly),
  vpcmpq: form('vpcmpq', ['k', 'v', 'vm', 'i'], 'rvbi', 1, 3, 0x1f, wideOnly),
  vptestmd: form('vptestmd', ['k', 'v', 'vm'], 'rvb', 1, 2, 0x27, { ...noVex, ...bcast }),
  vpcmpeqd: packed('vpcmpeqd', 1, 1, 0x76, { ...noEvex, element: 0 }),
  vpcmpgtd: packed('vpcmpgtd', 1, 1, 0x66, { ...noEvex, element: 0 }),
  vptestmb: form('vptestmb', ['k', 'v', 'vm'], 'rvb', 1, 2, 0x26, noVex),

  // conversions
  vcvtdq2ps: packed1('vcvtdq2ps', 0, 1, 0x5b),
  vcvttps2dq: packed1('vcvttps2dq', 2, 1, 0x5b),
  vcvtsi2ss32: form('vcvtsi2ss', ['x', 'x', 'rm'], 'rvb', 2, 1, 0x2a, scalar),
  vcvtsi2ss64: form('vcvtsi2ss', ['x', 'x', 'Rm'], 'rvb', 2, 1, 0x2a, {
    length: 0,
    tuple: 8,
    vexW: 1,
    evexW: 1,
  }),
  vcvttss2si32: form('vcvttss2si', ['r', 'xm'], 'rb', 2, 1, 0x2c, scalar),
  vcvttss2si64: form('vcvttss2si', ['R', 'xm'], 'rb', 2, 1, 0x2c, { length: 0, tuple: 4, vexW: 1, evexW: 1 }),
  vcvtsi2sd32: form('vcvtsi2sd', ['x', 'x', 'rm'], 'rvb', 3, 1, 0x2a, scalar),
  vcvtsi2sd64: form('vcvtsi2sd', ['x', 'x', 'Rm'], 'rvb', 3, 1, 0x2a, { ...scalar64, vexW: 1 }),
  vcvttsd2si32: form('vcvttsd2si', ['r', 'xm'], 'rb', 3, 1, 0x2c, { length: 0, tuple: 8 }),
  vcvttsd2si64: form('vcvttsd2si', ['R', 'xm'], 'rb', 3, 1, 0x2c, { ...scalar64, vexW: 1 }),
  vcvtss2sd: form('vcvtss2sd', ['x', 'x', 'xm'], 'rvb', 2, 1, 0x5a, scalar),
  vcvtsd2ss: double('vcvtsd2ss', 3, 1, 0x5a),
  vcvtdq2pd: form('vcvtdq2pd', ['v', 'h'], 'rb', 2, 1, 0xe6, { tuple: 'half' }),
  // From and to vectors of half the width, which `length` does not follow from: `v` is the wider one.
  vcvtps2pd: form('vcvtps2pd', ['v', 'h'], 'rb', 0, 1, 0x5a, { tuple: 'half' }),
  vcvtpd2ps: form('vcvtpd2ps', ['h', 'v'], 'rb', 1, 1, 0x5a, { evexW: 1 }),
  vcvtqq2pd: packed1('vcvtqq2pd', 2, 1, 0xe6, wideOnly),
  vcvttpd2qq: packed1('vcvttpd2qq', 1, 1, 0x7a, wideOnly),
  vcvtqq2ps: form('vcvtqq2ps', ['h', 'v'], 'rb', 0, 1, 0x5b, { ...noVex, evexW: 1 }),
  vcvttps2qq: form('vcvttps2qq', ['v', 'h'], 'rb', 1, 1, 0x7a, { ...noVex, tuple: 'half' }),
  vpmovsxdq: form('vpmovsxdq', ['v', 'h'], 'rb', 1, 2, 0x25, { tuple: 'half' }),
  vpmovzxdq: form('vpmovzxdq', ['v', 'hm'], 'rb', 1, 2, 0x35, { tuple: 'half' }),
  vpmovqd: form('vpmovqd', ['h', 'v'], 'br', 2, 2, 0x35, { ...noVex, tuple: 'half' }),
  vpmovqdStore: form('vpmovqd', ['m', 'v'], 'br', 2, 2, 0x35, { ...noVex, tuple: 'half' }),
  vcvttpd2dq: form('vcvttpd2dq', ['h', 'v'], 'rb', 1, 1, 0xe6, { evexW: 1 }),
  vcvtph2ps: form('vcvtph2ps', ['v', 'hm'], 'rb', 1, 2, 0x13, { tuple: 'half' }),
  vcvtps2ph: form('vcvtps2ph', ['h', 'v', 'i'], 'bri', 1, 3, 0x1d, { tuple: 'half' }),
  vcvtps2phStore: form('vcvtps2ph', ['m', 'v', 'i'], 'bri', 1, 3, 0x1d, { tuple: 'half' }),
  vpmovzxbd: form('vpmovzxbd', ['v', 'xm'], 'rb', 1, 2, 0x31, { tuple: 'quarter' }),
  vpmovsxbd: form('vpmovsxbd', ['v', 'xm'], 'rb', 1, 2, 0x21, { tuple: 'quarter' }),
  vpmovdb: form('vpmovdb', ['m', 'v'], 'br', 2, 2, 0x31, { ...noVex, tuple: 'quarter' }),
  vpmovzxwd: form('vpmovzxwd', ['v', 'hm'], 'rb', 1, 2, 0x33, { tuple: 'half' }),
  vpmovsxwd: form('vpmovsxwd', ['v', 'hm'], 'rb', 1, 2, 0x23, { tuple: 'half' }),
  vpmovdw: form('vpmovdw', ['m', 'v'], 'br', 2, 2, 0x33, { ...noVex, tuple: 'half' }),

  // masks
  kmovw: form('kmovw', ['k', 'k'], 'rb', 0, 1, 0x90, { ...noEvex, length: 0 }),
  kmovwLoad: form('kmovw', ['k', 'm'], 'rb', 0, 1, 0x90, { ...noEvex, length: 0 }),
  kmovwStore: form('kmovw', ['m', 'k'], 'br', 0, 1, 0x91, { ...noEvex, length: 0 }),
  kmovwFromGpr: form('kmovw', ['k', 'r'], 'rb', 0, 1, 0x92, { ...noEvex, length: 0 }),
  kmovwToGpr: form('kmovw', ['r', 'k'], 'rb', 0, 1, 0x93, { ...noEvex, length: 0 }),
  kandw: maskLogic('kandw', 0x41),
  korw: maskLogic('korw', 0x45),
  kxnorw: maskLogic('kxnorw', 0x46),
  kxorw: maskLogic('kxorw', 0x47),
  knotw: form('knotw', ['k', 'k'], 'rb', 0, 1, 0x44, { ...noEvex, length: 0 }),

  // general registers
  bzhi: form('bzhi', ['r', 'rm', 'r'], 'rbv', 0, 2, 0xf5, { ...noEvex, length: 0 }),
  shlx32: form('shlx', ['r', 'rm', 'r'], 'rbv', 1, 2, 0xf7, { ...noEvex, length: 0 }),
  shrx32: form('shrx', ['r', 'rm', 'r'], 'rbv', 3, 2, 0xf7, { ...noEvex, length: 0 }),
  sarx32: form('sarx', ['r', 'rm', 'r'], 'rbv', 2, 2, 0xf7, { ...noEvex, length: 0 }),
  shlx64: form('shlx', ['R', 'Rm', 'R'], 'rbv', 1, 2, 0xf7, { ...noEvex, vexW: 1, length: 0 }),
  shrx64: form('shrx', ['R', 'Rm', 'R'], 'rbv', 3, 2, 0xf7, { ...noEvex, vexW: 1, length: 0 }),
  sarx64: form('sarx', ['R', 'Rm', 'R'], 'rbv', 2, 2, 0xf7, { ...noEvex, vexW: 1, length: 0 }),
} as const;
