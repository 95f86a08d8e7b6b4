/** The scenarios of scripts/fixtures/autograd.py, on every engine, against what PyTorch gives. */
import { describe, expect, test } from 'vitest';
import { autograd, HadalError, noGrad, ones, type Tensor, tensor } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';
import { readFixture } from '../support/fixtures.js';

type Values = { readonly [name: string]: Tensor | number | null };

interface Case {
  readonly name: string;
  readonly values?: { readonly [name: string]: readonly number[] | null };
  readonly error?: string;
}

const leaf = (...data: number[]): Tensor => tensor(data, { requiresGrad: true });
const plain = (...data: number[]): Tensor => tensor(data);
const weights = (n = 3): Tensor => tensor([1, -2, 0.5, 3].slice(0, n));
const rest = { start: 1, end: 3 } as const;
const tail = (t: Tensor): Tensor => t.narrow(0, rest.start, rest.end - rest.start);

class Scaled extends autograd.Function {
  static forward(
    ctx: autograd.Context<{ scale: number }>,
    x: Tensor,
    scale: number,
    w: Tensor,
  ): [Tensor, Tensor] {
    ctx.scale = scale;
    ctx.saveForBackward(x, w);
    return [x.mul(w).mul(scale), x.add(w)];
  }
  static backward(
    ctx: autograd.Context<{ scale: number }>,
    first: Tensor,
    second: Tensor,
  ): (Tensor | null)[] {
    const [x, w] = ctx.savedTensors;
    return [first.mul(w).mul(ctx.scale).add(second), null, first.mul(x).mul(ctx.scale).add(second)];
  }
}

class Doubled extends autograd.Function {
  static forward(ctx: autograd.Context, x: Tensor): Tensor {
    ctx.markDirty(x);
    return x.mul_(2);
  }
  static backward(_: autograd.Context, grad: Tensor): Tensor {
    return grad.mul(2);
  }
}

class Broadcasting extends autograd.Function {
  static forward(_: autograd.Context, x: Tensor, b: Tensor): Tensor {
    return x.add(b);
  }
  static backward(_: autograd.Context, grad: Tensor): Tensor[] {
    return [grad, grad];
  }
}

