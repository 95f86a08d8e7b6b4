export { NativeDevice, type NativeOptions, type OpenedNative, openNative } from './device.js';
export type { NativeFeatures } from './features.js';
export { avx2Target, avx512Target } from './targets.js';
