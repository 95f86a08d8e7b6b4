/** WebAssembly as lowering sees it. */
import type { Target } from '../../kernel/target.js';

/**
 * V8 has 15 vector registers to give away and loads all of a round before it computes, so tiles beyond 4x8 spill (of the same product,
 * GFLOP/s at 512 on Zen 4, V8 11.3: 4x8 and 2x16 46, 5x8, 6x8, 4x12 and 3x12 22 to 26). With the loop as the emitter writes it, a round
 * of 4x8 takes 4.2 cycles of the 4.0 that its 16 operations need. Blocks that stay in a second cache of 1 MiB
 * together do best: at 512 46 with these, 43 with kc 384, mc 128, nc 2048; for convolutions and larger products it is 2 %. Not packing
 * makes products of 64 1.1 to 1.6 times as fast; from 100 on it is slower.
 */
export const wasmTarget: Target = {
  id: 'wasm',
  lanes: 4,
  wideLanes: 1,
  masks: false,
  prefetches: false,
  float16: false,
  dots: [],
  scales: false,
  gemm: {
    mr: 4,
    nr: 8,
    kc: 512,
    mc: 64,
    nc: 512,
    isPrompt: false,
    inPlace: { columns: 64, depth: 128, wideDepth: Number.POSITIVE_INFINITY },
  },
};
