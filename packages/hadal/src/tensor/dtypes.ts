/** Facts about dtypes for people. */
import type { DType } from '../base/dtype.js';
import { checkDType, dtypeInfo, isFloat, promote } from '../base/dtype.js';
import { DTypeError } from '../base/errors.js';
import { getDefaultDtype } from './default-dtype.js';
import type { Operand } from './promotion.js';
import { argumentOf, resultDType } from './promotion.js';

/**
 * The dtype that holds the results of both.
 *
 * @example
 * ```ts
 * import { promoteTypes } from 'hadal';
 * console.log(promoteTypes('int32', 'float16')); // float16
 * ```
 */
export function promoteTypes(a: DType, b: DType): DType {
  return promote(checkDType(a), checkDType(b));
}

/**
 * The dtype of an arithmetic op on these operands: a number, or a tensor without dimensions, counts only where it is of a higher
 * category (bool, integer, float).
 *
 * @example
 * ```ts
 * import { ones, resultType } from 'hadal';
 * console.log(resultType(ones([2], { dtype: 'int32' }), 0.5)); // float32
 * ```
 */
export function resultType(x: Operand, y: Operand): DType {
  return resultDType('resultType', argumentOf('resultType', x), argumentOf('resultType', y));
}

/** Whether values of one dtype may go into another without changing category: no float into an integer, nothing but bools into bool. */
export function canCast(from: DType, to: DType): boolean {
  const [a, b] = [dtypeInfo[checkDType(from)].category, dtypeInfo[checkDType(to)].category];
  return b === 'float' || a === b || (a === 'bool' && b === 'int');
}

export interface FloatInfo {
  readonly dtype: DType;
  readonly bits: number;
  /** The distance from 1 to the next larger number. */
  readonly eps: number;
  readonly max: number;
  readonly min: number;
  /** The smallest positive number of full precision. */
  readonly smallestNormal: number;
  readonly tiny: number;
  /** A power of ten that decimal digits are good for. */
  readonly resolution: number;
}

/** IEEE 754: bits after the point, exponent of the smallest normal number, decimal digits. */
const floats: { readonly [dtype: string]: readonly [fraction: number, exponent: number, digits: number] } = {
  float16: [10, -14, 3],
  bfloat16: [7, -126, 2],
  float32: [23, -126, 6],
  float64: [52, -1022, 15],
};

/**
 * Limits of a float dtype, the default one unless given.
 *
 * @throws DTypeError for integers and bool.
 */
export function finfo(dtype: DType = getDefaultDtype()): FloatInfo {
  const facts = floats[checkDType(dtype)];
  if (facts === undefined) throw new DTypeError(`finfo: expected a float dtype, got ${dtype}; use iinfo`);
  const [fraction, exponent, digits] = facts;
  const { bytes, min, max } = dtypeInfo[dtype];
  const tiny = 2 ** exponent;
  return {
    dtype,
    bits: 8 * bytes,
    eps: 2 ** -fraction,
    max: Number(max),
    min: Number(min),
    smallestNormal: tiny,
    tiny,
    resolution: Number(`1e-${digits}`),
  };
}

export interface IntegerInfo {
  readonly dtype: DType;
  readonly bits: number;
  /** A bigint for int64. */
  readonly min: number | bigint;
  readonly max: number | bigint;
}

/**
 * Limits of an integer dtype.
 *
 * @throws DTypeError for floats and bool.
 */
export function iinfo(dtype: DType): IntegerInfo {
  if (isFloat(checkDType(dtype)) || dtype === 'bool')
    throw new DTypeError(
      `iinfo: expected an integer dtype, got ${dtype}${dtype === 'bool' ? '' : '; use finfo'}`,
    );
  const { bytes, min, max } = dtypeInfo[dtype];
  return { dtype, bits: 8 * bytes, min, max };
}
