/** A perceptron so small that computing is next to nothing: 64-64-10, batch 32; Adam. */
import { nn } from 'hadal';
import { adam, type Model } from './model.js';

const BATCH = 32;
const weights = 64 * 64 + 64 * 10;

export const tiny: Model = {
  name: 'tiny',
  input: { shape: [BATCH, 64] },
  target: { shape: [BATCH], classes: 10 },
  optimizer: adam('adam'),
  forwardFlops: 2 * weights,
  // The input has no gradient.
  trainFlops: BATCH * (3 * 2 * weights - 2 * 64 * 64),
  make: () => new nn.Sequential(new nn.Linear(64, 64), new nn.ReLU(), new nn.Linear(64, 10)),
};
