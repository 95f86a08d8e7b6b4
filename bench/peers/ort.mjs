/** onnxruntime-web on WebAssembly (SIMD, threads as asked). */
import { serveOrt } from './ort-cases.mjs';
import { load, threads, versionOf } from './serve.mjs';

const ort = load('onnxruntime-web');
ort.env.wasm.numThreads = threads;
ort.env.logLevel = 'error';
await serveOrt(ort, `onnxruntime-web ${versionOf('onnxruntime-web')} wasm, ${threads} thread(s)`, {
  executionProviders: ['wasm'],
});
