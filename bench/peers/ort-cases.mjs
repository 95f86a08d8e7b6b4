/** What onnxruntime is asked for, on WebAssembly or as native code: it computes but does not train; see serve.mjs for how it is talked to. */
import { inputValues } from './inputs.mjs';
import { OnnxGraph } from './onnx.mjs';
import { ortModels } from './ort-models.mjs';
import { load, serve, Unsupported } from './serve.mjs';

/**
 * Answers requests with an `ort` of either kind.
 *
 * @param description name, version and settings, for people
 * @param options of sessions
 */
export async function serveOrt(ort, description, options) {
  const protobuf = load('protobufjs');
  const session = (bytes) =>
    ort.InferenceSession.create(bytes, { graphOptimizationLevel: 'all', ...options });
  const types = new Map([
    [Float32Array, 'float32'],
    [Int32Array, 'int32'],
  ]);
  const tensor = ({ data, shape }) => new ort.Tensor(types.get(data.constructor), data, shape);

  /** One model of one product, or of as many as are realised together. */
  async function gemm(_form, spec, repetitions) {
    const { batch, m, n, transA, transB } = spec;
    const together = spec.together ? repetitions : 1;
    const graph = new OnnxGraph();
    const outputs = [];
    const shape = batch === 1 ? [m, n] : [batch, m, n];
    for (let r = 0; r < together; r++) {
      const [a, b] = inputValues
        .gemm(spec, 0, r)
        .map((value, i) => graph.input(`${'ab'[i]}${r}`, value.shape));
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

  /** A model whose inputs change and whose weights do not; `build` gives the name of the result. */
  async function oneInput(build, inputs, shape, repetitions, values) {
    const graph = new OnnxGraph();
    inputs.forEach((input, i) => {
      graph.input(`x${i}`, input.shape, input.classes);
    });
    const name = build(graph);
    const model = await session(graph.encode(protobuf, [{ name, shape }]));
    let feeds = [];
    let results = [];
    return {
      prepare(round) {
        results = [];
        feeds = Array.from({ length: repetitions }, (_, r) =>
          Object.fromEntries(values(round, r).map((value, i) => [`x${i}`, tensor(value)])),
        );
      },
      async run() {
        for (const feed of feeds) results.push((await model.run(feed))[name]);
      },
      outputs: () => results.map((result) => result.data),
      release: () => void model.release(),
    };
  }

  function infer(form, spec, repetitions) {
    const build = ortModels[spec.model]?.[form];
    if (build === undefined) throw new Unsupported(`the model ${spec.model} is not written for onnxruntime`);
    const parameters = inputValues.parameters(spec);
    const values = (round, r) => [inputValues.input(spec, round, r)];
    return oneInput((graph) => build(graph, parameters), [spec.input], spec.output, repetitions, values);
  }

  function conv(_form, spec, repetitions) {
    const { batch, to, kernel, stride, padding, groups, pass } = spec;
    if (pass !== 'forward') throw new Unsupported('it computes no gradients');
    const [x, w] = inputValues.conv(spec, 0, 0);
    const out = Math.floor((spec.side + 2 * padding - kernel) / stride) + 1;
    const build = (graph) =>
      graph.node('Conv', ['x0', 'x1'], {
        strides: [stride, stride],
        pads: [padding, padding, padding, padding],
        group: groups,
      });
    const values = (round, r) => inputValues.conv(spec, round, r);
    return oneInput(build, [x, w], [batch, to, out, out], repetitions, values);
  }

  function attention(_form, spec, repetitions) {
    const { heads, sequence, width, causal, pass } = spec;
    if (pass !== 'forward') throw new Unsupported('it computes no gradients');
    if (causal) throw new Unsupported('no causal attention is written for onnxruntime');
    const shape = [1, heads, sequence, width];
    const build = (graph) => {
      const scale = graph.constant({ data: Float32Array.of(1 / Math.sqrt(width)), shape: [1] });
      const scores = graph.node('MatMul', ['x0', graph.node('Transpose', ['x1'], { perm: [0, 1, 3, 2] })]);
      return graph.node('MatMul', [
        graph.node('Softmax', [graph.node('Mul', [scores, scale])], { axis: -1 }),
        'x2',
      ]);
    };
    const values = (round, r) => inputValues.attention(spec, round, r);
    return oneInput(build, [{ shape }, { shape }, { shape }], shape, repetitions, values);
  }

  await serve(description, {
    gemm: { forms: () => ['session'], make: gemm },
    infer: { forms: (spec) => Object.keys(ortModels[spec.model] ?? { session: null }), make: infer },
    conv: { forms: () => ['session'], make: conv },
    attention: { forms: () => ['session'], make: attention },
  });
}
