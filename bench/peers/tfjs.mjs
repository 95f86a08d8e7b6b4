/** TensorFlow.js on its WebAssembly backend (SIMD, XNNPACK); see serve.mjs for how it is talked to. */
import { inputValues } from './inputs.mjs';
import { emscriptenWorkers } from './node-worker.mjs';
import { load, serve, threads, Unsupported } from './serve.mjs';
import { crossEntropy, filterGradient, inputGradient, tfjsModels, toHwio, toNhwc } from './tfjs-models.mjs';

if (threads > 1) emscriptenWorkers(load, threads);
const tf = load('@tensorflow/tfjs');
const wasm = load('@tensorflow/tfjs-backend-wasm');
tf.enableProdMode();
if (threads > 1) {
  // It believes that Node has no threads, which was so in 2020.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', true);
  wasm.setThreadsCount(threads);
}
if (!(await tf.setBackend('wasm'))) throw new Error('the wasm backend of TensorFlow.js did not start');

const upload = ({ data, shape }) =>
  tf.tensor(data, shape, data instanceof Float32Array ? 'float32' : 'int32');

/** Operands as the kernel takes them, or transposed beforehand: the transposing matmul of the wasm backend is a plain loop. */
function gemm(form, spec, repetitions) {
  let inputs = [];
  let results = [];
  const { transA, transB } = spec;
  const axes = spec.batch === 1 ? [1, 0] : [0, 2, 1];
  const product =
    form === 'transposed first'
      ? (a, b) =>
          tf.tidy(() => tf.matMul(transA ? tf.transpose(a, axes) : a, transB ? tf.transpose(b, axes) : b))
      : (a, b) => tf.matMul(a, b, transA, transB);
  const drop = () => {
    tf.dispose([inputs, results]);
    inputs = [];
    results = [];
  };
  return {
    prepare(round) {
      drop();
      for (let r = 0; r < repetitions; r++) inputs.push(inputValues.gemm(spec, round, r).map(upload));
    },
    run() {
      results = inputs.map(([a, b]) => product(a, b));
    },
    outputs: () => results.map((y) => y.dataSync()),
    release: drop,
  };
}

function modelOf(spec, training) {
  const make = tfjsModels[spec.model];
  if (make === undefined) throw new Unsupported(`the model ${spec.model} is not written for TensorFlow.js`);
  return make(tf, spec, { upload, training });
}

/** Training steps with gradients by the library's tape and, where it has them, by its optimizers. */
function train(_form, spec, repetitions) {
  const { parameters, input, forward } = modelOf(spec, true);
  const { kind, lr, momentum } = spec.optimizer;
  const library = kind === 'sgd' ? (momentum > 0 ? tf.train.momentum(lr, momentum) : tf.train.sgd(lr)) : null;
  const step =
    library === null ? adamStep(parameters, spec.optimizer) : (grads) => library.applyGradients(grads);
  let batches = [];
  let losses = [];
  const drop = () => {
    tf.dispose([batches, losses]);
    batches = [];
    losses = [];
  };
  return {
    prepare(round) {
      drop();
      batches = Array.from({ length: repetitions }, (_, r) => {
        const [x, y] = inputValues.batch(spec, round, r);
        return { x: input(x), y: upload(y) };
      });
    },
    run() {
      for (const { x, y } of batches) {
        const { value, grads } = tf.variableGrads(() => crossEntropy(tf, forward(x), y), parameters);
        step(grads);
        tf.dispose(grads);
        losses.push(value);
      }
    },
    outputs: () => [...losses, ...parameters.slice(-1)].map((t) => t.dataSync()),
    release() {
      drop();
      tf.dispose(parameters);
    },
  };
}

/** Results of `compute` on inputs made by `inputs(round, repetition)`; `read` puts them in hadal's layout. */
function computing(repetitions, inputs, compute, read = (y) => y) {
  let values = [];
  let results = [];
  const drop = () => {
    tf.dispose([values, results]);
    values = [];
    results = [];
  };
  return {
    prepare(round) {
      drop();
      values = Array.from({ length: repetitions }, (_, r) => inputs(round, r));
    },
    run() {
      results = values.map((tensors) => tf.tidy(() => compute(...tensors)));
    },
    outputs: () => results.flat().map((y) => tf.tidy(() => read(y).dataSync())),
    release: drop,
  };
}

function infer(_form, spec, repetitions) {
  const { parameters, input, forward } = modelOf(spec, false);
  const made = computing(repetitions, (round, r) => [input(inputValues.input(spec, round, r))], forward);
  return {
    ...made,
    release() {
      made.release();
      tf.dispose(parameters);
    },
  };
}

