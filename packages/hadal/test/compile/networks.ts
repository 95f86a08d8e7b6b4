/** Training loops of several kinds, each made twice from one seed: one runs as it is written, the other compiled. */
import {
  type Compiled,
  compile,
  functional as F,
  fromTypedArray,
  manualSeed,
  nn,
  noGrad,
  optim,
  rand,
  randint,
  randn,
  Tensor,
} from '../../src/index.js';

/** One program: what a step does, and all that it changes. */
export interface Program {
  readonly step: (...args: Tensor[]) => unknown;
  /** After each step, outside of what is compiled. */
  readonly after?: (i: number) => void;
  readonly args: (i: number) => Tensor[];
  readonly state: () => Iterable<Tensor>;
}

export function bits(t: Tensor): string {
  return Buffer.from(t.bytesSync()).toString('hex');
}

function allBits(x: unknown): string[] {
  if (x instanceof Tensor) return [bits(x)];
  if (Array.isArray(x)) return x.flatMap(allBits);
  if (typeof x === 'object' && x !== null) return Object.values(x).flatMap(allBits);
  return [String(x)];
}

/** What each step returned, and everything the program changed, at the end. */
export function runProgram(
  make: () => Program,
  steps: number,
  compiled: boolean,
): { log: string[]; traces: number } {
  manualSeed(7);
  const program = make();
  const step = compiled ? compile(program.step) : program.step;
  const log: string[] = [];
  for (let i = 0; i < steps; i++) {
    log.push(...allBits(step(...program.args(i))));
    program.after?.(i);
  }
  for (const t of program.state()) {
    log.push(bits(t));
    if (t.grad !== null) log.push(bits(t.grad));
  }
  log.push(...allBits(rand([2])));
  return { log, traces: compiled ? (step as Compiled<Tensor[], unknown>).traces : 0 };
}

function everything(...of: { parameters(): Iterable<Tensor>; buffers(): Iterable<Tensor> }[]): Tensor[] {
  return of.flatMap((m) => [...m.parameters(), ...m.buffers()]);
}

function labelled(shape: readonly number[], classes: number): () => Tensor[] {
  return () => [rand(shape), randint(classes, [shape[0]])];
}

