/** Programs about the numbers themselves: widths, integers, chance, statistics and extremes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  arange,
  bernoulli,
  cat,
  functional as F,
  fullLike,
  getRngState,
  load,
  manualSeed,
  nn,
  optim,
  rand,
  randint,
  randn,
  randperm,
  save,
  setRngState,
  stack,
  type Tensor,
  tensor,
} from 'hadal';
import type { Program } from '../program.js';

class Mixed extends nn.Module {
  readonly encoder: nn.Linear;
  readonly middle: nn.Linear;
  readonly head: nn.Linear;
  readonly temperature: nn.Parameter;

  constructor(width: number) {
    super();
    this.encoder = new nn.Linear(64, width);
    this.middle = new nn.Linear(width, width).double();
    this.head = new nn.Linear(width, 10);
    this.temperature = new nn.Parameter(tensor(1.5, { dtype: 'float64' }));
  }

  override forward(x: Tensor): Tensor {
    const hidden = this.middle.forward(this.encoder.forward(x).relu().double()).relu();
    // A number of float64 does not widen a tensor of float32.
    return this.head.forward(hidden.float()).div(this.temperature);
  }
}

const mixedWidths: Program = {
  name: 'mixed-widths',
  about: 'a layer and a number of float64 within a network of float32, the loss in float64',
  steps: { quick: 5, full: 40 },
  start(s) {
    const [batch, width] = [s.pick(4, 128), s.pick(8, 384)];
    const net = new Mixed(width);
    s.fill(new nn.ModuleList([net.encoder, net.middle, net.head]));
    const optimizer = new optim.Adam(net.parameters(), { lr: 1e-3 });
    const train = s.compile((x: Tensor, y: Tensor) => {
      const logits = net.forward(x);
      const loss = F.crossEntropy(logits.double(), y);
      const penalty = net.middle.weight.square().mean().add(net.encoder.weight.square().mean());
      const total = loss.add(penalty.mul(0.1));
      optimizer.zeroGrad();
      total.backward();
      optimizer.step();
      return { logits, total };
    });
    return {
      step(i) {
        const { logits, total } = train(s.values(i, [batch, 64]), s.classes(i + 500, [batch], 10));
        s.note('narrow', logits.dtype === 'float32' && total.dtype === 'float64');
        s.note('loss', total.itemSync());
      },
      finish() {
        if (net.middle.weight.grad !== null) s.note('wide grad', net.middle.weight.grad.dtype === 'float64');
        s.noteParameters('net', net);
      },
    };
  },
  compiles: true,
};

const integers: Program = {
  name: 'integers',
  about: 'hashes, counts of bits, division by every rule, and sums that go over',
  steps: { quick: 3, full: 20 },
  start(s) {
    const count = s.pick(40, 200_000);
    return {
      step(i) {
        const start = s.classes(i, [count], 2 ** 31).add(1);
        // Marsaglia's xorshift.
        let x = start;
        x = x.bitwiseXor(x.bitwiseLeftShift(13));
        x = x.bitwiseXor(x.bitwiseRightShift(7));
        x = x.bitwiseXor(x.bitwiseLeftShift(17));
        s.note('xorshift', x);
        s.note('sum', x.sum().itemSync());
        const multiplied = x.mul(6364136223846793005n).add(1442695040888963407n);
        s.note('congruential', multiplied);
        const divisor = s.classes(i + 500, [count], 19).sub(9);
        const safe = divisor.where(divisor.ne(0), 7);
        s.note('floor', multiplied.floorDivide(safe));
        s.note('trunc', multiplied.div(safe, { roundingMode: 'trunc' }));
        s.note('remainder', multiplied.remainder(safe));
        s.note('fmod', multiplied.fmod(safe));
        s.note('true', x.div(safe));
        s.note('remainder of a number', x.remainder(-1000));
        const small = x.int();
        s.note('int32', small.mul(small).add(small));
        s.note('shifted', small.bitwiseLeftShift(safe.int().abs()));
        s.note('shifted back', small.bitwiseRightShift(safe.int().abs()));
        const bytes = x.byte();
        s.note('uint8', bytes.add(200).mul(3));
        s.note('uint8 less', bytes.sub(bytes.bitwiseNot()));
        s.note('int8', bytes.char().mul(5).neg());
        s.note('int16', x.short().mul(x.short()));
        // How many bits are set.
        let bits = small.bitwiseAnd(0x7fffffff);
        bits = bits.sub(bits.bitwiseRightShift(1).bitwiseAnd(0x55555555));
        bits = bits.bitwiseAnd(0x33333333).add(bits.bitwiseRightShift(2).bitwiseAnd(0x33333333));
        bits = bits.add(bits.bitwiseRightShift(4)).bitwiseAnd(0x0f0f0f0f);
        bits = bits.mul(0x01010101).bitwiseRightShift(24);
        s.note('bits', bits);
        s.note('histogram', bits.bincount({ minlength: 33 }));
        s.note('parity', bits.bitwiseAnd(1).bool().logicalXor(x.lt(0)).sum().itemSync());
        s.note('prefix', x.cumsum(0));
        s.note('power', small.remainder(10).pow(5));
        s.note('largest', x.max().itemSync());
        s.note('at', x.argmin().itemSync());
        s.note('distinct', x.remainder(97).unique().values);
      },
    };
  },
};

const chance: Program = {
  name: 'chance-again',
  about: "the generator's state is kept in a file: the same draws, masks and orders follow it",
  steps: { quick: 3, full: 20 },
  start(s) {
    const [count, width, batch] = [s.pick(20, 300_000), s.pick(8, 256), s.pick(4, 128)];
    const folder = mkdtempSync(join(tmpdir(), 'hadal-chance-'));
    const net = s.fill(
      new nn.Sequential(new nn.Linear(32, width), new nn.Dropout(0.5), new nn.Linear(width, 4)),
    );
    manualSeed(5);
    const draw = (i: number): Tensor[] => {
      const loss = net
        .forward(s.values(i, [batch, 32]))
        .square()
        .mean();
      return [
        rand([count]),
        randn([count], { dtype: 'float64' }),
        randint(0, 1000, [batch]),
        randperm(batch),
        bernoulli(s.values(i, [batch]).abs()),
        loss.detach(),
        nn.init.kaimingUniform_(new nn.Linear(16, 16).weight).detach(),
      ];
    };
    const same = (a: readonly Tensor[], b: readonly Tensor[]) => a.every((t, k) => t.equal(b[k]));
    return {
      async step(i) {
        writeFileSync(join(folder, 'state.json'), JSON.stringify(getRngState()));
        const first = draw(i);
        const other = draw(i);
        await save(
          join(folder, 'draws.safetensors'),
          Object.fromEntries(first.map((t, k) => [String(k), t])),
        );
        setRngState(JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8')));
        const again = draw(i);
        const kept = await load(join(folder, 'draws.safetensors'));
        s.note('same', same(first, again));
        s.note('other', same(first, other));
        s.note('other again', same(other, draw(i)));
        s.note(
          'kept',
          first.every((_, k) => kept.get(String(k))?.equal(again[k])),
        );
        const [uniform, normal, , order] = first;
        s.note('range', uniform.ge(0).logicalAnd(uniform.lt(1)).all().itemSync());
        s.note('finite', normal.isfinite().all().itemSync());
        s.note('order', order.sort().values);
      },
      finish: () => rmSync(folder, { recursive: true }),
    };
  },
};

const standardised: Program = {
  name: 'standardised-data',
  about: 'standardising, covariances, quantiles, outliers, and the main direction by power iteration',
  steps: { quick: 3, full: 20 },
  start(s) {
    const [rows, width, rounds] = [s.pick(30, 20_000), s.pick(4, 64), 10];
    const stretch = arange(width).float().add(1);
    let seen = 0;
    let mean = tensor(0).expand([width]);
    let spread = tensor(0).expand([width]);
    return {
      step(i) {
        const raw = s.values(i, [rows, width]).mul(stretch).add(stretch.mul(3));
        // Chan et al. 1979: statistics of batches put together.
        const [ofBatch, delta] = [raw.mean(0), raw.mean(0).sub(mean)];
        spread = spread
          .add(raw.sub(ofBatch).square().sum(0))
          .add(delta.square().mul((seen * rows) / (seen + rows)));
        mean = mean.add(delta.mul(rows / (seen + rows)));
        seen += rows;
        s.note('running', mean);
        s.note('running std', spread.div(seen - 1).sqrt());
        const z = raw.sub(raw.mean(0)).div(raw.std(0));
        s.note('z', z);
        s.note('means', z.mean(0).abs().lt(1e-4).all().itemSync());
        const covariance = raw.t().cov();
        s.note('covariance', covariance);
        s.note('correlation', raw.t().corrcoef());
        const { min, max } = raw.aminmax(0);
        s.note('scaled', raw.sub(min).div(max.sub(min)));
        const quartiles = raw.index(':', 0).quantile([0.25, 0.5, 0.75]);
        s.note('quartiles', quartiles);
        const iqr = quartiles.index(2).sub(quartiles.index(0));
        const outside = raw.index(':', 0).sub(quartiles.index(1)).abs().gt(iqr.mul(0.9));
        s.note('outside', outside.sum().itemSync());
        s.note('winsorised', raw.clamp(raw.quantile(0.05, 0), raw.quantile(0.95, 0)).mean(0));
        let direction = F.normalize(stretch, { dim: 0 });
        for (let k = 0; k < rounds; k++) direction = F.normalize(covariance.mv(direction), { dim: 0 });
        s.note('variance', direction.dot(covariance.mv(direction)).itemSync());
        const centred = raw.sub(raw.mean(0));
        const left = centred.sub(centred.mv(direction).outer(direction));
        s.note('left', left.var(0).sum().itemSync());
      },
    };
  },
};

const extremes: Program = {
  name: 'extreme-values',
  about: 'stable forms at the ends of the number range, beside the naive ones, with gradients',
  steps: { quick: 2, full: 20 },
  start(s) {
    const edges = [0, -0, 1e-45, 1e-38, 1e-20, 1e-7, 1, 20, 88, 89, 104, 1e4, 1e20, 1e38, Infinity, NaN];
    const [rows, width] = [s.pick(2, 256), s.pick(5, 1024)];
    return {
      step(i) {
        const line = tensor([...edges, ...edges.map((x) => -x)]).requiresGrad_();
        const functions: { readonly [name: string]: (x: Tensor) => Tensor } = {
          softplus: (x) => F.softplus(x),
          logSigmoid: (x) => F.logSigmoid(x),
          sigmoid: (x) => x.sigmoid(),
          tanh: (x) => x.tanh(),
          log1p: (x) => x.abs().log1p(),
          expm1: (x) => x.expm1(),
          exp: (x) => x.exp(),
          log: (x) => x.log(),
          rsqrt: (x) => x.rsqrt(),
          elu: (x) => F.elu(x),
          silu: (x) => F.silu(x),
          erf: (x) => x.erf(),
          atan: (x) => x.atan(),
          logaddexp: (x) => x.logaddexp(x.neg()),
          hypot: (x) => x.hypot(fullLike(x, 1e20)),
          bce: (x) => F.binaryCrossEntropyWithLogits(x, x.gt(0).float(), { reduction: 'none' }),
          huber: (x) => F.huberLoss(x, x.mul(0), { reduction: 'none' }),
          naive: (x) => x.exp().add(1).log(),
          finite: (x) => x.nanToNum({ nan: 1 }).clamp(-1e6, 1e6).sqrt(),
        };
        for (const [name, fn] of Object.entries(functions)) {
          line.grad = null;
          const y = fn(line);
          y.sum().backward();
          s.note(name, y.detach());
          if (line.grad !== null) s.note(`${name} grad`, line.grad);
        }
        const x = s.values(i, [rows, width], 1e3).requiresGrad_();
        const masked = x.maskedFill(s.values(i + 500, [rows, width]).gt(0.3), -Infinity);
        const closed = cat([masked, fullLike(masked.index([0]), -Infinity)]);
        s.note('logsumexp', closed.logsumexp(1).detach());
        s.note('softmax', closed.softmax(1).detach());
        s.note('naive sum', masked.exp().sum(1).log().detach());
        const loss = masked.logsumexp(1).sum().add(masked.logSoftmax(1).index(':', 0).nanToNum().sum());
        loss.backward();
        s.note('loss', loss.itemSync());
        if (x.grad !== null) s.note('grad', x.grad);
        s.note('norm', x.detach().mul(1e18).norm().itemSync());
        s.note('var', x.detach().add(1e6).var(1));
      },
    };
  },
};

const logSpace: Program = {
  name: 'log-space',
  about: 'a hidden Markov model: the likelihood by the forward algorithm in logarithms, and its gradient',
  steps: { quick: 4, full: 30 },
  start(s) {
    const [batch, states, length] = [s.pick(3, 64), s.pick(4, 32), s.pick(5, 40)];
    const parameters = {
      initial: s.values(1, [states], 3).requiresGrad_(),
      transition: s.values(2, [states, states], 3).requiresGrad_(),
      emission: s.values(3, [states, 20], 3).requiresGrad_(),
    };
    const optimizer = new optim.Adam(Object.values(parameters), { lr: 0.01 });
    const train = s.compile((seen: Tensor) => {
      const initial = parameters.initial.logSoftmax(0);
      const transition = parameters.transition.logSoftmax(1);
      const emission = parameters.emission.logSoftmax(1).t();
      let alpha = initial.add(emission.index(seen.index(':', 0)));
      for (let t = 1; t < length; t++)
        alpha = alpha
          .unsqueeze(2)
          .add(transition)
          .logsumexp(1)
          .add(emission.index(seen.index(':', t)));
      const loss = alpha.logsumexp(1).mean().neg();
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });
    return {
      step(i) {
        s.note('loss', train(s.classes(i, [batch, length], 20)).itemSync());
      },
      finish() {
        s.note(
          'rows',
          stack(
            parameters.transition
              .detach()
              .softmax(1)
              .unbind()
              .map((row) => row.sum()),
          ),
        );
        for (const [name, p] of Object.entries(parameters)) s.note(name, p.detach());
      },
    };
  },
  compiles: true,
};

export const numbers: readonly Program[] = [mixedWidths, integers, chance, standardised, extremes, logSpace];
