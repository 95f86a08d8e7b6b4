/** The table of all ops of the graph. An op's number in plan keys is its position here. */
import type { DType } from '../base/dtype.js';
import type { Op, TupleOp } from './op.js';
import { attention, attentionGrad } from './ops/attention.js';
import { conv } from './ops/conv.js';
import { dot } from './ops/dot.js';
import { elementwise } from './ops/elementwise.js';
import { lookups } from './ops/lookups.js';
import { movement } from './ops/movement.js';
import { ordering, sorting } from './ops/ordering.js';
import { interleave, maxPool, sumPool } from './ops/pool.js';
import { reduce } from './ops/reduce.js';
import { result } from './ops/result.js';
import { scan } from './ops/scan.js';
import { sources } from './ops/sources.js';

export const opTable = {
  ...sources,
  ...elementwise,
  ...movement,
  ...reduce,
  dot,
  conv,
  maxPool,
  sumPool,
  interleave,
  ...lookups,
  ...ordering,
  ...sorting,
  attention,
  attentionGrad,
  result,
  scan,
} as const;

export type OpName = keyof typeof opTable;

/** Ops with several results. */
export type TupleName = {
  [K in OpName]: (typeof opTable)[K] extends TupleOp ? K : never;
}[OpName];

export const opNames = Object.keys(opTable) as readonly OpName[];

export const opsById: readonly Op[] = opNames.map((name) => opTable[name]);

export const opIds: ReadonlyMap<Op, number> = new Map(opsById.map((op, id) => [op, id]));

/** Numbers of dtypes in plan keys. */
export const dtypeIds: { readonly [K in DType]: number } = {
  float32: 0,
  int32: 1,
  int64: 2,
  uint8: 3,
  bool: 4,
  float64: 5,
  float16: 6,
  bfloat16: 7,
  int8: 8,
  int16: 9,
  uint32: 10,
};

export const dtypesById: readonly DType[] = Object.entries(dtypeIds)
  .sort(([, a], [, b]) => a - b)
  .map(([dtype]) => dtype as DType);
