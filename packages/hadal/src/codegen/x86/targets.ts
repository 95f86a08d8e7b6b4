/** What lowering needs to know of the two instruction sets. */
export { avx2Target, avx512Target } from '../../runtime/native/targets.js';
