/** Recurrent networks over sequences. */

import { ArgumentError, ShapeError } from '../../base/errors.js';
import { checkOptions, type OptionNames } from '../../base/options.js';
import { sameShape, showShape } from '../../base/shape.js';
import { stack } from '../../tensor/arrangement.js';
import { checkTensor } from '../../tensor/given.js';
import { Tensor, withWorkspace, zeros } from '../../tensor/index.js';
import type { Config } from '../config/json.js';
import { checkProbability, dropout } from '../functional/dropout.js';
import { linear } from '../functional/linear.js';
import { checkSize, Module } from '../module.js';
import type { Parameter } from '../parameter.js';
import { uniformParameter } from './initial.js';
import { runSteps } from './recurrent-scan.js';
import type { RecurrentStep } from './recurrent-steps.js';
import { gruStep, lstmStep, rnnSteps } from './recurrent-steps.js';

export interface RecurrentOptions {
  /** Networks on top of each other; 1 if not given. */
  readonly numLayers?: number;
  readonly bias?: boolean;
  /** Whether the batch comes before time: [N, L, ...] instead of [L, N, ...]. */
  readonly batchFirst?: boolean;
  /** Dropout of what each layer but the last gives, while training. */
  readonly dropout?: number;
  /** A second network reads the sequence from its end. */
  readonly bidirectional?: boolean;
}

const recurrentNames: OptionNames<RecurrentOptions> = {
  numLayers: true,
  bias: true,
  batchFirst: true,
  dropout: true,
  bidirectional: true,
};

interface Kind {
  readonly name: string;
  readonly gates: number;
  /** Tensors that a state consists of. */
  readonly states: number;
  readonly step: RecurrentStep;
}

interface Sequence {
  /** [L, N, directions * hidden] */
  readonly output: Tensor;
  /** The state after the last step of every layer and direction. */
  readonly states: readonly (readonly Tensor[])[];
}

function stacked(pieces: readonly Tensor[]): Tensor {
  const [{ workspace }] = pieces;
  return Tensor.of(
    workspace,
    stack(
      workspace.ops,
      pieces.map((t) => t.value),
      0,
    ),
  );
}

/** Two halves along the last dimension. */
function joined(a: Tensor, b: Tensor): Tensor {
  const rank = a.ndim;
  const pair = stacked([a, b]);
  const order = [...Array.from({ length: rank - 1 }, (_, d) => d + 1), 0, rank];
  return pair.permute(order).reshape([...a.shape.slice(0, -1), a.size(-1) + b.size(-1)]);
}

/**
 * Weights are fields under PyTorch's names: `weightIhL0` [gates * hidden, input], `weightHhL0` [gates * hidden, hidden], `biasIhL0` and
 * `biasHhL0` [gates * hidden], with the layer's number, and `Reverse` at the end for the second direction.
 */
abstract class Recurrent<State, Output> extends Module<[x: Tensor, state?: State | null], Output> {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  readonly #kind: Kind;

  constructor(kind: Kind, inputSize: number, hiddenSize: number, options: RecurrentOptions) {
    super();
    const { name, gates } = kind;
    this.#kind = kind;
    this.inputSize = checkSize(name, 'inputSize', inputSize);
    this.hiddenSize = checkSize(name, 'hiddenSize', hiddenSize);
    this.numLayers = checkSize(name, 'numLayers', options.numLayers ?? 1);
    this.bias = options.bias ?? true;
    this.batchFirst = options.batchFirst ?? false;
    this.dropout = checkProbability(name, options.dropout ?? 0);
    this.bidirectional = options.bidirectional ?? false;
    const bound = 1 / Math.sqrt(hiddenSize);
    for (let layer = 0; layer < this.numLayers; layer++) {
      const width = layer === 0 ? inputSize : hiddenSize * this.#directions.length;
      for (const end of this.#directions) {
        const rows = gates * hiddenSize;
        this.#set(`weightIhL${layer}${end}`, uniformParameter([rows, width], bound));
        this.#set(`weightHhL${layer}${end}`, uniformParameter([rows, hiddenSize], bound));
        if (!this.bias) continue;
        this.#set(`biasIhL${layer}${end}`, uniformParameter([rows], bound));
        this.#set(`biasHhL${layer}${end}`, uniformParameter([rows], bound));
      }
    }
  }

