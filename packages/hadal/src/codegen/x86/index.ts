export { compileX86, type X86Code } from './compile.js';
export type { X86Features } from './features.js';
export { copyProbe, fmaProbe, measureCopy, measureFma } from './probe.js';
export { avx2Target, avx512Target } from './targets.js';
