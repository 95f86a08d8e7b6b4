/** Models for jax-js. Every use of an array but the last takes a `ref`. */
import { inputValues } from './inputs.mjs';

function crossEntropy({ numpy: np, nn }, logits, y) {
  const [rows, classes] = logits.shape;
  return np.sum(nn.logSoftmax(logits, -1).mul(nn.oneHot(y, classes))).mul(-1 / rows);
}

/** x W^T + b, weights as PyTorch keeps them. */
function linear({ numpy: np }, x, w, b) {
  return np.matmul(x, np.matrixTranspose(w)).add(b);
}

export const jaxjsModels = {
  mlp(jax, spec) {
    const forward = (parameters, x) => {
      for (let i = 0; i < parameters.length; i += 2) {
        x = linear(jax, i === 0 ? x : jax.nn.relu(x), parameters[i], parameters[i + 1]);
      }
      return x;
    };
    return {
      values: inputValues.parameters(spec),
      forward,
      loss: (parameters, x, y) => crossEntropy(jax, forward(parameters, x), y),
    };
  },

  cnn(jax, spec) {
    const { lax, nn, numpy: np } = jax;
    const conv = (x, w, b) => lax.conv(x, w, [1, 1], 'VALID').add(b.reshape([1, b.shape[0], 1, 1]));
    const forward = ([w1, b1, w2, b2, w3, b3, w4, b4], x) => {
      const maps = nn.relu(conv(nn.relu(conv(x, w1, b1)), w2, b2));
      const [batch, channels, side] = maps.shape;
      const pooled = np.max(maps.reshape([batch, channels, side / 2, 2, side / 2, 2]), [3, 5]);
      return linear(jax, nn.relu(linear(jax, pooled.reshape([batch, -1]), w3, b3)), w4, b4);
    };
    return {
      values: inputValues.parameters(spec),
      forward,
      loss: (parameters, x, y) => crossEntropy(jax, forward(parameters, x), y),
    };
  },
};