  get #directions(): readonly ('' | 'Reverse')[] {
    return this.bidirectional ? ['', 'Reverse'] : [''];
  }

  #set(name: string, parameter: Parameter): void {
    Reflect.set(this, name, parameter);
  }

  /** A weight by its name, such as `weightIhL0`: the parameter, or a tensor that has taken its place. */
  weight(name: string): Tensor {
    const parameter: unknown = Reflect.get(this, name);
    if (parameter instanceof Tensor) return parameter;
    throw new ArgumentError(`${this.#kind.name}: no parameter is called ${name}`);
  }

  #biasOf(name: string): Tensor | null {
    return this.bias ? this.weight(name) : null;
  }

  /** One layer in one direction over [L, N, width]. */
  #direction(
    x: Tensor,
    place: string,
    initial: readonly Tensor[],
  ): [outputs: Tensor, last: readonly Tensor[]] {
    const input = x.workspace.engine.pending.onTheWay(() =>
      linear(x, this.weight(`weightIhL${place}`), this.#biasOf(`biasIhL${place}`)),
    );
    const weights = {
      weight: this.weight(`weightHhL${place}`),
      bias: this.#biasOf(`biasHhL${place}`),
    };
    return runSteps(this.#kind.step, { input, initial, weights, reverse: place.endsWith('Reverse') });
  }

  #run(x: Tensor, initial: readonly Tensor[]): Sequence {
    const states: (readonly Tensor[])[] = [];
    let current = x;
    for (let layer = 0; layer < this.numLayers; layer++) {
      const made = this.#directions.map((end, d) => {
        const at = layer * this.#directions.length + d;
        const [outputs, last] = this.#direction(
          current,
          `${layer}${end}`,
          initial.map((s) => s.select(0, at)),
        );
        states.push(last);
        return outputs;
      });
      current = made.length === 1 ? made[0] : joined(made[0], made[1]);
      if (layer + 1 < this.numLayers) current = dropout(current, this.dropout, { training: this.training });
    }
    return { output: current, states };
  }

  /**
   * @param x [L, N, input], [N, L, input] with batchFirst, or [L, input]
   * @param given the state's tensors [layers * directions, N, hidden], or without N; zeros if not given
   * @returns the output like x, and the last state's tensors
   */
  protected run(x: Tensor, given: readonly Tensor[] | null): [output: Tensor, state: Tensor[]] {
    const { name, states: count } = this.#kind;
    checkTensor(name, 'the input', x);
    const single = x.ndim === 2;
    if ((x.ndim !== 3 && !single) || x.size(-1) !== this.inputSize) {
      throw new ShapeError(
        `${name}: the input is ${this.batchFirst ? '[N, L, ' : '[L, N, '}${this.inputSize}] or [L, ${this.inputSize}], got ${showShape(x.shape)}`,
      );
    }
    const sequence = single ? x.unsqueeze(1) : this.batchFirst ? x.transpose(0, 1) : x;
    const [length, batch] = sequence.shape;
    if (length === 0) throw new ShapeError(`${name}: the sequence is empty, got ${showShape(x.shape)}`);
    const shape = [this.numLayers * this.#directions.length, batch, this.hiddenSize];
    const wanted = single ? [shape[0], shape[2]] : shape;
    for (const t of given ?? []) {
      checkTensor(name, count === 1 ? 'the state' : 'each of hidden and cell in the state', t);
      if (!sameShape(t.shape, wanted))
        throw new ShapeError(`${name}: the state is ${showShape(wanted)}, got ${showShape(t.shape)}`);
    }
    const initial =
      given?.map((t) => (single ? t.unsqueeze(1) : t)) ??
      withWorkspace(x.workspace, () => Array.from({ length: count }, () => zeros(shape, { dtype: x.dtype })));
    const { output, states } = this.#run(sequence, initial);
    const last = Array.from({ length: count }, (_, i) => stacked(states.map((s) => s[i])));
    if (single) return [output.squeeze(1), last.map((t) => t.squeeze(1))];
    return [this.batchFirst ? output.transpose(0, 1) : output, last];
  }

  override config(): Config {
    const { inputSize, hiddenSize, numLayers, bias, batchFirst, dropout: p, bidirectional } = this;
    return { inputSize, hiddenSize, numLayers, bias, batchFirst, dropout: p, bidirectional };
  }
}

