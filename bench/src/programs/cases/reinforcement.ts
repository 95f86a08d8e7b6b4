/** Reinforcement learning: replay, sampled actions, targets that lag behind. */
import {
  arange,
  cat,
  functional as F,
  maximum,
  minimum,
  nn,
  noGrad,
  optim,
  searchsorted,
  stack,
  type Tensor,
  tensor,
  where,
  zeros,
  zerosLike,
} from 'hadal';
import { mlp } from '../nets.js';
import type { Program } from '../program.js';
import type { Session } from '../session.js';

/** Many equal environments: a state is pushed by what each action stands for. */
class Swarm {
  readonly drift: Tensor;
  readonly pushes: Tensor;
  state: Tensor;

  constructor(s: Session, count: number, features: number, actions: number) {
    this.drift = s.values(700, [features, features], 0.4);
    this.pushes = s.values(701, [actions, features]);
    this.state = s.values(702, [count, features]);
  }

  step(action: Tensor): { readonly reward: Tensor; readonly done: Tensor } {
    const state = this.state.matmul(this.drift).add(this.pushes.index(action)).tanh();
    const reward = state.square().mean(1).neg().add(1);
    const done = state.index(':', 0).gt(0.8);
    this.state = where(done.unsqueeze(1), zerosLike(state), state);
    return { reward, done };
  }
}

/** The first action whose cumulated probability exceeds a draw from [0, 1). */
function sample(probabilities: Tensor, draws: Tensor): Tensor {
  return probabilities
    .cumsum(1)
    .lt(draws)
    .sum(1)
    .clamp({ max: probabilities.shape[1] - 1 });
}

const deepQ: Program = {
  name: 'deep-q',
  about: 'a ring of transitions written in place, targets from a network that follows slowly',
  steps: { quick: 6, full: 60 },
  start(s) {
    const [batch, width, count, capacity] = [
      s.pick(6, 256),
      s.pick(16, 256),
      s.pick(3, 32),
      s.pick(10, 4096),
    ];
    const [features, actions] = [8, 4];
    const sizes = [features, width, width, actions];
    const online = s.fill(mlp(sizes));
    const target = mlp(sizes);
    target.loadStateDict(online.stateDict());
    const optimizer = new optim.Adam(online.parameters(), { lr: 1e-3 });
    const swarm = new Swarm(s, count, features, actions);
    const [states, followers] = [zeros([capacity, features]), zeros([capacity, features])];
    const chosen = zeros([capacity], { dtype: 'int64' });
    const [rewards, dones] = [zeros([capacity]), zeros([capacity], { dtype: 'bool' })];
    let written = 0;
    return {
      step(i) {
        noGrad(() => {
          const explore = s.values(10 * i, [count]).lt(0.2);
          const action = where(
            explore,
            s.classes(10 * i + 1, [count], actions),
            online.forward(swarm.state).argmax(1),
          );
          const places = arange(count).add(written).remainder(capacity);
          states.setIndex(swarm.state, places);
          const { reward, done } = swarm.step(action);
          chosen.setIndex(action, places);
          rewards.setIndex(reward, places);
          dones.setIndex(done, places);
          followers.setIndex(swarm.state, places);
        });
        written += count;
        const picked = s.classes(10 * i + 2, [batch], Math.min(written, capacity));
        const wanted = noGrad(() => {
          const best = target.forward(followers.index(picked)).max(1).values;
          return rewards.index(picked).add(best.mul(0.99).mul(dones.index(picked).logicalNot()));
        });
        const q = online
          .forward(states.index(picked))
          .gather(1, chosen.index(picked).unsqueeze(1))
          .squeeze(1);
        const loss = F.smoothL1Loss(q, wanted);
        optimizer.zeroGrad();
        loss.backward();
        nn.utils.clipGradNorm_(online.parameters(), 1);
        optimizer.step();
        noGrad(() => {
          const followed = [...target.parameters()];
          for (const [k, p] of [...online.parameters()].entries())
            followed[k].mul_(0.99).add_(p, { alpha: 0.01 });
        });
        s.note('loss', loss.itemSync());
        s.note('q', q.mean().itemSync());
      },
      finish() {
        s.note('rewards', rewards);
        s.noteParameters('online', online);
        s.noteParameters('target', target);
      },
    };
  },
};

