import { describe, expect, test } from 'vitest';
import {
  ArgumentError,
  DTypeError,
  functional as F,
  isGradEnabled,
  manualSeed,
  nn,
  ones,
  optim,
  randn,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';
import { numbers } from '../support/tensors.js';

class Block extends nn.Module {
  norm = new nn.BatchNorm1d(4);
  layers = [new nn.Linear(4, 4), new nn.Linear(4, 4)];
  scale = new nn.Parameter(ones([4]));
  table = new nn.Buffer(zeros([2]), { persistent: false });
  plain = ones([3]);
  nothing = null;

  override forward(x: Tensor): Tensor {
    return this.layers.reduce((y, l) => l.forward(y), this.norm.forward(x)).mul(this.scale);
  }
}

class Tied extends nn.Module {
  a = new nn.Linear(3, 3, { bias: false });
  b = new nn.Linear(3, 3, { bias: false });
  constructor() {
    super();
    this.b.weight = this.a.weight;
  }
  override forward(x: Tensor): Tensor {
    return this.b.forward(this.a.forward(x));
  }
}

describe('what a module consists of', () => {
  test('parameters, buffers and modules are found among fields and in arrays', () => {
    const block = new Block();
    expect([...block.namedParameters()].map(([name]) => name)).toEqual([
      'scale',
      'norm.weight',
      'norm.bias',
      'layers.0.weight',
      'layers.0.bias',
      'layers.1.weight',
      'layers.1.bias',
    ]);
    expect([...block.namedBuffers()].map(([name]) => name)).toEqual([
      'table',
      'norm.runningMean',
      'norm.runningVar',
      'norm.numBatchesTracked',
    ]);
    expect([...block.namedModules()].map(([name]) => name)).toEqual(['', 'norm', 'layers.0', 'layers.1']);
    expect([...block.children()].length).toBe(3);
  });

  test('and in arrays of arrays', () => {
    class Grid extends nn.Module {
      cells = [[new nn.Linear(1, 1, { bias: false })], [[new nn.Parameter(zeros([2]))]]];
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    const grid = new Grid();
    expect([...grid.stateDict().keys()].sort()).toEqual(['cells.0.0.weight', 'cells.1.0.0']);
    expect(grid.eval().cells[0][0]).toMatchObject({ training: false });
  });

  test('a tied parameter is listed once and saved under each name', () => {
    const tied = new Tied();
    expect([...tied.namedParameters()].map(([name]) => name)).toEqual(['a.weight']);
    expect([...tied.stateDict().keys()]).toEqual(['a.weight', 'b.weight']);
  });

  test('a module that is met twice is listed once', () => {
    const shared = new nn.Linear(2, 2);
    const net = new nn.Sequential(shared, new nn.ReLU(), shared);
    expect([...net.modules()].length).toBe(3);
    expect([...net.parameters()].length).toBe(2);
  });

  test('apply visits children before their parent', () => {
    const seen: string[] = [];
    new nn.Sequential(new nn.Sequential(new nn.ReLU()), new nn.Tanh()).apply((m) =>
      seen.push(m.constructor.name),
    );
    expect(seen).toEqual(['ReLU', 'Sequential', 'Tanh', 'Sequential']);
  });

  test('train, eval and requiresGrad_ reach everything below', () => {
    const block = new Block().eval();
    expect([...block.modules()].some((m) => m.training)).toBe(false);
    expect([...block.train().modules()].every((m) => m.training)).toBe(true);
    expect([...block.requiresGrad_(false).parameters()].some((p) => p.requiresGrad)).toBe(false);
  });

  test('a parameter of a view or of a computed value has memory of its own', () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    const p = new nn.Parameter(x.t());
    expect(p.tolistSync()).toEqual([
      [1, 3],
      [2, 4],
    ]);
    expect(new nn.Parameter(p.mul(2)).isLeaf).toBe(true);
    expect(x.requiresGrad).toBe(false);
  });
});

describe('toString', () => {
  test('of a module that holds itself ends', () => {
    class Ring extends nn.Module {
      inner = new nn.ReLU();
      self: nn.Module = this;
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    expect(String(new Ring())).toBe('Ring(\n  (inner): ReLU()\n  (self): Ring(...)\n)');
  });

  test('is as PyTorch shows modules', () => {
    const net = new nn.Sequential(
      new nn.Conv2d(1, 8, 3, { padding: 'same' }),
      new nn.Sequential(new nn.ReLU(), new nn.Dropout(0.1)),
      new nn.GELU({ approximate: 'tanh' }),
    );
    expect(String(net)).toBe(
      [
        'Sequential(',
        '  (0): Conv2d(1, 8, kernelSize=3, stride=1, padding="same")',
        '  (1): Sequential(',
        '    (0): ReLU()',
        '    (1): Dropout(p=0.1)',
        '  )',
        "  (2): GELU(approximate='tanh')",
        ')',
      ].join('\n'),
    );
    const list = new nn.ModuleList([new nn.Linear(2, 2), new nn.Linear(2, 2), new nn.Tanh()]);
    expect(String(list)).toBe(
      'ModuleList(\n  (0-1): 2 x Linear(inFeatures=2, outFeatures=2, bias=true)\n  (2): Tanh()\n)',
    );
  });
});

describe('hooks', () => {
  class Twice extends nn.Module {
    inner = new Once();
    override forward(x: Tensor): Tensor {
      return this.inner.forward(x).mul(2);
    }
  }
  class Once extends nn.Module {
    override forward(x: Tensor): Tensor {
      return x.add(1);
    }
  }

  test('run when forward is called directly, also by the module around it', () => {
    const net = new Twice();
    const seen: string[] = [];
    net.inner.registerForwardPreHook((_, [x]) => void seen.push(`before ${x.itemSync()}`));
    net.inner.registerForwardHook((_, [x], y) => void seen.push(`${x.itemSync()} to ${y.itemSync()}`));
    net.registerForwardHook((m, _, y) => void seen.push(`${m.constructor.name} ${y.itemSync()}`));
    net.forward(tensor(3));
    expect(seen).toEqual(['before 3', '3 to 4', 'Twice 8']);
  });

  test('take the place of inputs and result', () => {
    const net = new Once();
    const first = net.registerForwardPreHook((_, [x]) => [x.mul(10)]);
    const second = net.registerForwardHook((_, __, y) => y.neg());
    expect(net.forward(tensor(2)).itemSync()).toBe(-21);
    first.remove();
    expect(net.forward(tensor(2)).itemSync()).toBe(-3);
    second.remove();
    second.remove();
    expect(net.forward(tensor(2)).itemSync()).toBe(3);
  });

  test('leave nothing behind, and no trace among the fields', () => {
    const net = new Once();
    expect(Object.hasOwn(net, 'forward')).toBe(false);
    const handle = net.registerForwardHook(() => {});
    expect(Object.keys(net)).toEqual([]);
    handle.remove();
    expect(Object.hasOwn(net, 'forward')).toBe(false);
  });

  test('work for a forward that is a field of the instance', () => {
    const net = new Once();
    net.forward = (x: Tensor) => x.add(100);
    const handle = net.registerForwardHook((_, __, y) => y.neg());
    expect(net.forward(tensor(1)).itemSync()).toBe(-101);
    handle.remove();
    expect(net.forward(tensor(1)).itemSync()).toBe(101);
  });

  test('see outputs that are no tensors', () => {
    const lstm = new nn.LSTM(2, 3);
    let shapes: (readonly number[])[] = [];
    lstm.registerForwardHook((_, [x], { output, cell }) => {
      shapes = [x.shape, output.shape, cell.shape];
    });
    lstm.forward(zeros([4, 1, 2]));
    expect(shapes).toEqual([
      [4, 1, 2],
      [4, 1, 3],
      [1, 1, 3],
    ]);
  });
});

describe('summary', () => {
  test('shows layers, shapes, counts and memory', () => {
    const net = new nn.Sequential(new nn.Conv2d(1, 4, 3), new nn.Flatten(), new nn.Linear(4 * 36, 10));
    net.at(0).requiresGrad_(false);
    expect(net.summary([2, 1, 8, 8]).split('\n')).toEqual([
      'layer         output        parameters',
      '--------------------------------------',
      'Sequential    [2, 10]                -',
      '  0: Conv2d   [2, 4, 6, 6]          40',
      '  1: Flatten  [2, 144]               -',
      '  2: Linear   [2, 10]            1,450',
      '--------------------------------------',
      '1,490 parameters, of them learned: 1,450',
      'memory: parameters 5.8 KiB, buffers 0 B, input 512 B, outputs of layers 2.3 KiB',
    ]);
  });

  test('leaves the module as it was, also when forward throws', () => {
    class Fussy extends nn.Module {
      inner = new nn.Dropout();
      override forward(x: Tensor): Tensor {
        expect(isGradEnabled()).toBe(false);
        expect(this.inner.training).toBe(false);
        if (x.ndim !== 2) throw new ArgumentError('two dimensions');
        return this.inner.forward(x);
      }
    }
    const net = new Fussy();
    net.inner.eval();
    net.summary([1, 2]);
    expect(() => net.summary(zeros([3]))).toThrow('two dimensions');
    expect([net.training, net.inner.training]).toEqual([true, false]);
    expect([...net.modules()].some((m) => Object.hasOwn(m, 'forward'))).toBe(false);
  });

  test('takes example inputs and outputs of several tensors', () => {
    const text = new nn.LSTM(2, 3).summary(zeros([4, 1, 2]));
    expect(text).toContain('[4, 1, 3], [1, 1, 3], [1, 1, 3]');
  });
});

forEachEngine('state', (space) => {
  test('is copied, converted, and leaves no alias', () => {
    withWorkspace(space, () => {
      const [a, b] = [new Block(), new Block()];
      a.norm.forward(randn([5, 4]));
      for (const t of a.stateDict().values()) t.dataSync();
      const result = b.loadStateDict(new Map([...a.stateDict()].map(([k, t]) => [k, t.to('float64')])));
      expect(result).toEqual({ missingKeys: [], unexpectedKeys: [] });
      const values = (m: Block) => [...m.stateDict()].map(([k, t]) => [k, t.dtype, numbers(t)]);
      expect(values(b)).toEqual(values(a));
      a.scale.detach().fill_(7);
      expect(numbers(b.scale)).toEqual([1, 1, 1, 1]);
    });
  });

  test('that does not fit is one error that names everything, and changes nothing', () => {
    withWorkspace(space, () => {
      const block = new Block();
      const before = [...block.stateDict().values()].map(numbers);
      const state = new Map([...new Block().stateDict()]);
      state.delete('norm.weight');
      state.delete('scale');
      state.set('other', zeros([1]));
      state.set('layers.0.weight', zeros([5, 4]));
      const load = (): unknown => block.loadStateDict(state);
      expect(load).toThrow(ArgumentError);
      for (const part of ['norm.weight', 'scale', 'other', 'layers.0.weight: expected [4, 4], got [5, 4]'])
        expect(load).toThrow(part);
      expect(() => block.loadStateDict(state, { strict: false })).toThrow('layers.0.weight');
      expect([...block.stateDict().values()].map(numbers)).toEqual(before);
      state.delete('layers.0.weight');
      expect(block.loadStateDict(state, { strict: false })).toEqual({
        missingKeys: ['scale', 'norm.weight', 'layers.0.weight'],
        unexpectedKeys: ['other'],
      });
    });
  });

  test('to() converts in place: optimizers made after train in the new dtype', () => {
    withWorkspace(space, () => {
      manualSeed(1);
      const block = new Block();
      const { weight } = block.layers[0];
      const before = numbers(weight);
      block
        .forward(randn([5, 4]))
        .sum()
        .backward();
      expect(block.to('float64')).toBe(block);
      expect(block.layers[0].weight).toBe(weight);
      expect([weight.dtype, weight.grad, weight.requiresGrad, weight.isLeaf]).toEqual([
        'float64',
        null,
        true,
        true,
      ]);
      expect(numbers(weight)).toEqual(before);
      expect(block.norm.numBatchesTracked?.dtype).toBe('int64');
      expect(block.norm.runningMean?.dtype).toBe('float64');
      const opt = new optim.AdamW(block.parameters());
      F.mseLoss(
        block.forward(randn([5, 4], { dtype: 'float64' })),
        zeros([5, 4], { dtype: 'float64' }),
      ).backward();
      opt.step();
      expect(weight.dtype).toBe('float64');
      expect(opt.stateDict().tensors.get('0.mean')?.dtype).toBe('float64');
      expect(numbers(weight)).not.toEqual(before);
      const half = numbers(block.half().scale);
      expect([block.scale.dtype, half.length]).toEqual(['float16', 4]);
      expect(numbers(block.float().scale)).toEqual(half);
      expect(() => block.to('int32')).toThrow(DTypeError);
    });
  });
});
