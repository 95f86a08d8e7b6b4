/** onnxruntime-node: ONNX Runtime as native code on the processor. */
import { serveOrt } from './ort-cases.mjs';
import { load, threads, versionOf } from './serve.mjs';

const ort = load('onnxruntime-node');
ort.env.logLevel = 'error';
await serveOrt(ort, `onnxruntime-node ${versionOf('onnxruntime-node')} cpu, ${threads} thread(s)`, {
  executionProviders: ['cpu'],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  executionMode: 'sequential',
});
