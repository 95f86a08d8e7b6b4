/** jax-js on its WebAssembly backend, whole steps compiled with `jit`; see serve.mjs for how it is talked to. */
import { inputValues } from './inputs.mjs';
import { crossEntropy, jaxjsModels } from './jaxjs-models.mjs';
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

function modelOf(spec, training) {
  const make = jaxjsModels[spec.model];
  if (make === undefined) throw new Unsupported(`the model ${spec.model} is not written for jax-js`);
  return make(jax, training);
}

/** Results of a function, compiled or not, on inputs made by `inputs(round, repetition)`. */
function computing(repetitions, inputs, compute) {
  let values = [];
  let results = [];
  return {
    async prepare(round) {
      disposing(results);
      results = [];
      values = Array.from({ length: repetitions }, (_, r) => inputs(round, r).map(upload));
      await ready(values.flat());
    },
    async run() {
      results = values.flatMap((arrays) => compute(...arrays));
      await ready(results);
    },
    outputs: () => Promise.all(results.map((y) => y.ref.data())),
    release() {
      disposing(results);
      results = [];
    },
  };
}

function infer(_form, spec, repetitions) {
  const forward = jax.jit(modelOf(spec, false));
  const parameters = inputValues.parameters(spec).map(upload);
  const compute = (x) =>
    forward(
      parameters.map((p) => p.ref),
      x,
    );
  return computing(repetitions, (round, r) => [inputValues.input(spec, round, r)], compute);
}

function conv(_form, spec, repetitions) {
  const { stride, padding, groups, pass } = spec;
  const forward = (x, w) =>
    jax.lax.convGeneralDilated(
      x,
      w,
      [stride, stride],
      [
        [padding, padding],
        [padding, padding],
      ],
      { featureGroupCount: groups },
    );
  const gradient = (argnums) => (x, w, dy) =>
    jax.grad((a, b) => forward(a, b).mul(dy).sum(), { argnums })(x, w);
  const compute = jax.jit({ forward, input: gradient(0), weight: gradient(1) }[pass]);
  return computing(repetitions, (round, r) => inputValues.conv(spec, round, r), compute);
}

function attention(_form, spec, repetitions) {
  if (spec.causal) throw new Unsupported('no causal attention is written for jax-js');
  const scale = 1 / Math.sqrt(spec.width);
  const attend = (q, k, v) =>
    np.matmul(jax.nn.softmax(np.matmul(q, np.matrixTranspose(k)).mul(scale), -1), v);
  const compute =
    spec.pass === 'forward'
      ? jax.jit(attend)
      : jax.jit((q, k, v, dy) => {
          const [y, gradients] = jax.vjp(attend, [q, k, v]);
          return [y, ...gradients(dy)];
        });
  return computing(repetitions, (round, r) => inputValues.attention(spec, round, r), compute);
}

const rowFunctions = {
  sigmoid: (x) => jax.nn.sigmoid(x),
  tanh: (x) => np.tanh(x),
  'chain of 10': (x, weight, bias) => {
    let y = x;
    for (let i = 0; i < 5; i++) y = y.mul(weight.ref).add(bias.ref);
    return y;
  },
  'mul-add-relu': (x, _weight, bias) => jax.nn.relu(x.mul(2).add(bias)),
  gelu: (x) => jax.nn.gelu(x, { approximate: false }),
  softmax: (x) => jax.nn.softmax(x, -1),
  'layer-norm': (x, weight, bias) => jax.nn.standardize(x, -1, { epsilon: 1e-5 }).mul(weight).add(bias),
};

function pointwise(_form, spec, repetitions) {
  const compute = rowFunctions[spec.name];
  if (compute === undefined) throw new Unsupported(`${spec.name} is not written for jax-js`);
  return computing(repetitions, (round) => inputValues.rows(spec, round), jax.jit(compute));
}

function chain(_form, spec, repetitions) {
  const compute = (x, b) => {
    let y = x;
    for (let i = 0; i < spec.ops; i++) y = i % 2 === 0 ? y.mul(b.ref) : y.add(b.ref);
    return y;
  };
  return computing(repetitions / spec.ops, (round, r) => inputValues.chain(spec, round, r), compute);
}

/** One jit for loss, gradients and update. */
function train(_form, spec, repetitions) {
  const forward = modelOf(spec, true);
  const loss = (values, x, y) => crossEntropy(jax, forward(values, x), y);
  let parameters = inputValues.parameters(spec).map(upload);
  const { kind, momentum } = spec.optimizer;
  const update = optimizers[kind === 'sgd' && momentum > 0 ? 'momentum' : kind === 'adam' ? 'adamw' : kind];
  let moments = Array.from({ length: update.moments }, () => parameters.map((p) => np.zeros(p.shape))).flat();
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
  momentum: {
    moments: 1,
    rates: (_t, { lr }) => [lr],
    apply({ parameters, moments }, grads, [rate], { momentum }) {
      const m = grads.map((g, i) => moments[i].mul(momentum).add(g));
      return { parameters: parameters.map((p, i) => p.sub(m[i].ref.mul(rate.ref))), moments: m };
    },
  },
  sgd: {
    moments: 0,
    rates: (_t, { lr }) => [lr],
    apply: ({ parameters, moments }, grads, [rate]) => ({
      parameters: parameters.map((p, i) => p.sub(grads[i].mul(rate.ref))),
      moments,
    }),
  },
  adamw: {
    moments: 2,
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
  infer: { forms: () => ['jit'], make: infer },
  conv: { forms: () => ['jit'], make: conv },
  attention: { forms: () => ['jit'], make: attention },
  pointwise: { forms: () => ['jit'], make: pointwise },
  chain: { forms: () => ['lazy'], make: chain },
});
