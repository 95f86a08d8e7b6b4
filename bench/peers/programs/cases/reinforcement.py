"""Reinforcement learning: replay, sampled actions, targets that lag behind."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from nets import mlp


class Swarm:
    """Many equal environments: a state is pushed by what each action stands for."""

    def __init__(self, s, count, features, actions):
        self.drift = s.values(700, [features, features], 0.4)
        self.pushes = s.values(701, [actions, features])
        self.state = s.values(702, [count, features])

    def step(self, action):
        self.state = torch.tanh(self.state @ self.drift + self.pushes[action])
        reward = 1 - self.state.square().mean(1)
        done = self.state[:, 0] > 0.8
        self.state = torch.where(done.unsqueeze(1), torch.zeros_like(self.state), self.state)
        return reward, done


def sample(probabilities, draws):
    """The first action whose cumulated probability exceeds a draw from [0, 1)."""
    return (probabilities.cumsum(1) < draws).sum(1).clamp(max=probabilities.shape[1] - 1)


def deep_q(s):
    batch, width, count, capacity, features, actions = s.pick(6, 256), s.pick(16, 256), s.pick(3, 32), s.pick(10, 4096), 8, 4
    online = s.fill(mlp([features, width, width, actions]))
    target = copy.deepcopy(online)
    optimizer = torch.optim.Adam(online.parameters(), lr=1e-3)
    swarm = Swarm(s, count, features, actions)
    states, followers = torch.zeros(capacity, features), torch.zeros(capacity, features)
    chosen = torch.zeros(capacity, dtype=torch.int64)
    rewards, dones = torch.zeros(capacity), torch.zeros(capacity, dtype=torch.bool)
    written = 0

    def step(i):
        nonlocal written
        with torch.no_grad():
            explore = s.values(10 * i, [count]) < 0.2
            action = torch.where(explore, s.classes(10 * i + 1, [count], actions), online(swarm.state).argmax(1))
            places = (torch.arange(count) + written) % capacity
            states[places] = swarm.state
            reward, done = swarm.step(action)
            chosen[places], rewards[places], dones[places], followers[places] = action, reward, done, swarm.state
        written += count
        picked = s.classes(10 * i + 2, [batch], min(written, capacity))
        with torch.no_grad():
            best = target(followers[picked]).max(1).values
            wanted = rewards[picked] + 0.99 * best * (~dones[picked])
        q = online(states[picked]).gather(1, chosen[picked].unsqueeze(1)).squeeze(1)
        loss = F.smooth_l1_loss(q, wanted)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(online.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            for p, lagging in zip(online.parameters(), target.parameters()):
                lagging.mul_(0.99).add_(p, alpha=0.01)
        s.note("loss", loss.item())
        s.note("q", q.mean().item())

    def finish():
        s.note("rewards", rewards)
        s.note_parameters("online", online)
        s.note_parameters("target", target)

    return step, finish


def prioritized_replay(s):
    batch, width, capacity, features, actions = s.pick(5, 128), s.pick(16, 256), s.pick(24, 8192), 8, 4
    online = s.fill(mlp([features, width, width, actions]))
    target = s.fill(mlp([features, width, width, actions]), 50)
    optimizer = torch.optim.RMSprop(online.parameters(), lr=1e-3)
    states, followers = s.values(1, [capacity, features]), s.values(2, [capacity, features])
    chosen, rewards = s.classes(3, [capacity], actions), s.values(4, [capacity])
    priorities = torch.ones(capacity)

    def step(i):
        if i % 5 == 0:
            target.load_state_dict(online.state_dict())
        weights = priorities**0.6
        cumulated = weights.cumsum(0)
        picked = torch.searchsorted(cumulated, s.values(i + 100, [batch]).abs() * cumulated[-1]).clamp(max=capacity - 1)
        importance = (capacity * weights[picked] / cumulated[-1]) ** -0.4
        importance /= importance.max()
        with torch.no_grad():
            best = online(followers[picked]).argmax(1, keepdim=True)
            wanted = rewards[picked] + 0.95 * target(followers[picked]).gather(1, best).squeeze(1)
        q = online(states[picked]).gather(1, chosen[picked][:, None])[:, 0]
        error = wanted - q
        loss = (importance * error**2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        priorities[picked] = error.detach().abs() + 1e-2
        s.note("loss", loss.item())

    def finish():
        s.note("priorities", priorities)
        s.note_parameters("online", online)

    return step, finish


def policy_gradient(s):
    width, longest = s.pick(16, 64), s.pick(8, 100)
    policy = s.fill(mlp([4, width, 2]))
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)

    def step(i):
        draws = s.values(i, [longest]).abs().tolist()
        position, speed, angle, turn = 0.0, 0.0, 0.02 * (i % 5 - 2), 0.0
        logs, rewards = [], []
        for t in range(longest):
            logits = policy(torch.tensor([position, speed, angle, turn]))
            logp = F.log_softmax(logits, dim=0)
            action = 0 if draws[t] < logp[0].exp().item() else 1
            logs.append(logp[action])
            force = 10.0 if action == 1 else -10.0
            push = (force + 0.05 * turn * turn * angle) / 1.1
            spin = (9.8 * angle - push) / 0.62
            position, speed = position + 0.02 * speed, speed + 0.02 * (push - 0.045 * spin)
            angle, turn = angle + 0.02 * turn, turn + 0.02 * spin
            rewards.append(1.0)
            if abs(angle) > 0.25 or abs(position) > 2.4:
                break
        returns, total = [], 0.0
        for r in reversed(rewards):
            total = r + 0.99 * total
            returns.insert(0, total)
        returns = torch.tensor(returns)
        returns = (returns - returns.mean()) / (returns.std() + 1e-8)
        loss = -(torch.stack(logs) * returns).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("length", len(rewards))
        s.note("loss", loss.item())

    return step, lambda: s.note_parameters("policy", policy)


class TwoHeads(nn.Module):
    def __init__(self, features, width, actions):
        super().__init__()
        self.trunk = mlp([features, width, width])
        self.policy = nn.Linear(width, actions)
        self.value = nn.Linear(width, 1)

    def forward(self, x):
        h = torch.tanh(self.trunk(x))
        return self.policy(h), self.value(h).squeeze(-1)


def actor_critic(s):
    count, steps, width, features, actions = s.pick(3, 32), s.pick(4, 20), s.pick(16, 128), 8, 5
    net = s.fill(TwoHeads(features, width, actions))
    optimizer = torch.optim.RMSprop(net.parameters(), lr=7e-4, eps=1e-5)
    swarm = Swarm(s, count, features, actions)

    def step(i):
        draws = s.values(i, [steps, count, 1]).abs()
        logs, values, entropies, rewards, alive = [], [], [], [], []
        for t in range(steps):
            logits, value = net(swarm.state)
            logp = F.log_softmax(logits, dim=-1)
            p = logp.exp()
            action = sample(p.detach(), draws[t])
            reward, done = swarm.step(action)
            logs.append(logp.gather(1, action.unsqueeze(1)).squeeze(1))
            values.append(value)
            entropies.append(-(p * logp).sum(-1))
            rewards.append(reward)
            alive.append(1.0 - done.float())
        with torch.no_grad():
            total = net(swarm.state)[1]
        returns = [None] * steps
        for t in reversed(range(steps)):
            total = rewards[t] + 0.99 * total * alive[t]
            returns[t] = total
        returns, values = torch.stack(returns), torch.stack(values)
        advantage = returns - values
        actor = -(torch.stack(logs) * advantage.detach()).mean()
        critic = advantage.pow(2).mean()
        loss = actor + 0.5 * critic - 0.01 * torch.stack(entropies).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()
        s.note("actor", actor.item())
        s.note("critic", critic.item())

    return step, lambda: s.note_parameters("net", net)


def proximal_policy(s):
    count, steps, width, features, actions = s.pick(2, 16), s.pick(4, 32), s.pick(16, 128), 8, 5
    epochs, pieces = s.pick(2, 4), s.pick(2, 4)
    net = s.fill(TwoHeads(features, width, actions))
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-4, eps=1e-5)
    swarm = Swarm(s, count, features, actions)

    def update(obs, action, old_logp, advantage, returns, old_value):
        logits, value = net(obs)
        logp = F.log_softmax(logits, dim=1)
        new_logp = logp.gather(1, action.unsqueeze(1)).squeeze(1)
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        ratio = (new_logp - old_logp).exp()
        gain = torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()
        near = old_value + (value - old_value).clamp(-0.2, 0.2)
        fit = 0.5 * torch.max((value - returns) ** 2, (near - returns) ** 2).mean()
        entropy = -(logp.exp() * logp).sum(1).mean()
        loss = -gain + 0.5 * fit - 0.01 * entropy
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()
        return loss, ((ratio - 1).abs() > 0.2).float().mean()

    def step(i):
        draws = s.values(100 * i, [steps, count, 1]).abs()
        obs, logs, values = torch.zeros(steps, count, features), torch.zeros(steps, count), torch.zeros(steps, count)
        taken = torch.zeros(steps, count, dtype=torch.int64)
        rewards, alive = torch.zeros(steps, count), torch.zeros(steps, count)
        with torch.no_grad():
            for t in range(steps):
                obs[t] = swarm.state
                logits, values[t] = net(swarm.state)
                logp = F.log_softmax(logits, dim=1)
                taken[t] = sample(logp.exp(), draws[t])
                logs[t] = logp.gather(1, taken[t].unsqueeze(1)).squeeze(1)
                rewards[t], done = swarm.step(taken[t])
                alive[t] = (~done).float()
            following = net(swarm.state)[1]
            advantages, last = torch.zeros(steps, count), torch.zeros(count)
            for t in reversed(range(steps)):
                after = following if t == steps - 1 else values[t + 1]
                delta = rewards[t] + 0.99 * after * alive[t] - values[t]
                last = delta + 0.99 * 0.95 * alive[t] * last
                advantages[t] = last
            returns = advantages + values
        flat = [x.flatten(0, 1) for x in (obs, taken, logs, advantages, returns, values)]
        for epoch in range(epochs):
            order = s.values(100 * i + epoch + 1, [steps * count]).argsort()
            for picked in order.chunk(pieces):
                loss, clipped = update(*[x[picked] for x in flat])
        s.note("loss", loss.item())
        s.note("clipped", clipped.item())

    return step, lambda: s.note_parameters("net", net)


def soft_actor_critic(s):
    batch, width, features, actions = s.pick(5, 256), s.pick(16, 256), 17, 6
    actor = s.fill(mlp([features, width, width, 2 * actions]), 0)
    critics = nn.ModuleList([s.fill(mlp([features + actions, width, width, 1]), 20 + k) for k in range(2)])
    lagging = copy.deepcopy(critics).requires_grad_(False)
    log_alpha = torch.zeros(1, requires_grad=True)
    of_actor = torch.optim.Adam(actor.parameters(), lr=3e-4)
    of_critics = torch.optim.Adam(critics.parameters(), lr=3e-4)
    of_alpha = torch.optim.Adam([log_alpha], lr=3e-4)

    def act(obs, noise):
        mean, log_std = actor(obs).chunk(2, dim=-1)
        log_std = log_std.clamp(-20, 2)
        raw = mean + log_std.exp() * noise
        action = torch.tanh(raw)
        logp = (-0.5 * noise**2 - log_std - 0.5 * math.log(2 * math.pi)).sum(-1)
        logp = logp - (2 * (math.log(2) - raw - F.softplus(-2 * raw))).sum(-1)
        return action, logp

    def value(pair, obs, action):
        x = torch.cat([obs, action], dim=-1)
        return [c(x).squeeze(-1) for c in pair]

    def train(obs, action, reward, after, done, noise, fresh):
        with torch.no_grad():
            following, logp = act(after, noise)
            q = torch.min(*value(lagging, after, following)) - log_alpha.exp() * logp
            wanted = reward + 0.99 * (1 - done) * q
        critic_loss = sum(F.mse_loss(q, wanted) for q in value(critics, obs, action))
        of_critics.zero_grad()
        critic_loss.backward()
        of_critics.step()
        for p in critics.parameters():
            p.requires_grad = False
        chosen, logp = act(obs, fresh)
        actor_loss = (log_alpha.exp().detach() * logp - torch.min(*value(critics, obs, chosen))).mean()
        of_actor.zero_grad()
        actor_loss.backward()
        of_actor.step()
        for p in critics.parameters():
            p.requires_grad = True
        alpha_loss = -(log_alpha * (logp.detach() - actions)).mean()
        of_alpha.zero_grad()
        alpha_loss.backward()
        of_alpha.step()
        with torch.no_grad():
            for p, slow in zip(critics.parameters(), lagging.parameters()):
                slow.lerp_(p, 0.005)
        return critic_loss, actor_loss

    def step(i):
        obs, after = s.values(10 * i, [batch, features]), s.values(10 * i + 1, [batch, features])
        action, reward = s.values(10 * i + 2, [batch, actions]), s.values(10 * i + 3, [batch])
        done = (s.values(10 * i + 4, [batch]) > 0.9).float()
        noise, fresh = s.values(10 * i + 5, [batch, actions], 2), s.values(10 * i + 6, [batch, actions], 2)
        critic_loss, actor_loss = train(obs, action, reward, after, done, noise, fresh)
        s.note("critic", critic_loss.item())
        s.note("actor", actor_loss.item())

    def finish():
        s.note("alpha", log_alpha)
        s.note_parameters("actor", actor)
        s.note_parameters("lagging", lagging)

    return step, finish
