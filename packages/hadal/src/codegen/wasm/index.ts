export { wasmTarget } from '../../runtime/wasm/target.js';
export { compileWasm, type WasmFeatures } from './compile.js';
export { type ComputeProbe, type CopyProbe, probeCompute, probeCopy } from './probe.js';
