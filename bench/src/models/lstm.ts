/** One LSTM layer whose last output is classified; Adam. */
import { nn, type Tensor } from 'hadal';
import { adam, type Model } from './model.js';

const INPUT = 64;
const HIDDEN = 128;
const SEQUENCE = 64;
const BATCH = 32;

class Classifier extends nn.Module {
  readonly lstm = new nn.LSTM(INPUT, HIDDEN, { batchFirst: true });
  readonly head = new nn.Linear(HIDDEN, 10);

  override forward(x: Tensor): Tensor {
    const { output } = this.lstm.forward(x);
    return this.head.forward(output.select(1, SEQUENCE - 1));
  }
}

const fromInput = 2 * 4 * HIDDEN * INPUT * SEQUENCE;
const fromState = 2 * 4 * HIDDEN * HIDDEN * SEQUENCE;

export const lstm: Model = {
  name: 'lstm',
  input: { shape: [BATCH, SEQUENCE, INPUT] },
  target: { shape: [BATCH], classes: 10 },
  optimizer: adam('adam'),
  forwardFlops: fromInput + fromState + 2 * HIDDEN * 10,
  // The input has no gradient.
  trainFlops: BATCH * (2 * fromInput + 3 * fromState + 3 * 2 * HIDDEN * 10),
  make: () => new Classifier(),
};
