/** TensorFlow.js on its WebAssembly backend (SIMD, XNNPACK); see serve.mjs for how it is talked to. */
import { inputValues } from './inputs.mjs';
import { emscriptenWorkers } from './node-worker.mjs';
import { load, serve, threads, Unsupported } from './serve.mjs';
import { tfjsModels } from './tfjs-models.mjs';

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

/** Training steps with gradients by the library's tape and optimizers of its own. */
function train(form, spec, repetitions) {
  const make = tfjsModels[spec.model];
  if (make === undefined) throw new Unsupported(`the model ${spec.model} is not written for TensorFlow.js`);
  const { parameters, batch, loss } = make(tf, spec, form, { upload });
  const { kind, lr } = spec.optimizer;
  const optimizer = {
    sgd: () => tf.train.sgd(lr),
    momentum: () => tf.train.momentum(lr, spec.optimizer.momentum),
    adam: () => tf.train.adam(lr),
  }[kind]?.();
  const step = optimizer === undefined ? adamwStep(parameters, spec.optimizer) : null;
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
      batches = Array.from({ length: repetitions }, (_, r) => batch(round, r));
    },
    run() {
      for (const { x, y } of batches) {
        const { value, grads } = tf.variableGrads(() => loss(x, y), parameters);
        if (step === null) optimizer.applyGradients(grads);
        else step(grads);
        tf.dispose(grads);
        losses.push(value);
      }
    },
    outputs: () => [...losses.map((l) => l.dataSync()), ...parameters.slice(-1).map((p) => p.dataSync())],
    release() {
      drop();
      tf.dispose(parameters);
    },
  };
}

/** Decoupled weight decay (Loshchilov and Hutter 2019), which the library has no optimizer for. */
function adamwStep(parameters, { lr, betas: [b1, b2], eps, weightDecay }) {
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
});
