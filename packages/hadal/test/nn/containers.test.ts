import { describe, expect, test } from 'vitest';
import { ArgumentError, nn, ones, zeros } from '../../src/index.js';

describe('Sequential', () => {
  test('can be read, extended, cut and iterated', () => {
    const net = new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU());
    expect(net.push(new nn.Linear(3, 1))).toBe(net);
    expect([net.length, [...net].length, net.at(-1), net.slice(0, 2).length]).toEqual([
      3,
      3,
      net.layers[2],
      2,
    ]);
    expect(net.slice(0, 1).at(0)).toBe(net.at(0));
    expect(net.forward(ones([4, 2])).shape).toEqual([4, 1]);
    expect(() => net.at(3)).toThrow(ArgumentError);
    expect(() => new nn.Sequential(3 as never)).toThrow(ArgumentError);
  });

  test('of nothing gives its input', () => {
    expect(new nn.Sequential().forward(ones([2])).tolistSync()).toEqual([1, 1]);
  });
});

describe('ModuleList, ModuleDict and ParameterList', () => {
  test('name what is in them as PyTorch does', () => {
    class Net extends nn.Module {
      list = new nn.ModuleList([new nn.Linear(1, 1, { bias: false })]);
      dict = new nn.ModuleDict({ a: new nn.Linear(1, 1, { bias: false }) });
      parameterList = new nn.ParameterList([zeros([1])]);
      override forward(): never {
        throw new Error('unused');
      }
    }
    const net = new Net();
    net.list.push(new nn.Linear(1, 1, { bias: false }));
    net.dict.set('b', new nn.Linear(1, 1, { bias: false }));
    expect([...net.stateDict().keys()]).toEqual([
      'list.0.weight',
      'list.1.weight',
      'dict.a.weight',
      'dict.b.weight',
      'parameterList.0',
    ]);
    expect([net.dict.has('b'), net.dict.delete('b'), net.dict.size]).toEqual([true, true, 1]);
    expect(() => net.dict.get('c')).toThrow(ArgumentError);
    expect(() => net.dict.set('a.b', new nn.ReLU() as never)).toThrow(ArgumentError);
    expect(() => net.list.forward()).toThrow('no forward');
  });
});
