/**
 * A recurrent step over a sequence, as `scan` runs it. What the step is depends on the shapes and dtypes of its operands only, so it is
 * traced once for each of these, which is a third of the time of a call.
 */
import type { Value } from '../../autograd/value.js';
import type { Region } from '../../graph/regions/region.js';
import { Tensor } from '../../tensor/index.js';
import type { HiddenWeights, RecurrentStep } from './recurrent-steps.js';

const regions = new WeakMap<RecurrentStep, Map<string, Region>>();

interface Sequence {
  /** [L, N, gates * hidden] */
  readonly input: Tensor;
  /** [N, hidden] each, the hidden state first */
  readonly initial: readonly Tensor[];
  readonly weights: HiddenWeights;
  readonly reverse: boolean;
}

/** @returns the hidden states of all steps, [L, N, hidden], and the last state. */
export function runSteps(
  step: RecurrentStep,
  { input, initial, weights, reverse }: Sequence,
): [outputs: Tensor, last: readonly Tensor[]] {
  const space = input.workspace;
  const own = [...initial, input].map((t) => t.value);
  const outside = (weights.bias === null ? [weights.weight] : [weights.weight, weights.bias]).map(
    (t) => t.value,
  );
  const types = own.map(({ shape, dtype }, i) => ({
    shape: i < initial.length ? shape : shape.slice(1),
    dtype,
  }));
  // How many steps there are is no part of what a step is.
  const key = [...types, ...outside].map(({ shape, dtype }) => `${dtype}[${shape.join()}]`).join();
  let known = regions.get(step);
  if (known === undefined) {
    known = new Map();
    regions.set(step, known);
  }
  const have = known.get(key);
  const { region, invariants } = have === undefined ? traced() : { region: have, invariants: outside };
  // Weights that are views of others are taken into the region as views, which another call's need not be.
  if (invariants.length === outside.length && invariants.every((v, i) => v.node === outside[i].node))
    known.set(key, region);
  const dims = { region, length: input.shape[0], reverse };
  const results = space.ops.scan(dims, [...own, ...invariants]).map((v) => Tensor.of(space, v));
  return [results[initial.length], results.slice(0, initial.length)];

  function traced(): { readonly region: Region; readonly invariants: readonly Value[] } {
    return space.ops.traceRegion(types, initial.length, (parameters) => {
      const tensors = parameters.map((v) => Tensor.of(space, v));
      const next = step(tensors[initial.length], tensors.slice(0, initial.length), weights);
      return [...next, next[0]].map((t) => t.value);
    });
  }
}
