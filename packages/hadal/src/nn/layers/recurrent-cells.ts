/** Single time steps of recurrent networks, for loops of one's own. */
import { ArgumentError, ShapeError } from '../../base/errors.js';
import { sameShape, showShape } from '../../base/shape.js';
import { type Tensor, withWorkspace, zeros } from '../../tensor/index.js';
import type { Config } from '../config/json.js';
import { linear } from '../functional/linear.js';
import { checkSize, Module } from '../module.js';
import type { Parameter } from '../parameter.js';
import { uniformParameter } from './initial.js';
import type { LSTMState } from './recurrent.js';
import type { RecurrentStep } from './recurrent-steps.js';
import { gruStep, lstmStep, rnnSteps } from './recurrent-steps.js';

abstract class Cell<State, Output> extends Module<[x: Tensor, state?: State | null], Output> {
  readonly inputSize: number;
  readonly hiddenSize: number;
  /** [gates * hidden, input] */
  weightIh: Parameter;
  /** [gates * hidden, hidden] */
  weightHh: Parameter;
  /** [gates * hidden] */
  biasIh: Parameter | null;
  /** [gates * hidden] */
  biasHh: Parameter | null;
  readonly #name: string;
  readonly #step: RecurrentStep;

  constructor(
    name: string,
    gates: number,
    step: RecurrentStep,
    inputSize: number,
    hiddenSize: number,
    bias: boolean,
  ) {
    super();
    this.#name = name;
    this.#step = step;
    this.inputSize = checkSize(name, 'inputSize', inputSize);
    this.hiddenSize = checkSize(name, 'hiddenSize', hiddenSize);
    const [rows, bound] = [gates * hiddenSize, 1 / Math.sqrt(hiddenSize)];
    this.weightIh = uniformParameter([rows, inputSize], bound);
    this.weightHh = uniformParameter([rows, hiddenSize], bound);
    this.biasIh = bias ? uniformParameter([rows], bound) : null;
    this.biasHh = bias ? uniformParameter([rows], bound) : null;
  }

  /** @param given the state's tensors [N, hidden] or [hidden], or how many zeros there are to be */
  protected run(x: Tensor, given: readonly Tensor[] | number): readonly Tensor[] {
    if ((x.ndim !== 1 && x.ndim !== 2) || x.size(-1) !== this.inputSize)
      throw new ShapeError(
        `${this.#name}: the input is [N, ${this.inputSize}] or [${this.inputSize}], got ${showShape(x.shape)}`,
      );
    const shape = [...x.shape.slice(0, -1), this.hiddenSize];
    const state =
      typeof given === 'number'
        ? withWorkspace(x.workspace, () =>
            Array.from({ length: given }, () => zeros(shape, { dtype: x.dtype })),
          )
        : given;
    for (const t of state) {
      if (!sameShape(t.shape, shape))
        throw new ShapeError(`${this.#name}: the state is ${showShape(shape)}, got ${showShape(t.shape)}`);
    }
    const input = linear(x, this.weightIh, this.biasIh);
    return this.#step(input, state, { weight: this.weightHh, bias: this.biasHh });
  }

  override config(): Config {
    return { inputSize: this.inputSize, hiddenSize: this.hiddenSize, bias: this.biasIh !== null };
  }
}

/** `const { hidden, cell } = ...` or `const [hidden, cell] = ...`. */
export interface LSTMCellOutput extends LSTMState, Iterable<Tensor> {}

/** A step of `LSTM`: [N, input] and a state of [N, hidden] to the next state. */
export class LSTMCell extends Cell<LSTMState, LSTMCellOutput> {
  constructor(inputSize: number, hiddenSize: number, options: { bias?: boolean } = {}) {
    super('LSTMCell', 4, lstmStep, inputSize, hiddenSize, options.bias ?? true);
  }

  override forward(x: Tensor, state: LSTMState | null = null): LSTMCellOutput {
    const [hidden, cell] = this.run(x, state ? [state.hidden, state.cell] : 2);
    return { hidden, cell, [Symbol.iterator]: () => [hidden, cell].values() };
  }
}

/** A step of `GRU`: [N, input] and [N, hidden] to the next [N, hidden]. */
export class GRUCell extends Cell<Tensor, Tensor> {
  constructor(inputSize: number, hiddenSize: number, options: { bias?: boolean } = {}) {
    super('GRUCell', 3, gruStep, inputSize, hiddenSize, options.bias ?? true);
  }

  override forward(x: Tensor, state: Tensor | null = null): Tensor {
    return this.run(x, state ? [state] : 1)[0];
  }
}

/** A step of `RNN`: [N, input] and [N, hidden] to the next [N, hidden]. */
export class RNNCell extends Cell<Tensor, Tensor> {
  readonly nonlinearity: 'tanh' | 'relu';

  constructor(
    inputSize: number,
    hiddenSize: number,
    options: { bias?: boolean; nonlinearity?: 'tanh' | 'relu' } = {},
  ) {
    const { bias = true, nonlinearity = 'tanh' } = options;
    if (nonlinearity !== 'tanh' && nonlinearity !== 'relu')
      throw new ArgumentError(
        `RNNCell: nonlinearity is 'tanh' or 'relu', got ${JSON.stringify(nonlinearity)}`,
      );
    super('RNNCell', 1, rnnSteps[nonlinearity], inputSize, hiddenSize, bias);
    this.nonlinearity = nonlinearity;
  }

  override forward(x: Tensor, state: Tensor | null = null): Tensor {
    return this.run(x, state ? [state] : 1)[0];
  }

  override config(): Config {
    return { ...super.config(), nonlinearity: this.nonlinearity };
  }
}