/** Both tensors are [layers * directions, N, hidden], or without N. */
export interface LSTMState {
  readonly hidden: Tensor;
  readonly cell: Tensor;
}

/** `const { output, hidden, cell } = ...` or `const [output, hidden, cell] = ...`. It can be the state of the next call. */
export interface LSTMOutput extends LSTMState, Iterable<Tensor> {
  /** What the last layer gives at every step: like the input, with directions * hidden features. */
  readonly output: Tensor;
}

/**
 * Long short-term memory; Hochreiter and Schmidhuber 1997.
 *
 * @example
 * ```ts
 * import { nn, ones } from 'hadal';
 * const lstm = new nn.LSTM(8, 16, { numLayers: 2, batchFirst: true });
 * const { output, hidden } = lstm.forward(ones([4, 10, 8]));
 * console.log(output.shape, hidden.shape); // [ 4, 10, 16 ] [ 2, 4, 16 ]
 * ```
 */
export class LSTM extends Recurrent<LSTMState, LSTMOutput> {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    checkOptions('LSTM', options, recurrentNames);
    super({ name: 'LSTM', gates: 4, states: 2, step: lstmStep }, inputSize, hiddenSize, options);
  }

  override forward(x: Tensor, state: LSTMState | null = null): LSTMOutput {
    const [output, [hidden, cell]] = this.run(x, state && [state.hidden, state.cell]);
    return { output, hidden, cell, [Symbol.iterator]: () => [output, hidden, cell].values() };
  }
}

/** `const { output, hidden } = ...` or `const [output, hidden] = ...`. */
export interface RecurrentOutput extends Iterable<Tensor> {
  readonly output: Tensor;
  /** [layers * directions, N, hidden], or without N */
  readonly hidden: Tensor;
}

abstract class HiddenOnly extends Recurrent<Tensor, RecurrentOutput> {
  override forward(x: Tensor, state: Tensor | null = null): RecurrentOutput {
    const [output, [hidden]] = this.run(x, state && [state]);
    return { output, hidden, [Symbol.iterator]: () => [output, hidden].values() };
  }
}

/** Gated recurrent units; Cho et al. 2014. The state is the hidden one. */
export class GRU extends HiddenOnly {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    checkOptions('GRU', options, recurrentNames);
    super({ name: 'GRU', gates: 3, states: 1, step: gruStep }, inputSize, hiddenSize, options);
  }
}

export interface RNNOptions extends RecurrentOptions {
  /** 'tanh' if not given. */
  readonly nonlinearity?: 'tanh' | 'relu';
}

/** The plain recurrent network h = tanh(W_ih x + W_hh h + b); Elman 1990. */
export class RNN extends HiddenOnly {
  readonly nonlinearity: 'tanh' | 'relu';

  constructor(inputSize: number, hiddenSize: number, options: RNNOptions = {}) {
    checkOptions('RNN', options, { ...recurrentNames, nonlinearity: true });
    const { nonlinearity = 'tanh' } = options;
    if (nonlinearity !== 'tanh' && nonlinearity !== 'relu')
      throw new ArgumentError(`RNN: nonlinearity is 'tanh' or 'relu', got ${JSON.stringify(nonlinearity)}`);
    const step = rnnSteps[nonlinearity];
    super({ name: 'RNN', gates: 1, states: 1, step }, inputSize, hiddenSize, options);
    this.nonlinearity = nonlinearity;
  }

  override config(): Config {
    return { ...super.config(), nonlinearity: this.nonlinearity };
  }
}
