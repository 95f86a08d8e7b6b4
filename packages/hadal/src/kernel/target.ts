/**
 * What lowering needs to know of a machine. An engine states it; nothing else of the machine reaches L2 and L3.
 */
import type { DotOp } from './l3.js';

export interface GemmTiles {
  /** Rows and columns of the register tile; `nr` is a multiple of the lanes. */
  readonly mr: number;
  readonly nr: number;
  /** Depth, rows and columns of the cache blocks: kc x nr panels of B stay in L1, mc x kc of A in L2, kc x nc of B in L3. */
  readonly kc: number;
  readonly mc: number;
  readonly nc: number;
  /** Whether panels of B are packed one by one, when the first block of A comes to them: they are then still near. */
  readonly isPrompt: boolean;
  /**
   * How wide and deep a product may be whose operands are read where they lie, if they are plain memory; no deeper than kc. Of this
   * depth and more, those that are made for each of many images may be as wide as can be.
   */
  readonly inPlace: { readonly columns: number; readonly depth: number; readonly wideDepth: number };
}

export interface Target {
  /** Names the instruction set; part of every kernel's cache key. */
  readonly id: string;
  /** Lanes of a 32-bit vector. */
  readonly lanes: number;
  /** Lanes of a vector in functions that have vectors of f64 and i64; 1 where there are none. */
  readonly wideLanes: number;
  /** Whether loads and stores take masks, so that tails need no scalar loop. */
  readonly masks: boolean;
  /** Whether float16 can be loaded, stored and rounded to as it is, in place of integer operations on its bits. */
  readonly float16: boolean;
  /** Whether L3's `scale` is an instruction. */
  readonly scales: boolean;
  /** Whether memory can be asked for ahead of stores. */
  readonly prefetches: boolean;
  /** Which of L3's `dot` are instructions. */
  readonly dots: readonly DotOp[];
  readonly gemm: GemmTiles;
  /** Register tiles of other shapes, whose sizes divide `mc` and `nc`; see tile-shapes.ts. */
  readonly otherTiles?: { readonly [S in 'wide' | 'few' | 'steps']: Pick<GemmTiles, 'mr' | 'nr'> };
}

/** What a device says of its threads. */
export interface Threads {
  /** Shares that can run at once. */
  readonly count: number;
  /** A share that takes less than this is not worth the way to another thread. */
  readonly leastShareNs: number;
}

/** The calling thread alone. */
export const oneThread: Threads = { count: 1, leastShareNs: Number.POSITIVE_INFINITY };
