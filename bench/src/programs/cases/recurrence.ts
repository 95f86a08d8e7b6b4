/** Recurrent networks as loops that people write. */
import { functional as F, nn, optim, stack, type Tensor, zeros } from 'hadal';
import type { Program } from '../program.js';

class Cell extends nn.Module {
  readonly input: nn.Linear;
  readonly hidden: nn.Linear;
  readonly out: nn.Linear;

  constructor(inputs: number, width: number, outputs: number) {
    super();
    this.input = new nn.Linear(inputs, width);
    this.hidden = new nn.Linear(width, width);
    this.out = new nn.Linear(width, outputs);
  }

  override forward(x: Tensor, h: Tensor): Tensor {
    return this.input.forward(x).add(this.hidden.forward(h)).tanh();
  }
}

const earlyExit: Program = {
  name: 'recurrent-early-exit',
  about: 'a loop over time in plain code that stops when the state settles',
  steps: { quick: 6, full: 60 },
  start(s) {
    const [batch, width, longest] = [s.pick(4, 32), s.pick(16, 128), s.pick(8, 40)];
    const cell = s.fill(new Cell(8, width, 5));
    const optimizer = new optim.SGD(cell.parameters(), { lr: 0.1 });
    return {
      step(i) {
        const xs = s.values(i, [longest, batch, 8]);
        const target = s.classes(i + 500, [batch], 5);
        let h = zeros([batch, width]);
        let taken = 0;
        for (let t = 0; t < longest; t++) {
          const next = cell.forward(xs.index(t), h);
          taken++;
          const change = next.sub(h).abs().max().itemSync();
          h = next;
          if (Number(change) < 0.9) break;
        }
        const loss = F.crossEntropy(cell.out.forward(h), target);
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        s.note('taken', taken);
        s.note('loss', loss.itemSync());
      },
      finish: () => s.noteParameters('cell', cell),
    };
  },
};

const changingLengths: Program = {
  name: 'recurrent-changing-lengths',
  about: 'batches of another length each, every output in the loss',
  steps: { quick: 6, full: 60 },
  start(s) {
    const [batch, width] = [s.pick(3, 32), s.pick(16, 128)];
    const cell = s.fill(new Cell(8, width, 4));
    const optimizer = new optim.Adam(cell.parameters(), { lr: 0.01 });
    return {
      step(i) {
        const length = 3 + ((i * 7) % s.pick(5, 20));
        const xs = s.values(i, [length, batch, 8]);
        const target = s.values(i + 500, [length, batch, 4]);
        let h = zeros([batch, width]);
        const outputs: Tensor[] = [];
        for (let t = 0; t < length; t++) {
          h = cell.forward(xs.index(t), h);
          outputs.push(cell.out.forward(h));
        }
        const loss = F.mseLoss(stack(outputs), target);
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        s.note('loss', loss.itemSync());
      },
      finish: () => s.noteParameters('cell', cell),
    };
  },
};

const truncated: Program = {
  name: 'recurrent-truncated',
  about: 'truncated backpropagation: the state is carried on, detached, from piece to piece',
  steps: { quick: 6, full: 60 },
  start(s) {
    const [batch, width, piece] = [s.pick(3, 32), s.pick(16, 128), s.pick(4, 16)];
    const cell = s.fill(new Cell(8, width, 4));
    const optimizer = new optim.SGD(cell.parameters(), { lr: 0.05, momentum: 0.9 });
    let h = zeros([batch, width]);
    return {
      step(i) {
        h = h.detach();
        const xs = s.values(i, [piece, batch, 8]);
        const outputs: Tensor[] = [];
        for (let t = 0; t < piece; t++) {
          h = cell.forward(xs.index(t), h);
          outputs.push(cell.out.forward(h));
        }
        const loss = F.mseLoss(stack(outputs), s.values(i + 500, [piece, batch, 4]));
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        s.note('loss', loss.itemSync());
      },
      finish() {
        s.note('state', h.detach());
        s.noteParameters('cell', cell);
      },
    };
  },
};

export const recurrence: readonly Program[] = [earlyExit, changingLengths, truncated];
