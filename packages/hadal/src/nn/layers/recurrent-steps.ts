/**
 * One time step of each recurrent network. What the input contributes, W_ih x + b_ih, comes in ready: it is one product for all steps of
 * a sequence. Gates are in PyTorch's order.
 */
import type { Tensor } from '../../tensor/index.js';
import { linear } from '../functional/linear.js';

/** The weights that act on the hidden state. */
export interface HiddenWeights {
  /** [gates * hidden, hidden] */
  readonly weight: Tensor;
  /** [gates * hidden], or null */
  readonly bias: Tensor | null;
}

/**
 * @param input [N, gates * hidden]
 * @param state tensors [N, hidden], the hidden state first
 * @returns the next state
 */
export type RecurrentStep = (
  input: Tensor,
  state: readonly Tensor[],
  weights: HiddenWeights,
) => readonly Tensor[];

/** Gates in a dimension of their own: to put their gradients together, whole rows are chosen and not single elements. */
function gates(x: Tensor, count: number): Tensor[] {
  const rows = x.reshape([...x.shape.slice(0, -1), count, x.size(-1) / count]);
  return Array.from({ length: count }, (_, i) => rows.select(-2, i));
}

/** Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000: input, forget, cell, output. */
export const lstmStep: RecurrentStep = (input, [hidden, cell], { weight, bias }) => {
  const [i, f, g, o] = gates(input.add(linear(hidden, weight, bias)), 4);
  const next = f.sigmoid().mul(cell).add(i.sigmoid().mul(g.tanh()));
  return [o.sigmoid().mul(next.tanh()), next];
};

/** Cho et al. 2014 with the reset gate after the product, as in PyTorch: reset, update, new. */
export const gruStep: RecurrentStep = (input, [hidden], { weight, bias }) => {
  const [xr, xz, xn] = gates(input, 3);
  const [hr, hz, hn] = gates(linear(hidden, weight, bias), 3);
  const update = xz.add(hz).sigmoid();
  const fresh = xn.add(xr.add(hr).sigmoid().mul(hn)).tanh();
  return [fresh.add(update.mul(hidden.sub(fresh)))];
};

const elman =
  (activation: (sum: Tensor) => Tensor): RecurrentStep =>
  (input, [hidden], { weight, bias }) => [activation(input.add(linear(hidden, weight, bias)))];

/** Elman 1990. */
export const rnnSteps: { readonly [Nonlinearity in 'tanh' | 'relu']: RecurrentStep } = {
  tanh: elman((sum) => sum.tanh()),
  relu: elman((sum) => sum.relu()),
};
