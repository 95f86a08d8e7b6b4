/**
 * The last token of a sequence through the small decoder as an ONNX graph, with what lies in the cache as constants: either the new keys
 * and values are joined to it, as exported models do, or scores and results of old and new tokens are computed apart, which copies no cache.
 */
const EPSILON = 1e-5;
const BLOCKS = 4;
const HEADS = 8;

const scalar = (graph, x) => graph.constant({ data: Float32Array.of(x), shape: [1] });
const shapeOf = (graph, shape) =>
  graph.integers({ data: BigInt64Array.from(shape, BigInt), shape: [shape.length] });

/** The first tokens of a cache [1, heads, tokens, width]; with `flip`, as [1, heads, width, tokens]. */
function past({ data, shape: [, heads, tokens, width] }, flip) {
  const count = tokens - 1;
  const out = new Float32Array(heads * count * width);
  for (let h = 0; h < heads; h++)
    for (let t = 0; t < count; t++)
      for (let w = 0; w < width; w++) {
        const to = flip ? (h * width + w) * count + t : (h * count + t) * width + w;
        out[to] = data[(h * tokens + t) * width + w];
      }
  return { data: out, shape: flip ? [1, heads, width, count] : [1, heads, count, width] };
}

export function gptToken(graph, parameters, form) {
  const rest = parameters.slice(0, -2 * BLOCKS);
  const caches = parameters.slice(-2 * BLOCKS);
  const next = () => rest.shift();
  const [tokens, positions] = [next(), next()];
  const [, width] = tokens.shape;
  const head = width / HEADS;
  const position = { data: positions.data.slice(-width), shape: [1, width] };

  const norm = (x) =>
    graph.node('LayerNormalization', [x, graph.constant(next()), graph.constant(next())], {
      axis: -1,
      epsilon: { float: EPSILON },
    });
  const linear = (x) =>
    graph.node('Gemm', [x, graph.constant(next()), graph.constant(next())], { transB: 1 });
  const add = (x, y) => graph.node('Add', [x, y]);
  const mul = (x, y) => graph.node('Mul', [x, y]);
  const gelu = (x) =>
    mul(
      mul(x, add(graph.node('Erf', [graph.node('Div', [x, scalar(graph, Math.SQRT2)])]), scalar(graph, 1))),
      scalar(graph, 0.5),
    );
  const reshape = (x, shape) => graph.node('Reshape', [x, shapeOf(graph, shape)]);
  const flipped = (x) => graph.node('Transpose', [x], { perm: [0, 1, 3, 2] });
  const concat = (a, b, axis) => graph.node('Concat', [a, b], { axis });
  const matmul = (a, b) => graph.node('MatMul', [a, b]);
  const softmax = (x) => graph.node('Softmax', [x], { axis: -1 });

  function attention(q, k, v, keys, values) {
    const scaled = mul(q, scalar(graph, 1 / Math.sqrt(head)));
    if (form === 'joined') {
      const allKeys = concat(graph.constant(past(keys, false)), k, 2);
      const allValues = concat(graph.constant(past(values, false)), v, 2);
      return matmul(softmax(matmul(scaled, flipped(allKeys))), allValues);
    }
    const count = keys.shape[2] - 1;
    const scores = concat(matmul(scaled, graph.constant(past(keys, true))), matmul(scaled, flipped(k)), 3);
    const [old, last] = graph.nodes('Split', [softmax(scores), shapeOf(graph, [count, 1])], 2, { axis: 3 });
    return add(matmul(old, graph.constant(past(values, false))), mul(last, v));
  }

  let x = add(graph.node('Gather', [graph.constant(tokens), reshape('x0', [1])]), graph.constant(position));
  for (let b = 0; b < BLOCKS; b++) {
    // A module's parameters come in the order of its layers: both norms are not next to one another.
    const parts = linear(norm(x));
    const [q, k, v] = graph
      .nodes('Split', [parts, shapeOf(graph, [width, width, width])], 3, { axis: 1 })
      .map((part) => reshape(part, [1, HEADS, 1, head]));
    const attended = reshape(attention(q, k, v, caches[2 * b], caches[2 * b + 1]), [1, width]);
    const y = add(x, linear(attended));
    const inner = norm(y);
    x = add(y, linear(gelu(linear(inner))));
  }
  const last = norm(x);
  return graph.node('Gemm', [last, graph.constant(next())], { transB: 1 });
}