const prioritizedReplay: Program = {
  name: 'prioritized-replay',
  about: 'places drawn in proportion to priorities that are written back; double Q-learning',
  steps: { quick: 7, full: 60 },
  start(s) {
    const [batch, width, capacity] = [s.pick(5, 128), s.pick(16, 256), s.pick(24, 8192)];
    const [features, actions] = [8, 4];
    const online = s.fill(mlp([features, width, width, actions]));
    const target = s.fill(mlp([features, width, width, actions]), 50);
    const optimizer = new optim.RMSprop(online.parameters(), { lr: 1e-3 });
    const [states, followers] = [s.values(1, [capacity, features]), s.values(2, [capacity, features])];
    const [chosen, rewards] = [s.classes(3, [capacity], actions), s.values(4, [capacity])];
    const priorities = zeros([capacity]).add(1);
    const train = s.compile((draws: Tensor) => {
      const weights = priorities.pow(0.6);
      const cumulated = weights.cumsum(0);
      const picked = searchsorted(cumulated, draws.mul(cumulated.index(-1))).clamp({ max: capacity - 1 });
      const importance = weights.index(picked).mul(capacity).div(cumulated.index(-1)).pow(-0.4);
      importance.div_(importance.max());
      const wanted = noGrad(() => {
        const best = online.forward(followers.index(picked)).argmax(1, { keepdim: true });
        const value = target.forward(followers.index(picked)).gather(1, best).squeeze(1);
        return rewards.index(picked).add(value.mul(0.95));
      });
      const q = online
        .forward(states.index(picked))
        .gather(1, chosen.index(picked).index(':', null))
        .index(':', 0);
      const error = wanted.sub(q);
      const loss = importance.mul(error.pow(2)).mean();
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      priorities.setIndex(error.detach().abs().add(1e-2), picked);
      return loss;
    });
    return {
      step(i) {
        if (i % 5 === 0) target.loadStateDict(online.stateDict());
        s.note('loss', train(s.values(i + 100, [batch]).abs()).itemSync());
      },
      finish() {
        s.note('priorities', priorities);
        s.noteParameters('online', online);
      },
    };
  },
  compiles: true,
};

const policyGradient: Program = {
  name: 'policy-gradient',
  about: 'one pole in plain numbers: an action is read in every step, returns by a loop backwards',
  steps: { quick: 5, full: 40 },
  start(s) {
    const [width, longest] = [s.pick(16, 64), s.pick(8, 100)];
    const policy = s.fill(mlp([4, width, 2]));
    const optimizer = new optim.Adam(policy.parameters(), { lr: 1e-2 });
    return {
      step(i) {
        const draws = s.values(i, [longest]).abs().dataSync();
        let [position, speed, angle, turn] = [0, 0, 0.02 * ((i % 5) - 2), 0];
        const logs: Tensor[] = [];
        const rewards: number[] = [];
        for (let t = 0; t < longest; t++) {
          const logits = policy.forward(tensor([position, speed, angle, turn]));
          const logp = F.logSoftmax(logits, 0);
          const action = draws[t] < Number(logp.index(0).exp().itemSync()) ? 0 : 1;
          logs.push(logp.index(action));
          const force = action === 1 ? 10 : -10;
          const push = (force + 0.05 * turn * turn * angle) / 1.1;
          const spin = (9.8 * angle - push) / 0.62;
          [position, speed] = [position + 0.02 * speed, speed + 0.02 * (push - 0.045 * spin)];
          [angle, turn] = [angle + 0.02 * turn, turn + 0.02 * spin];
          rewards.push(1);
          if (Math.abs(angle) > 0.25 || Math.abs(position) > 2.4) break;
        }
        const sums: number[] = [];
        let total = 0;
        for (const r of rewards.toReversed()) {
          total = r + 0.99 * total;
          sums.unshift(total);
        }
        let returns = tensor(sums);
        returns = returns.sub(returns.mean()).div(returns.std().add(1e-8));
        const loss = stack(logs).mul(returns).sum().neg();
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        s.note('length', rewards.length);
        s.note('loss', loss.itemSync());
      },
      finish: () => s.noteParameters('policy', policy),
    };
  },
};