export const programs: { readonly [name: string]: () => Program } = {
  'mlp with AdamW and a schedule': () => {
    const net = new nn.Sequential(new nn.Linear(6, 8), new nn.ReLU(), new nn.Linear(8, 3));
    const opt = new optim.AdamW(net.parameters(), { lr: 0.01 });
    const schedule = new optim.lrScheduler.StepLR(opt, 2, { gamma: 0.5 });
    return {
      step: (x, y) => {
        const loss = F.crossEntropy(net.forward(x), y);
        opt.zeroGrad();
        loss.backward();
        opt.step();
        return loss;
      },
      after: () => schedule.step(),
      args: labelled([4, 6], 3),
      state: () => [...everything(net), ...opt.stateDict().tensors.values()],
    };
  },
  'cnn with dropout, the schedule inside': () => {
    const net = new nn.Sequential(
      new nn.Conv2d(1, 3, 3),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Dropout(0.4),
      new nn.Linear(27, 3),
    );
    const opt = new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 });
    const schedule = new optim.lrScheduler.ExponentialLR(opt, 0.9);
    return {
      step: (x, y) => {
        opt.zeroGrad();
        const loss = F.crossEntropy(net.forward(x), y);
        loss.backward();
        opt.step();
        schedule.step();
        return { loss };
      },
      args: labelled([4, 1, 8, 8], 3),
      state: () => everything(net),
    };
  },
  'batch norm in training': () => {
    const net = new nn.Sequential(
      new nn.Linear(5, 6),
      new nn.BatchNorm1d(6),
      new nn.Tanh(),
      new nn.Linear(6, 2),
    );
    const opt = new optim.Adam(net.parameters());
    return {
      step: (x, y) => {
        const out = net.forward(x);
        const loss = F.crossEntropy(out, y);
        opt.zeroGrad();
        loss.backward();
        opt.step();
        return [loss, out.detach().argmax(1)];
      },
      args: labelled([6, 5], 2),
      state: () => [...everything(net), ...opt.stateDict().tensors.values()],
    };
  },
  'LSTM with clipped gradients': () => {
    const lstm = new nn.LSTM(3, 4, { batchFirst: true });
    const head = new nn.Linear(4, 2);
    const parameters = [...lstm.parameters(), ...head.parameters()];
    const opt = new optim.Adam(parameters, { lr: 0.02 });
    return {
      step: (x, y) => {
        const { output } = lstm.forward(x);
        const loss = F.crossEntropy(head.forward(output.select(1, -1)), y);
        opt.zeroGrad();
        loss.backward();
        const norm = nn.utils.clipGradNorm_(parameters, 0.1);
        opt.step();
        return { loss, norm };
      },
      args: labelled([3, 5, 3], 2),
      state: () => parameters,
    };
  },
  'gradients added up over two calls': () => {
    const net = new nn.Linear(4, 3);
    const opt = new optim.SGD(net.parameters(), { lr: 0.1 });
    return {
      step: (x, y) => {
        const loss = F.crossEntropy(net.forward(x), y).mul(0.5);
        loss.backward();
        return loss;
      },
      after: (i) => {
        if (i % 2 === 0) return;
        opt.step();
        opt.zeroGrad();
      },
      args: labelled([4, 4], 3),
      state: () => everything(net),
    };
  },
  'gradients added up inside': () => {
    const net = new nn.Linear(4, 3);
    const opt = new optim.RMSprop(net.parameters(), { lr: 0.01 });
    return {
      step: (x, y) => {
        opt.zeroGrad();
        const losses = [0, 1].map((i) => {
          const loss = F.crossEntropy(net.forward(x.narrow(0, 2 * i, 2)), y.narrow(0, 2 * i, 2)).div(2);
          loss.backward();
          return loss;
        });
        opt.step();
        return losses;
      },
      args: labelled([4, 4], 3),
      state: () => everything(net),
    };
  },
  'frozen parameters': () => {
    const body = new nn.Linear(4, 4);
    const head = new nn.Linear(4, 2);
    body.requiresGrad_(false);
    const opt = new optim.AdamW([...body.parameters(), ...head.parameters()], { lr: 0.02 });
    return {
      step: (x, y) => {
        opt.zeroGrad();
        const loss = F.crossEntropy(head.forward(body.forward(x).relu()), y);
        loss.backward();
        opt.step();
        return loss;
      },
      args: labelled([4, 4], 2),
      state: () => everything(body, head),
    };
  },
  'tied weights': () => {
    const embed = new nn.Embedding(7, 4);
    const opt = new optim.Adagrad(embed.parameters(), { lr: 0.1 });
    return {
      step: (ids, y) => {
        const hidden = embed.forward(ids).mean(1);
        const loss = F.crossEntropy(hidden.matmul(embed.weight.t()), y);
        opt.zeroGrad();
        loss.backward();
        opt.step();
        return loss;
      },
      args: () => [randint(7, [3, 5]), randint(7, [3])],
      state: () => everything(embed),
    };
  },
  'two optimizers against each other': () => {
    const maker = new nn.Sequential(new nn.Linear(2, 6), new nn.ReLU(), new nn.Linear(6, 3));
    const judge = new nn.Sequential(
      new nn.Linear(3, 6),
      new nn.LeakyReLU({ negativeSlope: 0.2 }),
      new nn.Linear(6, 1),
    );
    const optM = new optim.Adam(maker.parameters(), { lr: 0.01, betas: [0.5, 0.999] });
    const optJ = new optim.Adam(judge.parameters(), { lr: 0.01, betas: [0.5, 0.999] });
    return {
      step: (real) => {
        const noise = randn([4, 2]);
        const fake = maker.forward(noise);
        optJ.zeroGrad();
        const lossJ = F.softplus(judge.forward(fake.detach()))
          .mean()
          .add(F.softplus(judge.forward(real).neg()).mean());
        lossJ.backward();
        optJ.step();
        optM.zeroGrad();
        const lossM = F.softplus(judge.forward(maker.forward(noise)).neg()).mean();
        lossM.backward();
        optM.step();
        return [lossJ, lossM];
      },
      args: () => [rand([4, 3])],
      state: () => everything(maker, judge),
    };
  },
  'evaluation without gradients': () => {
    const net = new nn.Sequential(
      new nn.Linear(4, 5),
      new nn.BatchNorm1d(5),
      new nn.Dropout(),
      new nn.Linear(5, 2),
    );
    net.eval();
    return {
      step: (x) => noGrad(() => net.forward(x).softmax(1)),
      args: () => [rand([3, 4])],
      state: () => everything(net),
    };
  },
  'attention with embeddings and dropout': () => {
    const embed = new nn.Embedding(11, 8);
    const norm = new nn.LayerNorm(8);
    const attention = new nn.MultiheadAttention(8, 2, { dropout: 0.1, batchFirst: true });
    const head = new nn.Linear(8, 11);
    const parameters = [embed, norm, attention, head].flatMap((m) => [...m.parameters()]);
    const opt = new optim.AdamW(parameters, { lr: 0.01 });
    return {
      step: (ids, y) => {
        const h = norm.forward(embed.forward(ids));
        const [output] = attention.forward(h, h, h);
        const loss = F.crossEntropy(head.forward(output).reshape([-1, 11]), y.reshape([-1]));
        opt.zeroGrad();
        loss.backward();
        opt.step();
        return loss;
      },
      args: () => [randint(11, [2, 5]), randint(11, [2, 5])],
      state: () => parameters,
    };
  },
  'a state that is copied into a tensor, and gradients that are looked at': () => {
    const w = rand([2, 2]).requiresGrad_();
    const h = rand([1, 2]);
    return {
      step: (x) => {
        const y = x.add(h.matmul(w)).tanh();
        y.sum().backward();
        noGrad(() => h.copy_(y));
        return y.detach();
      },
      after: (i) => {
        if (i % 2 === 0) w.grad?.mul_(0.5);
        else w.clearGrad();
      },
      args: () => [rand([1, 2])],
      state: () => [w, h],
    };
  },
  'an average of weights and a counter': () => {
    const net = new nn.Linear(3, 2);
    const average = new nn.Linear(3, 2);
    average.loadStateDict(net.stateDict());
    const counter = fromTypedArray(Float32Array.of(0), []);
    const opt = new optim.SGD(net.parameters(), { lr: 0.1 });
    return {
      step: (x, y) => {
        const loss = F.mseLoss(net.forward(x), y);
        opt.zeroGrad();
        loss.backward();
        opt.step();
        noGrad(() => {
          const own = [...average.parameters()];
          [...net.parameters()].forEach((p, i) => void own[i].lerp_(p, 0.1));
          counter.add_(1);
        });
        return loss;
      },
      args: () => [rand([4, 3]), rand([4, 2])],
      state: () => [...everything(net, average), counter],
    };
  },
};
