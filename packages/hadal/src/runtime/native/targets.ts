/**
 * The two x86 instruction sets as targets. Tiles: 24 of 32 registers accumulate on AVX-512 (12 rows of two vectors), 12 of
 * 16 on AVX2. Blocks: kc rows of a B panel (nr columns) fill most of a 32 KiB L1; mc x kc of A stays in half of a 1 MiB L2.
 */
import type { Target } from '../../kernel/target.js';

export const avx512Target: Target = {
  id: 'x86-avx512',
  lanes: 16,
  masks: true,
  gemm: { mr: 12, nr: 32, kc: 384, mc: 240, nc: 3072 },
};

export const avx2Target: Target = {
  id: 'x86-avx2',
  lanes: 8,
  masks: false,
  gemm: { mr: 6, nr: 16, kc: 384, mc: 240, nc: 3072 },
};
