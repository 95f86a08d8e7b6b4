/**
 * Which shape the register tile of a product has. Rows and columns of tiles are filled up with zeros, so a tile of 12 rows does 72 rows of
 * work for 64, and 12 for 3. A tile of as many registers with fewer rows and more columns then has less to do. Each element is the same
 * chain of fused operations in every shape, so results do not depend on it.
 */
import { roundUp } from '../../base/integers.js';
import type { GemmKernel } from '../l2.js';
import type { Target } from '../target.js';

/**
 * `few`: at most four rows. `wide`: rows that fill tiles of 8 better than those of 12. There is one more, `steps`, for products within
 * loops over steps.
 */
export type TileShape = 'usual' | 'wide' | 'few';

/** Rows of a tile of `few`. */
const FEW = 4;
/** Fewer columns do not fill wide tiles. */
const MANY_COLUMNS = 192;
/** What the work has to shrink by: wider tiles take more of the bandwidth of the second cache. */
const WORTH = 0.95;

/**
 * Decided for all targets alike, as part of a kernel's key; for AVX-512, whose tiles waste most. Without batch dimensions rows are most
 * often samples, whose number may change: another number of them is no other kernel.
 */
export function tileShape({ batch, m, n }: Pick<GemmKernel, 'batch' | 'm' | 'n'>): TileShape {
  if (batch.length === 0 || n < MANY_COLUMNS) return 'usual';
  if (m <= FEW) return 'few';
  return roundUp(m, 8) * roundUp(n, 48) < WORTH * roundUp(m, 12) * roundUp(n, 32) ? 'wide' : 'usual';
}

/** The target with tiles of a kernel's shape; only for kernels that are launched by themselves. */
export function withTiles(kernel: GemmKernel, target: Target): Target {
  const shape = tileShape(kernel);
  const tiles = shape === 'usual' ? undefined : target.otherTiles?.[shape];
  return tiles === undefined ? target : { ...target, gemm: { ...target.gemm, ...tiles } };
}

/**
 * The target with the tiles of products within loops over steps. Their rows are a batch's samples, most often a power of two, of which
 * each thread has a part: 16 rows are two tiles of 8, but in tiles of 12 half as much work again.
 */
export function withStepTiles(target: Target): Target {
  const tiles = target.otherTiles?.steps;
  return tiles === undefined ? target : { ...target, gemm: { ...target.gemm, ...tiles } };
}
