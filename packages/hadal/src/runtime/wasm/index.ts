export { detectWasm, type WasmSupport } from './detect.js';
export { openWasm, WasmDevice, type WasmOpening, type WasmOptions } from './device.js';
export { wasmTarget } from './target.js';
