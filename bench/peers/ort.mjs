/** onnxruntime-web on WebAssembly (SIMD, threads as asked), which computes but does not train; see serve.mjs for how it is talked to. */
import { inputValues } from './inputs.mjs';
import { OnnxGraph } from './onnx.mjs';
import { load, serve, threads, versionOf } from './serve.mjs';

const ort = load('onnxruntime-web');
const protobuf = load('protobufjs');
ort.env.wasm.numThreads = threads;
ort.env.logLevel = 'error';

const session = (bytes) =>
  ort.InferenceSession.create(bytes, { executionProviders: ['wasm'], graphOptimizationLevel: 'all' });
const tensor = ({ data, shape }) => new ort.Tensor('float32', data, shape);

/** One model of one product, or of as many as are realised together. */
async function gemm(_form, spec, repetitions) {
  const { batch, m, n, transA, transB } = spec;
  const together = spec.together ? repetitions : 1;
  const graph = new OnnxGraph();
  const outputs = [];
  const shape = batch === 1 ? [m, n] : [batch, m, n];
  for (let r = 0; r < together; r++) {
    const [a, b] = inputValues.gemm(spec, 0, r).map((value, i) => graph.input(`${'ab'[i]}${r}`, value.shape));
    const flip = (x, flipped) => (flipped ? graph.node('Transpose', [x], { perm: [0, 2, 1] }) : x);
    const name =
      batch === 1
        ? graph.node('Gemm', [a, b], { transA: Number(transA), transB: Number(transB) })
        : graph.node('MatMul', [flip(a, transA), flip(b, transB)]);
    outputs.push({ name, shape });
  }
  const model = await session(graph.encode(protobuf, outputs));
  let feeds = [];
  let results = [];
  return {
    prepare(round) {
      results = [];
      const values = Array.from({ length: repetitions }, (_, r) =>
        inputValues.gemm(spec, round, r).map(tensor),
      );
      feeds = [];
      for (let first = 0; first < repetitions; first += together) {
        const group = values.slice(first, first + together);
        feeds.push(
          Object.fromEntries(
            group.flatMap(([a, b], r) => [
              [`a${r}`, a],
              [`b${r}`, b],
            ]),
          ),
        );
      }
    },
    async run() {
      for (const feed of feeds) results.push(await model.run(feed));
    },
    outputs: () => results.flatMap((result) => outputs.map(({ name }) => result[name].data)),
    release: () => void model.release(),
  };
}

await serve(`onnxruntime-web ${versionOf('onnxruntime-web')} wasm, ${threads} thread(s)`, {
  gemm: { forms: () => ['session'], make: gemm },
});