class TwoHeads extends nn.Module<[x: Tensor], readonly [logits: Tensor, value: Tensor]> {
  readonly trunk: nn.Sequential;
  readonly policy: nn.Linear;
  readonly value: nn.Linear;

  constructor(features: number, width: number, actions: number) {
    super();
    this.trunk = mlp([features, width, width]);
    this.policy = new nn.Linear(width, actions);
    this.value = new nn.Linear(width, 1);
  }

  override forward(x: Tensor): readonly [Tensor, Tensor] {
    const h = this.trunk.forward(x).tanh();
    return [this.policy.forward(h), this.value.forward(h).squeeze(-1)];
  }
}

const actorCritic: Program = {
  name: 'actor-critic',
  about: 'gradients through steps of many environments; advantages, detached; a bonus for entropy',
  steps: { quick: 5, full: 20 },
  start(s) {
    const [count, steps, width] = [s.pick(3, 32), s.pick(4, 20), s.pick(16, 128)];
    const [features, actions] = [8, 5];
    const net = s.fill(new TwoHeads(features, width, actions));
    const optimizer = new optim.RMSprop(net.parameters(), { lr: 7e-4, eps: 1e-5 });
    const swarm = new Swarm(s, count, features, actions);
    return {
      step(i) {
        const draws = s.values(i, [steps, count, 1]).abs();
        const logs: Tensor[] = [];
        const values: Tensor[] = [];
        const entropies: Tensor[] = [];
        const rewards: Tensor[] = [];
        const alive: Tensor[] = [];
        for (let t = 0; t < steps; t++) {
          const [logits, value] = net.forward(swarm.state);
          const logp = F.logSoftmax(logits, -1);
          const p = logp.exp();
          const action = sample(p.detach(), draws.index(t));
          const { reward, done } = swarm.step(action);
          logs.push(logp.gather(1, action.unsqueeze(1)).squeeze(1));
          values.push(value);
          entropies.push(p.mul(logp).sum(-1).neg());
          rewards.push(reward);
          alive.push(done.logicalNot().float());
        }
        let [, total] = noGrad(() => net.forward(swarm.state));
        const returns: Tensor[] = [];
        for (let t = steps - 1; t >= 0; t--) {
          total = rewards[t].add(total.mul(0.99).mul(alive[t]));
          returns.unshift(total);
        }
        const advantage = stack(returns).sub(stack(values));
        const actor = stack(logs).mul(advantage.detach()).mean().neg();
        const critic = advantage.pow(2).mean();
        const loss = actor.add(critic.mul(0.5)).sub(stack(entropies).mean().mul(0.01));
        optimizer.zeroGrad();
        loss.backward();
        nn.utils.clipGradNorm_(net.parameters(), 0.5);
        optimizer.step();
        s.note('actor', actor.itemSync());
        s.note('critic', critic.itemSync());
      },
      finish: () => s.noteParameters('net', net),
    };
  },
};

