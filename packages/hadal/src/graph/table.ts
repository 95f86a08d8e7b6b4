/** The table of all ops of the graph. An op's number in plan keys is its position here. */
import type { Op } from './op.js';
import { dot } from './ops/dot.js';
import { elementwise } from './ops/elementwise.js';
import { gather, movement, scatterAdd } from './ops/movement.js';
import { reduce } from './ops/reduce.js';
import { sources } from './ops/sources.js';

export const opTable = {
  ...sources,
  ...elementwise,
  ...movement,
  ...reduce,
  dot,
  gather,
  scatterAdd,
} as const;

export type OpName = keyof typeof opTable;

export const opNames = Object.keys(opTable) as readonly OpName[];

export const opIds: ReadonlyMap<Op, number> = new Map(opNames.map((name, i) => [opTable[name] as Op, i]));

/** Numbers of dtypes in plan keys. */
export const dtypeIds = { float32: 0, int32: 1, int64: 2, uint8: 3, bool: 4 } as const;
