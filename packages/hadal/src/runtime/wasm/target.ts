/** WebAssembly as lowering sees it. */
import type { Target } from '../../kernel/target.js';

/**
 * V8 has 16 vector registers and no say in how it orders a loop body, so larger tiles spill: of the machine's limit of
 * multiplications and additions (Zen 4, V8 11.3), packed products reach 71 % with 4x8 tiles and 42 % with 5x8; alone in
 * its loop the 4x8 tile reaches 75 %, 6x8 and 4x12 52 %, 4x8 with the depth unrolled twice 52 to 55 %. Cache blocks
 * hardly matter (69 to 71 % for kc 256 to 512, mc 128 to 640).
 */
export const wasmTarget: Target = {
  id: 'wasm',
  lanes: 4,
  masks: false,
  gemm: { mr: 4, nr: 8, kc: 256, mc: 128, nc: 2048 },
};
