/** Models for jax-js. Every use of an array but the last takes a `ref`. */
import { resnet18 } from './resnet18.mjs';

const EPSILON = 1e-5;

export function crossEntropy({ numpy: np, nn }, logits, y) {
  const [rows, classes] = logits.shape;
  return np.sum(nn.logSoftmax(logits, -1).mul(nn.oneHot(y, classes))).mul(-1 / rows);
}

/** x W^T + b, weights as PyTorch keeps them. */
function linear({ numpy: np }, x, w, b) {
  return np.matmul(x, np.matrixTranspose(w)).add(b);
}

/** Scores of a batch: `(jax, training) => (parameters, x) => scores`. */
export const jaxjsModels = {
  mlp: (jax) => (parameters, x) => {
    for (let i = 0; i < parameters.length; i += 2) {
      x = linear(jax, i === 0 ? x : jax.nn.relu(x), parameters[i], parameters[i + 1]);
    }
    return x;
  },

  cnn: (jax) => {
    const { lax, nn, numpy: np } = jax;
    const conv = (x, w, b) => lax.conv(x, w, [1, 1], 'VALID').add(b.reshape([1, b.shape[0], 1, 1]));
    return ([w1, b1, w2, b2, w3, b3, w4, b4], x) => {
      const maps = nn.relu(conv(nn.relu(conv(x, w1, b1)), w2, b2));
      const [batch, channels, side] = maps.shape;
      const pooled = np.max(maps.reshape([batch, channels, side / 2, 2, side / 2, 2]), [3, 5]);
      return linear(jax, nn.relu(linear(jax, pooled.reshape([batch, -1]), w3, b3)), w4, b4);
    };
  },

  resnet18: (jax, training) => {
    const { lax, nn, numpy: np } = jax;
    const column = (p) => p.reshape([1, p.shape[0], 1, 1]);
    const standardised = (x) => {
      const centred = x.ref.sub(np.mean(x, [0, 2, 3], { keepdims: true }));
      const variance = np.mean(np.square(centred.ref), [0, 2, 3], { keepdims: true });
      return centred.div(np.sqrt(variance.add(EPSILON)));
    };
    // Running statistics of a new model are means of 0 and variances of 1.
    const scaled = (x) => (training ? standardised(x) : x.mul(1 / Math.sqrt(1 + EPSILON)));
    return (parameters, x) =>
      resnet18(parameters, x, {
        conv(y, w, stride) {
          const padding = w.shape[2] >> 1;
          return lax.conv(
            y,
            w,
            [stride, stride],
            [
              [padding, padding],
              [padding, padding],
            ],
          );
        },
        norm: (y, scale, shift) => scaled(y).mul(column(scale)).add(column(shift)),
        relu: (y) => nn.relu(y),
        add: (a, b) => a.add(b),
        keep: (y) => y.ref,
        head: (y, w, b) => linear(jax, np.mean(y, [2, 3]), w, b),
      });
  },
};
