/**
 * The two x86 instruction sets as targets. Tiles: 24 of 32 registers accumulate on AVX-512 (12 rows of two vectors), 12 of
 * 16 on AVX2. Blocks: mc x kc of A stays in half of a 1 MiB L2. A B panel (kc x nr) is
 * streamed from L2 anyway; the deeper it is, the less often partial sums go through memory: kc 512 against 384 took cold products of
 * 512 from 75 to 82 % of the FMA probe and of 2048 from 87 to 91 %. Read in place, products
 * up to 384 wide gain 2 to 40 % over packed ones, the small ones most; about 512 it is 0 to 10 %, with a loss now and then.
 */
import type { Target } from '../../kernel/target.js';

export const avx512Target: Target = {
  id: 'x86-avx512',
  lanes: 16,
  wideLanes: 8,
  masks: true,
  float16: true,
  prefetches: true,
  scales: true,
  dots: [],
  gemm: {
    mr: 12,
    nr: 32,
    kc: 512,
    mc: 264,
    nc: 3072,
    isPrompt: true,
    inPlace: { columns: 512, depth: 512, wideDepth: 48 },
  },
  otherTiles: { wide: { mr: 8, nr: 48 }, few: { mr: 4, nr: 96 }, steps: { mr: 8, nr: 32 } },
};

export const avx2Target: Target = {
  id: 'x86-avx2',
  lanes: 8,
  wideLanes: 1,
  masks: false,
  float16: true,
  prefetches: true,
  scales: false,
  dots: [],
  gemm: {
    mr: 6,
    nr: 16,
    kc: 384,
    mc: 240,
    nc: 3072,
    isPrompt: true,
    inPlace: { columns: 384, depth: 384, wideDepth: 48 },
  },
};