function conv(_form, spec, repetitions) {
  const { groups, from, to, stride, padding, pass } = spec;
  const isDepthwise = groups === from && from === to && groups > 1;
  if (groups > 1 && !isDepthwise) throw new Unsupported('it has no grouped convolution');
  if (isDepthwise && pass !== 'forward')
    throw new Unsupported('its wasm backend has no gradients of depthwise convolutions');
  const inputs = (round, r) =>
    tf.tidy(() => {
      const [x, w, dy] = inputValues.conv(spec, round, r).map(upload);
      const filter = isDepthwise ? w.transpose([2, 3, 0, 1]) : toHwio(w);
      return [toNhwc(x), filter, ...(dy === undefined ? [] : [toNhwc(dy)])];
    });
  const compute = {
    forward: (x, w) =>
      isDepthwise
        ? tf.depthwiseConv2d(x, w, stride, padding, 'NHWC', 1, 'floor')
        : tf.conv2d(x, w, stride, padding, 'NHWC', 1, 'floor'),
    input: (x, w, dy) => inputGradient(tf, x.shape, w, dy, stride, padding),
    weight: (x, w, dy) => filterGradient(tf, x, dy, w.shape, stride, padding),
  }[pass];
  const read = (y) => y.transpose(pass === 'weight' ? [3, 2, 0, 1] : [0, 3, 1, 2]);
  return computing(repetitions, inputs, compute, read);
}

function attention(_form, spec, repetitions) {
  if (spec.causal) throw new Unsupported('no causal attention is written for TensorFlow.js');
  const scale = 1 / Math.sqrt(spec.width);
  const attend = (q, k, v) =>
    tf.matMul(
      tf
        .matMul(q, k.transpose([0, 1, 3, 2]))
        .mul(scale)
        .softmax(),
      v,
    );
  const compute =
    spec.pass === 'forward'
      ? attend
      : (q, k, v, dy) => {
          // Products with transposed operands run in a plain loop: the gradients are written out.
          const p = tf
            .matMul(q, k.transpose([0, 1, 3, 2]))
            .mul(scale)
            .softmax();
          const dp = tf.matMul(dy, v.transpose([0, 1, 3, 2]));
          const ds = dp.sub(dp.mul(p).sum(-1, true)).mul(p).mul(scale);
          return [
            tf.matMul(p, v),
            tf.matMul(ds, k),
            tf.matMul(ds.transpose([0, 1, 3, 2]), q),
            tf.matMul(p.transpose([0, 1, 3, 2]), dy),
          ];
        };
  return computing(repetitions, (round, r) => inputValues.attention(spec, round, r).map(upload), compute);
}

const rowFunctions = {
  sigmoid: (x) => x.sigmoid(),
  tanh: (x) => x.tanh(),
  'chain of 10': (x, weight, bias) => {
    let y = x;
    for (let i = 0; i < 5; i++) y = y.mul(weight).add(bias);
    return y;
  },
  'mul-add-relu': (x, _weight, bias) => x.mul(2).add(bias).relu(),
  gelu: (x) => x.mul(Math.SQRT1_2).erf().add(1).mul(x.mul(0.5)),
  softmax: (x) => x.softmax(),
  'layer-norm': (x, weight, bias) => {
    const { mean, variance } = tf.moments(x, 1, true);
    return x.sub(mean).mul(variance.add(1e-5).rsqrt()).mul(weight).add(bias);
  },
};

function pointwise(_form, spec, repetitions) {
  const compute = rowFunctions[spec.name];
  if (compute === undefined) throw new Unsupported(`${spec.name} is not written for TensorFlow.js`);
  return computing(repetitions, (round) => inputValues.rows(spec, round).map(upload), compute);
}

function chain(_form, spec, repetitions) {
  const compute = (x, b) => {
    let y = x;
    for (let i = 0; i < spec.ops; i++) y = i % 2 === 0 ? y.mul(b) : y.add(b);
    return y;
  };
  const inputs = (round, r) => inputValues.chain(spec, round, r).map(upload);
  return computing(repetitions / spec.ops, inputs, compute);
}

/** Adam with PyTorch's epsilon, and decoupled weight decay (Loshchilov and Hutter 2019), which the library does not have. */
function adamStep(parameters, { lr, betas: [b1, b2], eps, weightDecay }) {
  const moments = new Map(
    parameters.map((p) => [p.name, [0, 1].map(() => tf.variable(tf.zerosLike(p), false))]),
  );
  let t = 0;
  return (grads) => {
    t++;
    const rate = lr / (1 - b1 ** t);
    const scale = 1 / Math.sqrt(1 - b2 ** t);
    for (const p of parameters) {
      const [m, v] = moments.get(p.name);
      tf.tidy(() => {
        const g = grads[p.name];
        m.assign(m.mul(b1).add(g.mul(1 - b1)));
        v.assign(v.mul(b2).add(g.square().mul(1 - b2)));
        p.assign(p.mul(1 - lr * weightDecay).sub(m.mul(rate).div(v.sqrt().mul(scale).add(eps))));
      });
    }
  };
}

await serve(`TensorFlow.js ${tf.version.tfjs} wasm, SIMD, ${wasm.getThreadsCount()} thread(s)`, {
  gemm: {
    forms: ({ transA, transB }) => (transA || transB ? ['kernel', 'transposed first'] : ['kernel']),
    make: gemm,
  },
  train: { forms: () => ['products transposed by hand'], make: train },
  infer: { forms: () => ['core ops'], make: infer },
  conv: { forms: () => ['NHWC'], make: conv },
  attention: { forms: () => ['core ops'], make: attention },
  pointwise: { forms: () => ['core ops'], make: pointwise },
  chain: { forms: () => ['eager'], make: chain },
});
