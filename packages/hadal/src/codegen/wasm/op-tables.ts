/** Which WebAssembly instruction an L3 op is, where it is exactly one. Keys are `op.kind`; what is missing takes several. */
import type { Opcode } from './opcodes.js';

type Table = { readonly [key: string]: Opcode | undefined };

/** Operands in L3's order. */
export const scalarBinary: Table = {
  'add.index': 'i32.add',
  'sub.index': 'i32.sub',
  'mul.index': 'i32.mul',
  'div.index': 'i32.div_u',
  'rem.index': 'i32.rem_u',
  'add.i32': 'i32.add',
  'sub.i32': 'i32.sub',
  'mul.i32': 'i32.mul',
  'and.i32': 'i32.and',
  'or.i32': 'i32.or',
  'xor.i32': 'i32.xor',
  'and.mask': 'i32.and',
  'or.mask': 'i32.or',
  'xor.mask': 'i32.xor',
  'add.i64': 'i64.add',
  'sub.i64': 'i64.sub',
  'mul.i64': 'i64.mul',
  'and.i64': 'i64.and',
  'or.i64': 'i64.or',
  'xor.i64': 'i64.xor',
  'add.f32': 'f32.add',
  'sub.f32': 'f32.sub',
  'mul.f32': 'f32.mul',
  'div.f32': 'f32.div',
  'add.f64': 'f64.add',
  'sub.f64': 'f64.sub',
  'mul.f64': 'f64.mul',
  'div.f64': 'f64.div',
};

/** The comparison that decides a scalar min or max: `a` where it holds, else `b`. */
export const scalarChoice: Table = {
  'min.index': 'i32.lt_u',
  'max.index': 'i32.gt_u',
  'min.i32': 'i32.lt_s',
  'max.i32': 'i32.gt_s',
  'min.i64': 'i64.lt_s',
  'max.i64': 'i64.gt_s',
  'min.f32': 'f32.lt',
  'max.f32': 'f32.gt',
  'min.f64': 'f64.lt',
  'max.f64': 'f64.gt',
};

export const vectorBinary: Table = {
  'add.i32': 'i32x4.add',
  'sub.i32': 'i32x4.sub',
  'mul.i32': 'i32x4.mul',
  'min.i32': 'i32x4.min_s',
  'max.i32': 'i32x4.max_s',
  'and.i32': 'v128.and',
  'or.i32': 'v128.or',
  'xor.i32': 'v128.xor',
  'and.mask': 'v128.and',
  'or.mask': 'v128.or',
  'xor.mask': 'v128.xor',
  'add.f32': 'f32x4.add',
  'sub.f32': 'f32x4.sub',
  'mul.f32': 'f32x4.mul',
  'div.f32': 'f32x4.div',
};

/** Operands swapped: pmin(x, y) is `y < x ? y : x`, so pmin(b, a) is `a < b ? a : b`. */
export const vectorSwapped: Table = {
  'min.f32': 'f32x4.pmin',
  'max.f32': 'f32x4.pmax',
};

export const scalarUnary: Table = {
  'neg.f32': 'f32.neg',
  'abs.f32': 'f32.abs',
  'sqrt.f32': 'f32.sqrt',
  'floor.f32': 'f32.floor',
  'round.f32': 'f32.nearest',
  'neg.f64': 'f64.neg',
  'abs.f64': 'f64.abs',
  'sqrt.f64': 'f64.sqrt',
  'floor.f64': 'f64.floor',
  'round.f64': 'f64.nearest',
  'not.mask': 'i32.eqz',
};

export const vectorUnary: Table = {
  'neg.f32': 'f32x4.neg',
  'abs.f32': 'f32x4.abs',
  'sqrt.f32': 'f32x4.sqrt',
  'floor.f32': 'f32x4.floor',
  'round.f32': 'f32x4.nearest',
  'neg.i32': 'i32x4.neg',
  'abs.i32': 'i32x4.abs',
  'not.i32': 'v128.not',
  'not.mask': 'v128.not',
};

export const scalarCompare: Table = {
  'eq.index': 'i32.eq',
  'ne.index': 'i32.ne',
  'lt.index': 'i32.lt_u',
  'le.index': 'i32.le_u',
  'eq.i32': 'i32.eq',
  'ne.i32': 'i32.ne',
  'lt.i32': 'i32.lt_s',
  'le.i32': 'i32.le_s',
  'eq.i64': 'i64.eq',
  'ne.i64': 'i64.ne',
  'lt.i64': 'i64.lt_s',
  'le.i64': 'i64.le_s',
  'eq.f32': 'f32.eq',
  'ne.f32': 'f32.ne',
  'lt.f32': 'f32.lt',
  'le.f32': 'f32.le',
  'eq.f64': 'f64.eq',
  'ne.f64': 'f64.ne',
  'lt.f64': 'f64.lt',
  'le.f64': 'f64.le',
};

export const vectorCompare: Table = {
  'eq.i32': 'i32x4.eq',
  'ne.i32': 'i32x4.ne',
  'lt.i32': 'i32x4.lt_s',
  'le.i32': 'i32x4.le_s',
  'eq.f32': 'f32x4.eq',
  'ne.f32': 'f32x4.ne',
  'lt.f32': 'f32x4.lt',
  'le.f32': 'f32x4.le',
};

export const scalarShift: Table = {
  'shl.i32': 'i32.shl',
  'shr.i32': 'i32.shr_u',
  'sar.i32': 'i32.shr_s',
  'shl.i64': 'i64.shl',
  'shr.i64': 'i64.shr_u',
  'sar.i64': 'i64.shr_s',
};
export const vectorShift: Table = {
  'shl.i32': 'i32x4.shl',
  'shr.i32': 'i32x4.shr_u',
  'sar.i32': 'i32x4.shr_s',
};

/** Keys are `from>to`; `null` where the bits stay. Saturating truncations never trap. */
export const scalarConvert: { readonly [key: string]: Opcode | null | undefined } = {
  'f32>i32': 'i32.trunc_sat_f32_s',
  'i32>f32': 'f32.convert_i32_s',
  'mask>i32': null,
  'mask>f32': 'f32.convert_i32_u',
  'mask>i64': 'i64.extend_i32_u',
  'i32>i64': 'i64.extend_i32_s',
  'i64>i32': 'i32.wrap_i64',
  'f32>i64': 'i64.trunc_sat_f32_s',
  'i64>f32': 'f32.convert_i64_s',
  'index>i32': null,
  'index>i64': 'i64.extend_i32_u',
  'index>f32': 'f32.convert_i32_u',
  'i32>index': null,
  'i64>index': 'i32.wrap_i64',
  'f32>f64': 'f64.promote_f32',
  'f64>f32': 'f32.demote_f64',
  'i32>f64': 'f64.convert_i32_s',
  'f64>i32': 'i32.trunc_sat_f64_s',
  'i64>f64': 'f64.convert_i64_s',
  'f64>i64': 'i64.trunc_sat_f64_s',
  'index>f64': 'f64.convert_i32_u',
  'mask>f64': 'f64.convert_i32_u',
};

/** Keys are `from>to`, of scalars. */
export const scalarBitcast: Table = {
  'f32>i32': 'i32.reinterpret_f32',
  'i32>f32': 'f32.reinterpret_i32',
  'f64>i64': 'i64.reinterpret_f64',
  'i64>f64': 'f64.reinterpret_i64',
};