const proximalPolicy: Program = {
  name: 'proximal-policy',
  about: 'steps written into slices of tensors, then several epochs over shuffled pieces with clipped ratios',
  steps: { quick: 4, full: 20 },
  start(s) {
    const [count, steps, width] = [s.pick(2, 16), s.pick(4, 32), s.pick(16, 128)];
    const [features, actions, epochs, pieces] = [8, 5, s.pick(2, 4), s.pick(2, 4)];
    const net = s.fill(new TwoHeads(features, width, actions));
    const optimizer = new optim.Adam(net.parameters(), { lr: 3e-4, eps: 1e-5 });
    const swarm = new Swarm(s, count, features, actions);
    const update = s.compile(
      (obs: Tensor, action: Tensor, old: Tensor, gained: Tensor, returns: Tensor, oldValue: Tensor) => {
        const [logits, value] = net.forward(obs);
        const logp = F.logSoftmax(logits, 1);
        const chosen = logp.gather(1, action.unsqueeze(1)).squeeze(1);
        const advantage = gained.sub(gained.mean()).div(gained.std().add(1e-8));
        const ratio = chosen.sub(old).exp();
        const gain = minimum(ratio.mul(advantage), ratio.clamp(0.8, 1.2).mul(advantage)).mean();
        const near = oldValue.add(value.sub(oldValue).clamp(-0.2, 0.2));
        const fit = maximum(value.sub(returns).pow(2), near.sub(returns).pow(2)).mean().mul(0.5);
        const entropy = logp.exp().mul(logp).sum(1).mean().neg();
        const loss = fit.mul(0.5).sub(gain).sub(entropy.mul(0.01));
        optimizer.zeroGrad();
        loss.backward();
        nn.utils.clipGradNorm_(net.parameters(), 0.5);
        optimizer.step();
        return [loss, ratio.sub(1).abs().gt(0.2).float().mean()] as const;
      },
    );
    return {
      step(i) {
        const draws = s.values(100 * i, [steps, count, 1]).abs();
        const obs = zeros([steps, count, features]);
        const taken = zeros([steps, count], { dtype: 'int64' });
        const [logs, values] = [zeros([steps, count]), zeros([steps, count])];
        const [rewards, alive] = [zeros([steps, count]), zeros([steps, count])];
        const [advantages, returns] = noGrad(() => {
          for (let t = 0; t < steps; t++) {
            obs.setIndex(swarm.state, t);
            const [logits, value] = net.forward(swarm.state);
            const logp = F.logSoftmax(logits, 1);
            const action = sample(logp.exp(), draws.index(t));
            values.setIndex(value, t);
            taken.setIndex(action, t);
            logs.setIndex(logp.gather(1, action.unsqueeze(1)).squeeze(1), t);
            const { reward, done } = swarm.step(action);
            rewards.setIndex(reward, t);
            alive.setIndex(done.logicalNot(), t);
          }
          const [, following] = net.forward(swarm.state);
          const advantages = zeros([steps, count]);
          let last = zeros([count]);
          for (let t = steps - 1; t >= 0; t--) {
            const after = t === steps - 1 ? following : values.index(t + 1);
            const delta = rewards
              .index(t)
              .add(after.mul(0.99).mul(alive.index(t)))
              .sub(values.index(t));
            last = delta.add(
              alive
                .index(t)
                .mul(0.99 * 0.95)
                .mul(last),
            );
            advantages.setIndex(last, t);
          }
          return [advantages, advantages.add(values)];
        });
        const flat = [obs, taken, logs, advantages, returns, values].map((x) => x.flatten(0, 1));
        let result: readonly Tensor[] = [];
        for (let epoch = 0; epoch < epochs; epoch++) {
          const order = s.values(100 * i + epoch + 1, [steps * count]).argsort();
          for (const picked of order.chunk(pieces)) {
            const [o, a, l, g, r, v] = flat.map((x) => x.index(picked));
            result = update(o, a, l, g, r, v);
          }
        }
        s.note('loss', result[0].itemSync());
        s.note('clipped', result[1].itemSync());
      },
      finish: () => s.noteParameters('net', net),
    };
  },
  compiles: true,
};

