/** Models for TensorFlow.js, written with its core ops in the layout its kernels want (NHWC, HWIO). */
import { inputValues } from './inputs.mjs';
import { resnet18 } from './resnet18.mjs';

const EPSILON = 1e-5;

/**
 * x W^T + b for a weight kept as [in, out]. The tape of TensorFlow.js asks for products with transposed operands, which its wasm
 * backend does in a plain loop, 25 times slower than transposing first.
 */
function linearLayer(tf) {
  const product = tf.customGrad((x, w, save) => {
    save([x, w]);
    return {
      value: tf.matMul(x, w),
      gradFunc: (dy, [savedX, savedW]) => [
        tf.matMul(dy, tf.transpose(savedW)),
        tf.matMul(tf.transpose(savedX), dy),
      ],
    };
  });
  return (x, w, b) => product(x, w).add(b);
}

/** From [out, in, kh, kw] to [kh, kw, in, out]. */
export const toHwio = (w) => w.transpose([2, 3, 1, 0]);

/**
 * Convolution of NHWC by HWIO. The wasm backend has no gradient of the filter: it is the convolution of the input, channels as
 * batch, by the output's gradient, batch as channels.
 */
export function convLayer(tf, stride, padding) {
  return tf.customGrad((x, w, save) => {
    save([x, w]);
    return {
      value: tf.conv2d(x, w, stride, padding, 'NHWC', 1, 'floor'),
      gradFunc: (dy, [savedX, savedW]) => [
        inputGradient(tf, savedX.shape, savedW, dy, stride, padding),
        filterGradient(tf, savedX, dy, savedW.shape, stride, padding),
      ],
    };
  });
}

export function inputGradient(tf, shape, w, dy, stride, padding) {
  return tf.conv2dTranspose(dy, w, shape, stride, padding, 'floor');
}

export function filterGradient(tf, x, dy, [kh, kw], stride, padding) {
  const gradient = tf
    .conv2d(x.transpose([3, 1, 2, 0]), dy.transpose([1, 2, 0, 3]), 1, padding, 'NHWC', stride, 'floor')
    .transpose([1, 2, 0, 3]);
  // With a stride, rows that no window reached make the window of the gradient larger.
  return gradient.slice([0, 0, 0, 0], [kh, kw, gradient.shape[2], gradient.shape[3]]);
}

/** Mean cross-entropy of logits [n, c] and class numbers [n]. */
export function crossEntropy(tf, logits, y) {
  const hot = tf.oneHot(y, logits.shape[1]);
  return tf.logSoftmax(logits).mul(hot).sum().neg().div(logits.shape[0]).asScalar();
}

function variables(tf, values) {
  return values.map((value, i) => tf.variable(value, true, `p${i}`));
}

/** Weights [out, in] as [in, out]; everything else as it is. */
function transposedWeights(upload, values) {
  return values.map((value) => (value.shape.length === 2 ? upload(value).transpose() : upload(value)));
}

/** From [n, c, h, w] to [n, h, w, c]. */
export const toNhwc = (x) => x.transpose([0, 2, 3, 1]);

const image = ({ data, shape }, upload) => toNhwc(upload({ data, shape }));

/**
 * What a model is: its variables, the scores of a batch that `input` made ready, and whether it can be trained here.
 */
export const tfjsModels = {
  mlp(tf, spec, { upload }) {
    const linear = linearLayer(tf);
    const parameters = variables(tf, transposedWeights(upload, inputValues.parameters(spec)));
    return {
      parameters,
      input: (values) => upload(values),
      forward(x) {
        for (let i = 0; i < parameters.length; i += 2) {
          x = linear(i === 0 ? x : x.relu(), parameters[i], parameters[i + 1]);
        }
        return x;
      },
    };
  },

  cnn(tf, spec, { upload }) {
    const linear = linearLayer(tf);
    const conv = convLayer(tf, 1, 0);
    const [w1, b1, w2, b2, hidden, hiddenBias, head, headBias] = inputValues.parameters(spec).map(upload);
    // 64 maps of 12x12 arrive with the maps innermost; the first linear layer's columns are put in that order once.
    const [channels, side] = [64, 12];
    const reordered = hidden
      .reshape([-1, channels, side, side])
      .transpose([2, 3, 1, 0])
      .reshape([side * side * channels, -1]);
    const parameters = variables(tf, [
      toHwio(w1),
      b1,
      toHwio(w2),
      b2,
      reordered,
      hiddenBias,
      head.transpose(),
      headBias,
    ]);
    return {
      parameters,
      input: (values) => image(values, upload),
      forward(x) {
        const [p1, c1, p2, c2, p3, c3, p4, c4] = parameters;
        const maps = conv(conv(x, p1).add(c1).relu(), p2).add(c2).relu();
        const pooled = tf.maxPool(maps, 2, 2, 'valid').reshape([x.shape[0], -1]);
        return linear(linear(pooled, p3, c3).relu(), p4, c4);
      },
    };
  },

  resnet18(tf, spec, { upload, training }) {
    const linear = linearLayer(tf);
    const raw = inputValues.parameters(spec).map(upload);
    const layout = (x) => (x.rank === 4 ? toHwio(x) : x.rank === 2 ? x.transpose() : x);
    const parameters = variables(tf, raw.map(layout));
    const norm = training
      ? (x, scale, shift) => {
          const { mean, variance } = tf.moments(x, [0, 1, 2]);
          return x.sub(mean).mul(variance.add(EPSILON).rsqrt().mul(scale)).add(shift);
        }
      : (x, scale, shift) => tf.batchNorm(x, tf.zerosLike(scale), tf.onesLike(scale), shift, scale, EPSILON);
    return {
      parameters,
      input: (values) => image(values, upload),
      forward: (x) =>
        resnet18(parameters, x, {
          conv: (y, w, stride) => convLayer(tf, stride, w.shape[0] >> 1)(y, w),
          norm,
          relu: (y) => y.relu(),
          add: (a, b) => a.add(b),
          keep: (y) => y,
          head: (y, w, b) => linear(y.mean([1, 2]), w, b),
        }),
    };
  },
};
