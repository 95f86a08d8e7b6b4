/** What ResNet-18 is made of, for 32x32 images or, with a `pool` behind a stem by 2, for 224x224; each framework says how a layer is computed. */
const WIDTHS = [64, 128, 256, 512];

/**
 * `parameters` in PyTorch's order; `conv(x, w, stride)`, `norm(x, scale, shift)`, `relu`, `add`, `keep` (of a value that is used again), `pool` if there is one, and `head(x, w, b)`, which takes the
 * mean over positions first.
 */
export function resnet18(parameters, x, { conv, norm, relu, add, head, keep, pool }) {
  const rest = [...parameters];
  const next = () => rest.shift();
  const convNorm = (y, stride) => norm(conv(y, next(), stride), next(), next());
  let y = relu(convNorm(x, pool === undefined ? 1 : 2));
  if (pool !== undefined) y = pool(y);
  WIDTHS.forEach((_, stage) => {
    for (const stride of [stage === 0 ? 1 : 2, 1]) {
      const inner = relu(convNorm(keep(y), stride));
      const outer = convNorm(inner, 1);
      y = relu(add(outer, stride === 1 ? y : convNorm(y, stride)));
    }
  });
  return head(y, next(), next());
}
