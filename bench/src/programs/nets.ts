/** Networks that several programs train. */
import { nn } from 'hadal';

/** Linear layers from each size to the next, with an activation between them. */
export function mlp(
  sizes: readonly number[],
  activation: () => nn.Module = () => new nn.ReLU(),
): nn.Sequential {
  const net = new nn.Sequential();
  for (let i = 0; i + 1 < sizes.length; i++) {
    if (i > 0) net.push(activation());
    net.push(new nn.Linear(sizes[i], sizes[i + 1]));
  }
  return net;
}
