/** Which WebAssembly instruction an L3 op is, where it is exactly one. By the kind of its first operand; what is missing takes several. */
import type { Kind } from '../../kernel/l3.js';
import type { Opcode } from './opcodes.js';

export type Table = { readonly [K in Kind]?: { readonly [op: string]: Opcode | undefined } };
type ConversionTable<Result> = { readonly [From in Kind]?: { readonly [To in Kind]?: Result } };

/** Operands in L3's order. */
export const scalarBinary: Table = {
  index: { add: 'i32.add', sub: 'i32.sub', mul: 'i32.mul', div: 'i32.div_u', rem: 'i32.rem_u' },
  i32: {
    add: 'i32.add',
    sub: 'i32.sub',
    mul: 'i32.mul',
    and: 'i32.and',
    or: 'i32.or',
    xor: 'i32.xor',
    shl: 'i32.shl',
    shr: 'i32.shr_u',
    sar: 'i32.shr_s',
  },
  mask: { and: 'i32.and', or: 'i32.or', xor: 'i32.xor' },
  i64: {
    add: 'i64.add',
    sub: 'i64.sub',
    mul: 'i64.mul',
    and: 'i64.and',
    or: 'i64.or',
    xor: 'i64.xor',
    shl: 'i64.shl',
    shr: 'i64.shr_u',
    sar: 'i64.shr_s',
  },
  f32: { add: 'f32.add', sub: 'f32.sub', mul: 'f32.mul', div: 'f32.div' },
  f64: { add: 'f64.add', sub: 'f64.sub', mul: 'f64.mul', div: 'f64.div' },
};

/** The comparison that decides a scalar min or max: `a` where it holds, else `b`. */
export const scalarChoice: Table = {
  index: { min: 'i32.lt_u', max: 'i32.gt_u' },
  i32: { min: 'i32.lt_s', max: 'i32.gt_s' },
  i64: { min: 'i64.lt_s', max: 'i64.gt_s' },
  f32: { min: 'f32.lt', max: 'f32.gt' },
  f64: { min: 'f64.lt', max: 'f64.gt' },
};

export const vectorBinary: Table = {
  i32: {
    add: 'i32x4.add',
    sub: 'i32x4.sub',
    mul: 'i32x4.mul',
    min: 'i32x4.min_s',
    max: 'i32x4.max_s',
    and: 'v128.and',
    or: 'v128.or',
    xor: 'v128.xor',
  },
  mask: { and: 'v128.and', or: 'v128.or', xor: 'v128.xor' },
  f32: { add: 'f32x4.add', sub: 'f32x4.sub', mul: 'f32x4.mul', div: 'f32x4.div' },
};

/** Operands swapped: pmin(x, y) is `y < x ? y : x`, so pmin(b, a) is `a < b ? a : b`. */
export const vectorSwapped: Table = {
  f32: { min: 'f32x4.pmin', max: 'f32x4.pmax' },
};

export const scalarUnary: Table = {
  f32: { neg: 'f32.neg', abs: 'f32.abs', sqrt: 'f32.sqrt', floor: 'f32.floor', round: 'f32.nearest' },
  f64: { neg: 'f64.neg', abs: 'f64.abs', sqrt: 'f64.sqrt', floor: 'f64.floor', round: 'f64.nearest' },
  mask: { not: 'i32.eqz' },
};

export const vectorUnary: Table = {
  f32: {
    neg: 'f32x4.neg',
    abs: 'f32x4.abs',
    sqrt: 'f32x4.sqrt',
    floor: 'f32x4.floor',
    round: 'f32x4.nearest',
  },
  i32: { neg: 'i32x4.neg', abs: 'i32x4.abs', not: 'v128.not' },
  mask: { not: 'v128.not' },
};

export const scalarCompare: Table = {
  index: { eq: 'i32.eq', ne: 'i32.ne', lt: 'i32.lt_u', le: 'i32.le_u' },
  i32: { eq: 'i32.eq', ne: 'i32.ne', lt: 'i32.lt_s', le: 'i32.le_s' },
  i64: { eq: 'i64.eq', ne: 'i64.ne', lt: 'i64.lt_s', le: 'i64.le_s' },
  f32: { eq: 'f32.eq', ne: 'f32.ne', lt: 'f32.lt', le: 'f32.le' },
  f64: { eq: 'f64.eq', ne: 'f64.ne', lt: 'f64.lt', le: 'f64.le' },
};

export const vectorCompare: Table = {
  i32: { eq: 'i32x4.eq', ne: 'i32x4.ne', lt: 'i32x4.lt_s', le: 'i32x4.le_s' },
  f32: { eq: 'f32x4.eq', ne: 'f32x4.ne', lt: 'f32x4.lt', le: 'f32x4.le' },
};

export const scalarShift: Table = {
  i32: { shl: 'i32.shl', shr: 'i32.shr_u', sar: 'i32.shr_s', rol: 'i32.rotl' },
  i64: { shl: 'i64.shl', shr: 'i64.shr_u', sar: 'i64.shr_s' },
};
export const vectorShift: Table = {
  i32: { shl: 'i32x4.shl', shr: 'i32x4.shr_u', sar: 'i32x4.shr_s' },
};

/** From a kind to another; `null` where the bits stay. Saturating truncations never trap. */
export const scalarConvert: ConversionTable<Opcode | null> = {
  f32: { i32: 'i32.trunc_sat_f32_s', i64: 'i64.trunc_sat_f32_s', f64: 'f64.promote_f32' },
  i32: { f32: 'f32.convert_i32_s', i64: 'i64.extend_i32_s', index: null, f64: 'f64.convert_i32_s' },
  mask: { i32: null, f32: 'f32.convert_i32_u', i64: 'i64.extend_i32_u', f64: 'f64.convert_i32_u' },
  i64: { i32: 'i32.wrap_i64', f32: 'f32.convert_i64_s', index: 'i32.wrap_i64', f64: 'f64.convert_i64_s' },
  index: { i32: null, i64: 'i64.extend_i32_u', f32: 'f32.convert_i32_u', f64: 'f64.convert_i32_u' },
  f64: { f32: 'f32.demote_f64', i32: 'i32.trunc_sat_f64_s', i64: 'i64.trunc_sat_f64_s' },
};

/** From a kind to another, of scalars. */
export const scalarBitcast: ConversionTable<Opcode> = {
  f32: { i32: 'i32.reinterpret_f32' },
  i32: { f32: 'f32.reinterpret_i32' },
  f64: { i64: 'i64.reinterpret_f64' },
  i64: { f64: 'f64.reinterpret_i64' },
};
