import type { DType } from '../../src/base/dtype.js';

/** All dtypes that tensors may have. */
export const dtypes: readonly DType[] = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint32',
  'bool',
];
