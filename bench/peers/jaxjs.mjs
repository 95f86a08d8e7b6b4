/** jax-js on its WebAssembly backend, whole steps compiled with `jit`; see serve.mjs for how it is talked to. */
import { inputValues } from './inputs.mjs';
import { jaxjsModels } from './jaxjs-models.mjs';
import { browserWorkers } from './node-worker.mjs';
import { load, serve, threads, Unsupported, versionOf } from './serve.mjs';

if (threads > 1) browserWorkers(threads);
const jax = load('@jax-js/jax');
const { numpy: np } = jax;
await jax.init('wasm');
jax.defaultDevice('wasm');
// Its workers do not keep the process alive, and a launch is waited for by promise only.
setInterval(() => {}, 1000);

const upload = ({ data, shape }) => np.array(data).reshape(shape);

async function ready(arrays) {
  for (const array of arrays) await array.blockUntilReady();
}

function disposing(arrays) {
  for (const array of arrays) array.dispose();
}

function gemm(form, spec, repetitions) {
  const { transA, transB } = spec;
  const flip = jax.jit((x) => np.matrixTranspose(x).add(0));
  const product = (a, b) => np.matmul(transA ? np.matrixTranspose(a) : a, transB ? np.matrixTranspose(b) : b);
  const multiply = jax.jit((a, b) => np.matmul(a, b));
  const one =
    form === 'transposed first'
      ? (a, b) => multiply(transA ? flip(a) : a, transB ? flip(b) : b)
      : jax.jit(product);
  const all = jax.jit((pairs) => pairs.map(([a, b]) => product(a, b)));
  let inputs = [];
  let results = [];
  return {
    async prepare(round) {
      disposing(results);
      inputs = Array.from({ length: repetitions }, (_, r) => inputValues.gemm(spec, round, r).map(upload));
      await ready(inputs.flat());
    },
    async run() {
      // Arguments are consumed.
      results = form === 'jit of all' ? all(inputs) : inputs.map(([a, b]) => one(a, b));
      await ready(results);
    },
    outputs: async () => Promise.all(results.map((y) => y.ref.data())),
    release() {
      disposing(results);
      results = [];
    },
  };
}

/** One jit for loss, gradients and update. */
function train(_form, spec, repetitions) {
  const make = jaxjsModels[spec.model];
  if (make === undefined) throw new Unsupported(`the model ${spec.model} is not written for jax-js`);
  const { values, loss } = make(jax, spec);
  let parameters = values.map(upload);
  const update = optimizers[spec.optimizer.kind];
  if (update === undefined) throw new Unsupported(`${spec.optimizer.kind} is not written for jax-js`);
  let moments = update.moments ? [...parameters, ...parameters].map((p) => np.zeros(p.shape)) : [];
  let t = 0;
  const step = jax.jit((state, x, y, rates) => {
    const [value, grads] = jax.valueAndGrad(loss)(
      state.parameters.map((p) => p.ref),
      x,
      y,
    );
    return { value, ...update.apply(state, grads, rates, spec.optimizer) };
  });
  let batches = [];
  let losses = [];
  return {
    async prepare(round) {
      disposing(losses);
      losses = [];
      batches = Array.from({ length: repetitions }, (_, r) => inputValues.batch(spec, round, r).map(upload));
      await ready(batches.flat());
    },
    async run() {
      for (const [x, y] of batches) {
        t++;
        const rates = update.rates(t, spec.optimizer).map((rate) => np.array(Float32Array.of(rate)));
        const next = step({ parameters, moments }, x, y, rates);
        parameters = next.parameters;
        moments = next.moments;
        losses.push(next.value);
      }
      await ready([...losses, ...parameters]);
    },
    outputs: async () => Promise.all([...losses, parameters[parameters.length - 1]].map((a) => a.ref.data())),
    release() {
      disposing([...parameters, ...moments, ...losses]);
      losses = [];
    },
  };
}

/** `rates` are what changes from step to step: handed over as arrays, so that nothing is compiled anew. */
const optimizers = {
  sgd: {
    moments: false,
    rates: (_t, { lr }) => [lr],
    apply: ({ parameters, moments }, grads, [rate]) => ({
      parameters: parameters.map((p, i) => p.sub(grads[i].mul(rate.ref))),
      moments,
    }),
  },
  adamw: {
    moments: true,
    rates: (t, { lr, betas: [b1, b2] }) => [lr / (1 - b1 ** t), 1 / Math.sqrt(1 - b2 ** t)],
    apply({ parameters, moments }, grads, [rate, scale], { lr, betas: [b1, b2], eps, weightDecay }) {
      const n = parameters.length;
      const m = grads.map((g, i) => moments[i].mul(b1).add(g.ref.mul(1 - b1)));
      const v = grads.map((g, i) => moments[n + i].mul(b2).add(np.square(g).mul(1 - b2)));
      return {
        parameters: parameters.map((p, i) =>
          p
            .mul(1 - lr * (weightDecay ?? 0))
            .sub(m[i].ref.mul(rate.ref).div(np.sqrt(v[i].ref).mul(scale.ref).add(eps))),
        ),
        moments: [...m, ...v],
      };
    },
  },
};

await serve(`jax-js ${versionOf('@jax-js/jax')} wasm, ${threads} thread(s)`, {
  gemm: {
    forms: ({ together, transA, transB }) => [
      'jit',
      ...(together ? ['jit of all'] : []),
      // A product whose operands are both transposed runs without vectors.
      ...(transA || transB ? ['transposed first'] : []),
    ],
    make: gemm,
  },
  train: { forms: () => ['jit of the whole step'], make: train },
});
