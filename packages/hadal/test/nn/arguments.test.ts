/** What callers without a compiler get wrong: each is an error that says what to do, and never goes unread. */
import { describe, expect, test } from 'vitest';
import { ArgumentError, functional as F, nn, ones, tensor, zeros } from '../../src/index.js';

/** A class or a function that takes anything. */
type Loose = new (...args: unknown[]) => { forward(...inputs: unknown[]): unknown };

const make =
  (type: unknown, ...args: unknown[]) =>
  () =>
    new (type as Loose)(...args);

const forward =
  (module: object, ...inputs: unknown[]) =>
  () =>
    (module as { forward(...inputs: unknown[]): unknown }).forward(...inputs);

const call =
  (fn: unknown, ...args: unknown[]) =>
  () =>
    (fn as (...args: unknown[]) => unknown)(...args);

describe('options of layers', () => {
  test.each<[string, () => unknown, string]>([
    [
      'a value in their place',
      make(nn.Linear, 4, 2, false),
      'Linear: options are an object such as { bias: ... }, got false',
    ],
    ['null', make(nn.LSTM, 4, 2, null), 'LSTM: options are an object such as { numLayers: ... }, got null'],
    ['an array', make(nn.LeakyReLU, [0.1]), 'an array'],
    ["PyTorch's positions", make(nn.Conv2d, 3, 8, 3, 1, 1), 'Conv2d: options are an object such as'],
    ['a stride by position', make(nn.MaxPool2d, 3, 2), 'MaxPool2d: options are an object such as'],
    [
      "PyTorch's names",
      make(nn.Conv2d, 3, 8, 3, { padding_mode: 'reflect' }),
      'no option is called padding_mode',
    ],
    ['a name in snake case', make(nn.MultiheadAttention, 4, 2, { batch_first: true }), 'it is batchFirst'],
    ['another case', make(nn.Linear, 4, 2, { Bias: false }), 'Linear: no option is called Bias; it is bias'],
    ['of a loss', make(nn.CrossEntropyLoss, { label_smoothing: 0.1 }), 'it is labelSmoothing'],
    [
      'of an activation',
      make(nn.GELU, 'tanh'),
      'GELU: options are an object such as { approximate: ... }, got tanh',
    ],
    ['of a norm', make(nn.LayerNorm, 4, { affine: false }), 'there are eps, elementwiseAffine, bias'],
    [
      'of a function',
      call(F.crossEntropy, zeros([2, 3]), tensor([0n, 1n]), 'sum'),
      'crossEntropy: options are',
    ],
  ])('%s', (_, body, message) => {
    expect(body).toThrow(ArgumentError);
    expect(body).toThrow(message);
  });

  test.each<[string, () => unknown]>([
    ['BatchNorm2d: eps is a number, 0 or more, got -1', make(nn.BatchNorm2d, 3, { eps: -1 })],
    ['LayerNorm: eps is a number, 0 or more, got NaN', make(nn.LayerNorm, 3, { eps: Number.NaN })],
    ['BatchNorm1d: momentum is the share of a batch', make(nn.BatchNorm1d, 3, { momentum: 2 })],
    ['Dropout: p is a probability from 0 to 1, got 0.5', make(nn.Dropout, '0.5')],
    ['Conv2d: kernelSize is an integer or 2 of them, 1 or more; got "3"', make(nn.Conv2d, 3, 8, '3')],
    ['MaxPool2d: kernelSize is an integer or 2 of them, 1 or more; got undefined', make(nn.MaxPool2d)],
  ])('%s', (message, body) => {
    expect(body).toThrow(ArgumentError);
    expect(body).toThrow(message);
  });
});

describe('what is no tensor', () => {
  const lstm = new nn.LSTM(3, 4);
  const x = zeros([2, 2, 3]);

  test.each<[string, () => unknown, string]>([
    [
      'an array',
      forward(new nn.Linear(2, 1), [[1, 2]]),
      'the input is a tensor, got an array; make one of it with tensor',
    ],
    ['nothing', forward(new nn.Conv1d(1, 1, 1)), 'conv1d: the input is a tensor, got nothing'],
    ['a promise', forward(new nn.BatchNorm1d(2), Promise.resolve(1)), 'got a promise; await it'],
    [
      'the output of a recurrent layer',
      forward(new nn.Linear(4, 1), lstm.forward(x)),
      'an object with output, hidden, cell',
    ],
    [
      'a list for the state',
      forward(lstm, x, [zeros([1, 2, 4]), zeros([1, 2, 4])]),
      'each of hidden and cell in the state',
    ],
    [
      'attention of one input',
      forward(new nn.MultiheadAttention(4, 2), zeros([2, 2, 4])),
      'key is a tensor, got nothing',
    ],
    [
      'indices',
      forward(new nn.Embedding(5, 3), [1, 2]),
      'embedding: the list of indices is a tensor, got an array',
    ],
    [
      'targets',
      call(F.crossEntropy, zeros([2, 3]), [0, 1]),
      'crossEntropy: the target is a tensor, got an array',
    ],
    ['a number as target', call(F.mseLoss, zeros([2]), 3), 'mseLoss: the target is a tensor, got 3'],
    [
      'class weights',
      call(F.crossEntropy, zeros([2, 3]), tensor([0n, 1n]), { weight: [1, 2, 3] }),
      'the weight is a tensor',
    ],
    ['a parameter', make(nn.Parameter, [1, 2]), 'Parameter: the data is a tensor, got an array'],
    ['windows', forward(new nn.MaxPool2d(2), [1]), 'maxPool2d: the input is a tensor'],
    ['an activation', call(F.relu, [1]), 'relu: the input is a tensor'],
  ])('%s', (_, body, message) => {
    expect(body).toThrow(ArgumentError);
    expect(body).toThrow(message);
  });

  test('a state that is an object, a hook that is no function, parameters that are a module', () => {
    const net = new nn.Linear(2, 1);
    expect(call(net.loadStateDict.bind(net), { weight: ones([1, 2]) })).toThrow(/new Map\(Object.entries/);
    expect(call(net.registerForwardHook.bind(net), 3)).toThrow('a hook is a function, got number');
    expect(call(nn.utils.clipGradNorm_, net, 1)).toThrow('pass model.parameters()');
    expect(call(nn.utils.clipGradNorm_, net.parameters(), '1')).toThrow('maxNorm is at least 0');
  });
});
