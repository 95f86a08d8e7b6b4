/** Programs that hold on to values: through files, across steps, until the run is over. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  functional as F,
  loadCheckpoint,
  nn,
  noGrad,
  optim,
  saveCheckpoint,
  stack,
  type Tensor,
  zeros,
} from 'hadal';
import { mlp } from '../nets.js';
import type { Program } from '../program.js';
import type { Session } from '../session.js';

const resume: Program = {
  name: 'resumed-training',
  about: 'after every few updates all is saved, and a new model, optimizer and schedule go on from the file',
  steps: { quick: 4, full: 20 },
  start(s) {
    const [batch, width, updates] = [s.pick(4, 128), s.pick(8, 512), s.pick(2, 4)];
    const folder = mkdtempSync(join(tmpdir(), 'hadal-resume-'));
    const begin = () => {
      const net = s.fill(mlp([32, width, width, 5], () => new nn.Tanh()));
      const optimizer = new optim.AdamW(net.parameters(), { lr: 1e-3, eps: 1e-5, weightDecay: 0.01 });
      const schedule = new optim.lrScheduler.StepLR(optimizer, 3, { gamma: 0.7 });
      return { net, optimizer, schedule };
    };
    let now = begin();
    return {
      async step(i) {
        for (let k = 0; k < updates; k++) {
          const loss = F.crossEntropy(
            now.net.forward(s.values(10 * i + k, [batch, 32])),
            s.classes(10 * i + k + 500, [batch], 5),
          );
          now.optimizer.zeroGrad();
          loss.backward();
          now.optimizer.step();
          s.note('loss', loss.itemSync());
        }
        now.schedule.step();
        await saveCheckpoint(
          folder,
          {
            step: i,
            model: now.net.stateDict(),
            optimizer: now.optimizer.stateDict(),
            state: { schedule: now.schedule.stateDict() },
          },
          { keep: 1 },
        );
        const saved = await loadCheckpoint(folder);
        if (saved?.optimizer === undefined) throw new Error('the checkpoint is not there');
        now = begin();
        now.net.loadStateDict(saved.model);
        now.optimizer.loadStateDict(saved.optimizer);
        const { schedule } = saved.state as { schedule: ReturnType<typeof now.schedule.stateDict> };
        now.schedule.loadStateDict(schedule);
        s.note('step', saved.step);
        s.note('rate', now.optimizer.lr);
      },
      finish() {
        s.noteParameters('net', now.net);
        rmSync(folder, { recursive: true });
      },
    };
  },
};

const runningMetrics: Program = {
  name: 'running-metrics',
  about:
    'evaluation between steps; sums, hits and a confusion matrix are tensors that nothing reads until the end',
  steps: { quick: 5, full: 50 },
  start(s) {
    const [batch, width, classes] = [s.pick(6, 128), s.pick(8, 256), 10];
    const net = s.fill(mlp([32, width, width, classes]));
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 });
    const [held, answers] = [s.values(7, [s.pick(8, 512), 32]), s.classes(8, [s.pick(8, 512)], classes)];
    let trained = zeros([]);
    let hits = zeros([], { dtype: 'int64' });
    const lowest = zeros([]).add(100);
    const confusion = zeros([classes, classes]);
    const evaluations: Tensor[] = [];
    const evaluate = () =>
      noGrad(() => {
        net.eval();
        const logits = net.forward(held);
        const loss = F.crossEntropy(logits, answers);
        const guess = logits.argmax(1);
        hits = hits.add(guess.eq(answers).sum());
        lowest.copy_(lowest.minimum(loss));
        confusion.indexPut_([answers, guess], 1, { accumulate: true });
        evaluations.push(loss);
        net.train();
      });
    return {
      step(i) {
        const loss = F.crossEntropy(
          net.forward(s.values(i + 100, [batch, 32])),
          s.classes(i + 500, [batch], classes),
        );
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        trained = trained.add(loss.detach());
        evaluate();
      },
      finish() {
        s.note('trained', trained.itemSync());
        s.note('hits', hits.itemSync());
        s.note('lowest', lowest.itemSync());
        s.note('confusion', confusion);
        s.note('evaluations', stack(evaluations));
      },
    };
  },
};

const hiddenActivations: Program = {
  name: 'hidden-activations',
  about:
    'forward hooks put hidden values aside; they are looked at after the step that has changed the weights',
  steps: { quick: 5, full: 50 },
  start(s) {
    const [batch, width] = [s.pick(4, 128), s.pick(8, 384)];
    const net = s.fill(mlp([32, width, width, 5]));
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 });
    const seen = new Map<string, Tensor>();
    for (const [name, module] of net.namedModules())
      if (module instanceof nn.ReLU)
        module.registerForwardHook((_, __, output) => {
          seen.set(name, output.detach());
        });
    let before: Tensor | null = null;
    return {
      step(i) {
        const loss = F.crossEntropy(net.forward(s.values(i, [batch, 32])), s.classes(i + 500, [batch], 5));
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        for (const [name, activation] of seen) {
          s.note(`${name}.mean`, activation.mean().itemSync());
          s.note(`${name}.dead`, activation.eq(0).float().mean().itemSync());
        }
        const last = seen.get('3');
        if (last === undefined) throw new Error('the hook was not called');
        // Against the values of the step before.
        if (before !== null) s.note('similar', F.cosineSimilarity(last, before).mean().itemSync());
        before = last;
        s.note('loss', loss.itemSync());
      },
    };
  },
};

const lateLosses: Program = {
  name: 'losses-read-last',
  about: 'a list of losses and of the norms of gradients, none of them read before the end',
  steps: { quick: 6, full: 60 },
  start(s) {
    const [batch, width] = [s.pick(4, 128), s.pick(8, 384)];
    const net = s.fill(mlp([32, width, width, 5]));
    const optimizer = new optim.AdamW(net.parameters(), { lr: 1e-3 });
    const losses: Tensor[] = [];
    const norms: Tensor[] = [];
    const outputs: Tensor[] = [];
    const train = s.compile((x: Tensor, y: Tensor) => {
      const output = net.forward(x);
      const loss = F.crossEntropy(output, y);
      optimizer.zeroGrad();
      loss.backward();
      const norm = nn.utils.clipGradNorm_(net.parameters(), 1);
      optimizer.step();
      return { loss, norm, output };
    });
    return {
      step(i) {
        const { loss, norm, output } = train(s.values(i, [batch, 32]), s.classes(i + 500, [batch], 5));
        losses.push(loss);
        norms.push(norm);
        outputs.push(output.detach());
      },
      finish() {
        s.note(
          'losses',
          losses.map((loss) => Number(loss.itemSync())),
        );
        s.note('mean', stack(losses).mean().itemSync());
        s.note('norms', stack(norms));
        s.note('outputs', stack(outputs).mean([1]));
        s.noteParameters('net', net);
      },
    };
  },
  compiles: true,
};

function validation(s: Session, net: nn.Sequential, x: Tensor, y: Tensor): number {
  const loss = Number(noGrad(() => F.crossEntropy(net.forward(x), y)).itemSync());
  s.note('validation', loss);
  return loss;
}

const bestWeights: Program = {
  name: 'best-weights',
  about: 'the best weights so far are put aside, a moving average is kept, and both are put back in the end',
  steps: { quick: 6, full: 60 },
  start(s) {
    const [batch, width] = [s.pick(4, 128), s.pick(8, 384)];
    const net = s.fill(mlp([32, width, width, 5]));
    const average = s.fill(mlp([32, width, width, 5]));
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.2 });
    const [held, answers] = [s.values(7, [batch, 32]), s.classes(8, [batch], 5)];
    let best = Number.POSITIVE_INFINITY;
    let kept = new Map<string, Tensor>();
    return {
      step(i) {
        const loss = F.crossEntropy(net.forward(s.values(i, [batch, 32])), s.classes(i + 500, [batch], 5));
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        noGrad(() => {
          const now = net.stateDict();
          for (const [name, mean] of average.stateDict()) mean.lerp_(now.get(name) as Tensor, 0.1);
        });
        const reached = validation(s, net, held, answers);
        if (reached < best) {
          best = reached;
          kept = new Map([...net.stateDict()].map(([name, t]) => [name, t.clone()]));
        }
      },
      finish() {
        net.loadStateDict(kept);
        s.note('best', best);
        s.note('restored', validation(s, net, held, answers));
        s.note('averaged', validation(s, average, held, answers));
        s.noteParameters('net', net);
        s.noteParameters('average', average);
      },
    };
  },
};

export const lifetimes: readonly Program[] = [
  resume,
  runningMetrics,
  hiddenActivations,
  lateLosses,
  bestWeights,
];