const softActorCritic: Program = {
  name: 'soft-actor-critic',
  about: 'three optimizers, two critics that are frozen while the actor learns, a learned temperature',
  steps: { quick: 5, full: 20 },
  start(s) {
    const [batch, width, features, actions] = [s.pick(5, 256), s.pick(16, 256), 17, 6];
    const actor = s.fill(mlp([features, width, width, 2 * actions]), 0);
    const critic = () => mlp([features + actions, width, width, 1]);
    const critics = new nn.ModuleList([s.fill(critic(), 20), s.fill(critic(), 21)]);
    const lagging = new nn.ModuleList([critic(), critic()]).requiresGrad_(false);
    lagging.loadStateDict(critics.stateDict());
    const logAlpha = zeros([1]).requiresGrad_();
    const ofActor = new optim.Adam(actor.parameters(), { lr: 3e-4 });
    const ofCritics = new optim.Adam(critics.parameters(), { lr: 3e-4 });
    const ofAlpha = new optim.Adam([logAlpha], { lr: 3e-4 });

    function act(obs: Tensor, noise: Tensor): [action: Tensor, logp: Tensor] {
      const [mean, wide] = actor.forward(obs).chunk(2, -1);
      const logStd = wide.clamp(-20, 2);
      const raw = mean.add(logStd.exp().mul(noise));
      const normal = noise
        .pow(2)
        .mul(-0.5)
        .sub(logStd)
        .sub(0.5 * Math.log(2 * Math.PI))
        .sum(-1);
      const squashed = raw
        .add(F.softplus(raw.mul(-2)))
        .neg()
        .add(Math.log(2))
        .mul(2)
        .sum(-1);
      return [raw.tanh(), normal.sub(squashed)];
    }

    function value(pair: nn.ModuleList, obs: Tensor, action: Tensor): [Tensor, Tensor] {
      const x = cat([obs, action], -1);
      return [pair.at(0).forward(x).squeeze(-1), pair.at(1).forward(x).squeeze(-1)];
    }

    const train = s.compile(
      (
        obs: Tensor,
        action: Tensor,
        reward: Tensor,
        after: Tensor,
        done: Tensor,
        noise: Tensor,
        fresh: Tensor,
      ) => {
        const wanted = noGrad(() => {
          const [following, logp] = act(after, noise);
          const q = minimum(...value(lagging, after, following)).sub(logAlpha.exp().mul(logp));
          return reward.add(done.neg().add(1).mul(0.99).mul(q));
        });
        const criticLoss = value(critics, obs, action)
          .map((q) => F.mseLoss(q, wanted))
          .reduce((a, b) => a.add(b));
        ofCritics.zeroGrad();
        criticLoss.backward();
        ofCritics.step();
        critics.requiresGrad_(false);
        const [chosen, logp] = act(obs, fresh);
        const actorLoss = logAlpha
          .exp()
          .detach()
          .mul(logp)
          .sub(minimum(...value(critics, obs, chosen)))
          .mean();
        ofActor.zeroGrad();
        actorLoss.backward();
        ofActor.step();
        critics.requiresGrad_();
        const alphaLoss = logAlpha.mul(logp.detach().sub(actions)).mean().neg();
        ofAlpha.zeroGrad();
        alphaLoss.backward();
        ofAlpha.step();
        noGrad(() => {
          const slow = [...lagging.parameters()];
          for (const [k, p] of [...critics.parameters()].entries()) slow[k].lerp_(p, 0.005);
        });
        return [criticLoss, actorLoss] as const;
      },
    );
    return {
      step(i) {
        const [obs, after] = [s.values(10 * i, [batch, features]), s.values(10 * i + 1, [batch, features])];
        const [action, reward] = [s.values(10 * i + 2, [batch, actions]), s.values(10 * i + 3, [batch])];
        const done = s
          .values(10 * i + 4, [batch])
          .gt(0.9)
          .float();
        const noise = s.values(10 * i + 5, [batch, actions], 2);
        const fresh = s.values(10 * i + 6, [batch, actions], 2);
        const [criticLoss, actorLoss] = train(obs, action, reward, after, done, noise, fresh);
        s.note('critic', criticLoss.itemSync());
        s.note('actor', actorLoss.itemSync());
      },
      finish() {
        s.note('alpha', logAlpha.detach());
        s.noteParameters('actor', actor);
        s.noteParameters('lagging', lagging);
      },
    };
  },
  compiles: true,
};

export const reinforcement: readonly Program[] = [
  deepQ,
  prioritizedReplay,
  policyGradient,
  actorCritic,
  proximalPolicy,
  softActorCritic,
];
