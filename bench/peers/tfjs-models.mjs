/** Models for TensorFlow.js, written with its core ops in the layout its kernels want (NHWC, HWIO). */
import { inputValues } from './inputs.mjs';

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

/**
 * Convolution of NHWC by HWIO. The wasm backend has no gradient of the filter: it is the convolution of the input, channels as
 * batch, by the output's gradient, batch as channels.
 */
export function convLayer(tf, stride, padding) {
  return tf.customGrad((x, w, save) => {
    save([x, w]);
    const [kh, kw] = w.shape;
    return {
      value: tf.conv2d(x, w, stride, padding),
      gradFunc: (dy, [savedX, savedW]) => [
        tf.conv2dTranspose(dy, savedW, savedX.shape, stride, padding),
        filterGradient(tf, savedX, dy, [kh, kw], stride, padding),
      ],
    };
  });
}

export function filterGradient(tf, x, dy, [kh, kw], stride, padding) {
  const gradient = tf
    .conv2d(tf.transpose(x, [3, 1, 2, 0]), tf.transpose(dy, [1, 2, 0, 3]), 1, padding, 'NHWC', stride)
    .transpose([1, 2, 0, 3]);
  // With a stride, rows that no window reached make the window of the gradient larger.
  return gradient.slice([0, 0, 0, 0], [kh, kw, gradient.shape[2], gradient.shape[3]]);
}

/** Mean cross-entropy of logits [n, c] and class numbers [n]. */
function crossEntropy(tf, logits, y) {
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

export const tfjsModels = {
  mlp(tf, spec, _form, { upload }) {
    const linear = linearLayer(tf);
    const parameters = variables(tf, transposedWeights(upload, inputValues.parameters(spec)));
    const forward = (x) => {
      for (let i = 0; i < parameters.length; i += 2) {
        x = linear(i === 0 ? x : x.relu(), parameters[i], parameters[i + 1]);
      }
      return x;
    };
    return {
      parameters,
      forward,
      batch: (round, r) => {
        const [x, y] = inputValues.batch(spec, round, r).map(upload);
        return { x, y };
      },
      loss: (x, y) => crossEntropy(tf, forward(x), y),
    };
  },

  cnn(tf, spec, _form, { upload }) {
    const linear = linearLayer(tf);
    const conv = convLayer(tf, 1, 'valid');
    const [w1, b1, w2, b2, hidden, hiddenBias, head, headBias] = inputValues.parameters(spec).map(upload);
    // 64 maps of 12x12 arrive with the maps innermost; the first linear layer's columns are put in that order once.
    const [channels, side] = [64, 12];
    const reordered = hidden
      .reshape([-1, channels, side, side])
      .transpose([2, 3, 1, 0])
      .reshape([side * side * channels, -1]);
    const oihw = (w) => w.transpose([2, 3, 1, 0]);
    const parameters = variables(tf, [
      oihw(w1),
      b1,
      oihw(w2),
      b2,
      reordered,
      hiddenBias,
      head.transpose(),
      headBias,
    ]);
    const forward = (x) => {
      const [p1, c1, p2, c2, p3, c3, p4, c4] = parameters;
      const maps = conv(conv(x, p1).add(c1).relu(), p2).add(c2).relu();
      const pooled = tf.maxPool(maps, 2, 2, 'valid').reshape([x.shape[0], -1]);
      return linear(linear(pooled, p3, c3).relu(), p4, c4);
    };
    return {
      parameters,
      forward,
      batch: (round, r) => {
        const [x, y] = inputValues.batch(spec, round, r).map(upload);
        return { x: x.reshape([x.shape[0], x.shape[2], x.shape[3], 1]), y };
      },
      loss: (x, y) => crossEntropy(tf, forward(x), y),
    };
  },
};