const scenarios: { readonly [name: string]: () => Values } = {
  retain_grad() {
    const x = leaf(1, 2, 3);
    const y = x.mul(3).retainGrad();
    y.mul(y).mul(weights()).sum().backward();
    return { y: y.grad, x: x.grad };
  },
  retain_grad_twice_accumulates() {
    const x = leaf(1, 2, 3);
    const y = x.mul(3).retainGrad();
    const z = y.mul(y).sum();
    z.backward(null, { retainGraph: true });
    z.backward();
    return { y: y.grad, x: x.grad };
  },
  retain_grad_before_in_place() {
    const x = leaf(1, 2, 3);
    const y = x.mul(3).retainGrad();
    y.mul_(2);
    y.mul(weights()).sum().backward();
    return { y: y.grad, x: x.grad };
  },
  retain_grad_of_view() {
    const x = leaf(1, 2, 3);
    const v = tail(x.mul(3)).retainGrad();
    v.mul(weights(2)).sum().backward();
    return { v: v.grad, x: x.grad };
  },
  retain_grad_of_view_before_in_place() {
    const x = leaf(1, 2, 3);
    const v = tail(x.mul(3)).retainGrad();
    v.mul_(2);
    v.mul(v).mul(weights(2)).sum().backward();
    return { v: v.grad, x: x.grad };
  },
  hook_replaces_and_retained_is_what_hooks_made() {
    const x = leaf(1, 2, 3);
    const y = x.mul(3);
    y.registerHook((g) => g.mul(10));
    y.retainGrad();
    y.registerHook((g) => g.add(1));
    x.registerHook((g) => g.neg());
    y.mul(weights()).sum().backward();
    return { y: y.grad, x: x.grad };
  },
  hook_before_and_after_in_place() {
    const seen: { [name: string]: Tensor } = {};
    const x = leaf(1, 2, 3);
    const y = x.mul(3);
    y.registerHook((g) => {
      seen.before = g;
    });
    y.mul_(4);
    y.registerHook((g) => {
      seen.after = g;
    });
    y.mul(weights()).sum().backward();
    return { ...seen, x: x.grad };
  },
  hook_sees_the_sum_of_all_uses() {
    const seen: Tensor[] = [];
    const x = leaf(1, 2, 3);
    const y = x.mul(3);
    y.registerHook((g) => void seen.push(g));
    y.mul(2).add(y.mul(weights())).sum().backward();
    return { count: seen.length, seen: seen[0], x: x.grad };
  },
  hook_on_leaf_runs_once_on_the_sum() {
    const seen: Tensor[] = [];
    const x = leaf(1, 2, 3);
    x.registerHook((g) => void seen.push(g));
    x.mul(2).add(x.mul(x)).sum().backward();
    return { count: seen.length, seen: seen[0], x: x.grad };
  },
  hook_on_captured_input() {
    const x = leaf(1, 2, 3);
    const y = x.mul(3);
    x.registerHook((g) => g.mul(10));
    y.registerHook((g) => g.add(1));
    const z = y.mul(weights()).sum();
    const [gy] = autograd.grad(z, y, { retainGraph: true });
    const [gx] = autograd.grad(z, x);
    return { gx, gy, x: x.grad };
  },
  post_accumulate_hook_sees_the_new_sum() {
    const seen: Tensor[] = [];
    const x = leaf(1, 2, 3);
    x.registerPostAccumulateGradHook((p) => {
      if (p.grad !== null) seen.push(p.grad.clone());
    });
    x.mul(2).sum().backward();
    x.mul(3).sum().backward();
    return { first: seen[0], second: seen[1], x: x.grad };
  },
  hook_of_the_wrong_shape() {
    const y = leaf(1, 2, 3).mul(3);
    y.registerHook((g) => g.sum());
    y.sum().backward();
    return {};
  },
  hook_without_a_gradient() {
    ones([3]).registerHook((g) => g);
    return {};
  },
  accumulation_is_in_place() {
    const x = leaf(1, 2, 3);
    x.mul(2).sum().backward();
    const held = x.grad;
    x.mul(3).sum().backward();
    return { held, x: x.grad, same: Number(held === x.grad) };
  },
  accumulation_with_create_graph_is_not() {
    const x = leaf(1, 2, 3);
    x.mul(x).sum().backward(null, { createGraph: true });
    const held = x.grad;
    x.mul(x).mul(x).sum().backward(null, { createGraph: true });
    return { held, x: x.grad, requires: Number(x.grad?.requiresGrad) };
  },
  second_backward_through_grad() {
    const x = leaf(1, 2, 3);
    x.mul(x).mul(x).sum().backward(null, { createGraph: true });
    const g = x.grad;
    x.grad = null;
    g?.mul(weights()).sum().backward();
    return { x: x.grad };
  },
  backward_inputs() {
    const [x, w] = [leaf(1, 2, 3), leaf(4, 5, 6)];
    const y = x.mul(w);
    y.mul(y)
      .add(w)
      .backward(weights(), { inputs: [w, y] });
    return { x: x.grad, w: w.grad, y: y.grad };
  },
  grad_of_intermediate() {
    const x = leaf(1, 2, 3);
    const y = x.mul(x);
    const z = y.mul(y).mul(weights()).sum();
    const [gy] = autograd.grad(z, y, { retainGraph: true });
    const [gx] = autograd.grad(z, x);
    return { gy, gx, x: x.grad };
  },
  grad_frees_only_what_it_went_over() {
    const x = leaf(1, 2, 3);
    const y = x.mul(x);
    autograd.grad(y.mul(y).sum(), y);
    y.backward(weights());
    return { x: x.grad };
  },
  grad_unused() {
    const [x, w] = [leaf(1, 2, 3), leaf(1)];
    const [gx, gw] = autograd.grad(x.mul(2).sum(), [x, w], { allowUnused: true });
    const [zero] = autograd.grad(x.mul(2).sum(), [w], { materializeGrads: true });
    return { gx, gw, zero };
  },
  grad_unused_is_an_error() {
    const [x, w] = [leaf(1, 2, 3), leaf(1)];
    autograd.grad(x.mul(2).sum(), [x, w]);
    return {};
  },
  backward_of_several() {
    const x = leaf(1, 2, 3);
    autograd.backward([x.mul(3), x.mul(x).sum()], [weights(), null]);
    return { x: x.grad };
  },
  in_place_on_base_after_view() {
    const x = leaf(1, 2, 3);
    const y = x.mul(3);
    const v = y.narrow(0, 0, 2);
    y.mul_(5);
    v.mul(weights(2)).sum().backward();
    return { x: x.grad };
  },
  in_place_on_view_changes_base() {
    const [x, w] = [leaf(1, 2, 3), leaf(2, 4)];
    const y = x.mul(3);
    tail(y).mul_(w);
    y.mul(weights()).sum().backward();
    return { y, x: x.grad, w: w.grad };
  },
  in_place_copy_cuts_the_gradient() {
    const [x, w] = [leaf(1, 2, 3), leaf(2, 4)];
    const y = x.mul(3);
    tail(y).copy_(w);
    y.mul(y).sum().backward();
    return { x: x.grad, w: w.grad };
  },
  in_place_on_saved_result() {
    const y = leaf(1, 2, 3).exp();
    y.add_(1);
    y.sum().backward();
    return {};
  },
  in_place_on_saved_operand() {
    const [x, w] = [leaf(1, 2, 3), plain(1, 2, 3)];
    const y = x.mul(w);
    w.add_(1);
    y.sum().backward();
    return {};
  },
  in_place_on_unsaved_operand() {
    const [x, w] = [leaf(1, 2, 3), plain(1, 2, 3)];
    const y = x.add(w);
    w.add_(1);
    y.sum().backward();
    return { x: x.grad };
  },
  in_place_on_leaf() {
    leaf(1, 2, 3).add_(1);
    return {};
  },
  in_place_on_view_of_leaf() {
    tail(leaf(1, 2, 3)).add_(1);
    return {};
  },
  detached_leaf_of_its_own() {
    const x = leaf(1, 2, 3);
    const d = x.detach().requiresGrad_();
    const v = tail(d);
    v.mul(v).sum().backward();
    noGrad(() => d.add_(10));
    return { d: d.grad, x: x.grad, value: x };
  },
  detach_in_place() {
    const x = leaf(1, 2, 3);
    const y = x.mul(3).detach_();
    x.mul(y).sum().backward();
    return { x: x.grad, leaf: Number(y.isLeaf && !y.requiresGrad) };
  },
  detach_in_place_of_view() {
    tail(leaf(1, 2, 3).mul(3)).detach_();
    return {};
  },
  requires_grad_false_on_result() {
    leaf(1, 2, 3).mul(3).requiresGrad_(false);
    return {};
  },
  requires_grad_false_stops_accumulation() {
    const [x, w] = [leaf(1, 2, 3), leaf(4, 5, 6)];
    const y = x.mul(w).sum();
    x.requiresGrad_(false);
    y.backward();
    return { x: x.grad, w: w.grad };
  },
  backward_twice_is_an_error() {
    const x = leaf(1, 2, 3);
    const y = x.mul(x).sum();
    y.backward();
    y.backward();
    return {};
  },
  backward_twice_without_saved_values() {
    const x = leaf(1, 2, 3);
    const y = x.add(1).sum();
    y.backward();
    y.backward();
    return { x: x.grad };
  },
  backward_of_a_vector_is_an_error() {
    leaf(1, 2, 3).mul(2).backward();
    return {};
  },
  backward_without_the_tape_is_an_error() {
    ones([]).backward();
    return {};
  },
  function_of_two_results() {
    const [x, w] = [leaf(1, 2, 3), leaf(4, 5, 6)];
    const [first, second] = Scaled.apply(x, 10, w);
    first.mul(weights()).add(second.mul(second)).sum().backward();
    return { x: x.grad, w: w.grad };
  },
  function_of_one_used_result() {
    const [x, w] = [leaf(1, 2, 3), leaf(4, 5, 6)];
    const [, second] = Scaled.apply(x, 10, w);
    second.mul(weights()).sum().backward();
    return { x: x.grad, w: w.grad };
  },
  function_twice_differentiated() {
    const [x, w] = [leaf(1, 2, 3), leaf(4, 5, 6)];
    const [first, second] = Scaled.apply(x, 10, w);
    const [gx] = autograd.grad(first.mul(first).add(second).sum(), x, { createGraph: true });
    gx.mul(weights()).sum().backward();
    return { x: x.grad, w: w.grad };
  },
  function_with_saved_modified() {
    const [x, w] = [leaf(1, 2, 3), plain(4, 5, 6)];
    const [first] = Scaled.apply(x, 10, w);
    w.add_(1);
    first.sum().backward();
    return {};
  },
  function_in_place() {
    const x = leaf(1, 2, 3);
    const y = x.mul(3);
    const z = Doubled.apply(y);
    y.mul(weights()).add(z).sum().backward();
    return { x: x.grad, y, same: Number(y === z) };
  },
  function_whose_gradient_is_summed() {
    const [x, b] = [leaf(1, 2, 3), leaf(4)];
    Broadcasting.apply(x, b).mul(weights()).sum().backward();
    return { x: x.grad, b: b.grad };
  },
};

function read(v: Tensor | number | null | undefined): number[] | null {
  if (v === null || v === undefined) return null;
  return typeof v === 'number' ? [v] : Array.from(v.dataSync(), Number);
}

const cases = readFixture('autograd') as readonly Case[];

describe('scenarios', () => {
  test('are the same here and in the fixture', () => {
    expect(Object.keys(scenarios)).toEqual(cases.map((c) => c.name));
  });
});

forEachEngine('gradients as in PyTorch', (space) => {
  test.each(cases.map((c) => [c.name.replaceAll('_', ' '), c] as const))('%s', (_, c) => {
    withWorkspace(space, () => {
      if (c.error !== undefined) {
        expect(scenarios[c.name]).toThrow(HadalError);
        return;
      }
      const got = Object.entries(scenarios[c.name]()).map(([k, v]) => [
        k,
        read(v)?.map((x) => x + 0) ?? null,
      ]);
      expect(Object.fromEntries(got)).toEqual(c.values);
    });
  });
});
