/**
 * Threads of TensorFlow.js and jax-js in Node. Both libraries make browser workers from blobs; a blob is no file, so Node's
 * `Worker` does not take it. Nothing of the libraries is changed: they find the `Worker` they expect.
 */
import { resolveObjectURL } from 'node:buffer';
import { createRequire } from 'node:module';
import os from 'node:os';
import { Worker } from 'node:worker_threads';

const prelude = `
const { parentPort } = require('node:worker_threads');
globalThis.self = globalThis;
globalThis.postMessage = (message) => parentPort.postMessage(message);
parentPort.on('message', (data) => globalThis.onmessage({ data }));
`;

/** As much of a browser's `Worker` as jax-js uses. */
class BlobWorker {
  onmessage = null;
  onerror = null;
  #started;

  constructor(url) {
    this.#started = resolveObjectURL(url)
      .text()
      .then((source) => {
        const worker = new Worker(`${prelude}${source}`, { eval: true });
        worker.on('message', (data) => this.onmessage?.({ data }));
        worker.on('error', (error) => this.onerror?.(error));
        this.#started = worker;
        return worker;
      });
  }

  postMessage(message) {
    // A promise in between would cost every launch a turn of the event loop.
    if (this.#started instanceof Worker) this.#started.postMessage(message);
    else this.#started.then((worker) => worker.postMessage(message));
  }
}

/** Call before jax-js is loaded: it looks for `Worker` and for the number of processors. */
export function browserWorkers(threads) {
  globalThis.Worker = BlobWorker;
  Object.defineProperty(globalThis, 'navigator', {
    value: { hardwareConcurrency: threads },
    configurable: true,
  });
}

/** Call before TensorFlow.js is loaded: its Emscripten glue takes `Worker` from worker_threads and hands it a blob. */
export function emscriptenWorkers(load, threads) {
  const glue = '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd';
  const { wasmWorkerContents } = load(`${glue}.worker.js`);
  const gluePath = load.resolve(`${glue}.js`);
  // Its own loader escapes this line end in the same way.
  const source = wasmWorkerContents.replace(/\n/g, '\\n');
  class GlueWorker extends Worker {
    constructor(file, options) {
      if (String(file).startsWith('blob:')) super(source, { eval: true });
      else super(file, options);
    }

    postMessage(message, ...rest) {
      super.postMessage(message.cmd === 'load' ? { ...message, urlOrBlob: gluePath } : message, ...rest);
    }
  }
  createRequire(import.meta.url)('node:worker_threads').Worker = GlueWorker;
  // It takes half of the processors at most, since it believes the other half to be hyperthreads.
  const all = os.cpus();
  os.cpus = () => Array.from({ length: 2 * threads }, (_, i) => all[i % all.length]);
}
