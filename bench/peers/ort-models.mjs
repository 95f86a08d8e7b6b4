/**
 * Models as ONNX graphs with their weights as constants, in one or more forms: `(graph, parameters) => name of the result`; the input is
 * `x0`.
 */
import { gptToken } from './ort-gpt.mjs';
import { resnet18 } from './resnet18.mjs';

const EPSILON = 1e-5;

const linear = (graph, x, w, b) =>
  graph.node('Gemm', [x, graph.constant(w), graph.constant(b)], { transB: 1 });
const relu = (graph, x) => graph.node('Relu', [x]);

function mlp(graph, parameters) {
  let x = 'x0';
  for (let i = 0; i < parameters.length; i += 2) {
    x = linear(graph, i === 0 ? x : relu(graph, x), parameters[i], parameters[i + 1]);
  }
  return x;
}

function cnn(graph, [w1, b1, w2, b2, w3, b3, w4, b4]) {
  const conv = (x, w, b) => relu(graph, graph.node('Conv', [x, graph.constant(w), graph.constant(b)]));
  const maps = conv(conv('x0', w1, b1), w2, b2);
  const pooled = graph.node('MaxPool', [maps], { kernel_shape: [2, 2], strides: [2, 2] });
  const hidden = linear(graph, graph.node('Flatten', [pooled]), w3, b3);
  return linear(graph, relu(graph, hidden), w4, b4);
}

function resnet(graph, parameters, pool) {
  return resnet18(parameters, 'x0', {
    conv(x, w, stride) {
      const padding = w.shape[2] >> 1;
      return graph.node('Conv', [x, graph.constant(w)], {
        strides: [stride, stride],
        pads: [padding, padding, padding, padding],
      });
    },
    norm(x, scale, shift) {
      const channels = scale.shape[0];
      const statistics = [0, 1].map((v) =>
        graph.constant({ data: new Float32Array(channels).fill(v), shape: [channels] }),
      );
      return graph.node(
        'BatchNormalization',
        [x, graph.constant(scale), graph.constant(shift), ...statistics],
        { epsilon: { float: EPSILON } },
      );
    },
    relu: (x) => relu(graph, x),
    add: (x, y) => graph.node('Add', [x, y]),
    keep: (x) => x,
    head: (x, w, b) => linear(graph, graph.node('Flatten', [graph.node('GlobalAveragePool', [x])]), w, b),
    pool,
  });
}

export const ortModels = {
  mlp: { session: mlp },
  cnn: { session: cnn },
  resnet18: { session: (graph, parameters) => resnet(graph, parameters) },
  'resnet18 at 224': {
    session: (graph, parameters) =>
      resnet(graph, parameters, (x) =>
        graph.node('MaxPool', [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
      ),
  },
  'gpt token': {
    'cache joined': (graph, parameters) => gptToken(graph, parameters, 'joined'),
    'cache apart': (graph, parameters) => gptToken(graph, parameters, 'apart'),
  },
};
