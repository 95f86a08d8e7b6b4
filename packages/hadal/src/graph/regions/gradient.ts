/**
 * The gradient of a scan is a scan the other way. Which values its steps need of the forward steps is known when the region is: the
 * forward scan that is differentiated has them as further results. Those can be differentiated too, so that gradients of gradients
 * need nothing more.
 */
import { isFloat } from '../../base/dtype.js';
import { known } from '../../base/errors.js';
import type { Operand } from '../op.js';
import type { Ops } from '../ops-interface.js';
import type { BackwardStep } from './backward.js';
import { activeNodes, backwardStep } from './backward.js';
import { withoutScans } from './inline.js';
import type { Region, ScanDims } from './region.js';
import { internRegion } from './region.js';
import { sumOfSteps } from './step-sum.js';

export interface RegionGradient {
  /** The region that is run forward: its first results are those of the region it was made of. */
  readonly forward: Region;
  /** Operands and results of the forward scan that the gradient reads. */
  readonly savedOperands: readonly number[];
  readonly savedResults: readonly number[];
  /** The backward step for gradients of these results of the forward region. */
  step(present: readonly boolean[]): BackwardStep;
}

const gradients = new Map<string, RegionGradient>();

/** How a region is differentiated for the operands that need a gradient; worked out once. */
export function regionGradient(given: Region, needs: readonly boolean[]): RegionGradient {
  const key = `${given.id} ${needs.map(Number).join('')}`;
  const have = gradients.get(key);
  if (have !== undefined) return have;
  const region = withoutScans(given);
  const active = activeNodes(region, needs);
  let forward = region;
  for (;;) {
    const all = forward.results.map((at) => isFloat(region.nodes[at].dtype));
    const step = backwardStep(forward, active, all);
    const wanted = step.slices.flatMap((s) => (s.from === 'kept' ? [s.node] : []));
    // What a carry is after a step is no stack of results: only results behind the carries are.
    const stacked = new Set(forward.results.slice(region.carries));
    const missing = wanted.filter((node) => !stacked.has(node));
    if (missing.length > 0) {
      forward = internRegion({ ...forward, results: [...forward.results, ...missing] });
      continue;
    }
    const made: RegionGradient = {
      forward,
      savedOperands: [
        ...new Set([
          ...step.invariants,
          ...step.slices.flatMap((s) => (s.from === 'parameter' ? [s.parameter] : [])),
        ]),
      ],
      savedResults: [...new Set(wanted.map((node) => stackOfNode(forward, node)))],
      step: cachedSteps(forward, active),
    };
    gradients.set(key, made);
    return made;
  }
}

/** Which result of the forward scan has the stack of a kept node. */
function stackOfNode(forward: Region, node: number): number {
  return forward.results.indexOf(node, forward.carries);
}

function cachedSteps(forward: Region, active: readonly boolean[]): RegionGradient['step'] {
  const steps = new Map<string, BackwardStep>();
  return (present) => {
    const key = present.map(Number).join('');
    const have = steps.get(key);
    if (have !== undefined) return have;
    const made = backwardStep(forward, active, present);
    steps.set(key, made);
    return made;
  };
}

/** What the gradient of a forward scan is computed from. */
export interface ForwardScan<V> {
  readonly gradient: RegionGradient;
  readonly length: number;
  readonly reverse: boolean;
  operand(i: number): V;
  result(i: number): V;
}

/** Gradients of the operands of a scan, given those of its results; null for none. */
export function scanGradients<V extends Operand>(
  ops: Ops<V>,
  scan: ForwardScan<V>,
  grads: readonly (V | null)[],
): readonly (V | null)[] {
  const { gradient, length, reverse } = scan;
  const { forward } = gradient;
  const step = gradient.step(grads.map((g) => g !== null));
  const carries = step.carries.map((c) => {
    const { dtype, shape } = forward.nodes[forward.parameters[c]];
    return grads[c] ?? ops.constant(0, dtype, shape);
  });
  const sums = step.sums.map(({ node: { dtype, shape } }) => ops.constant(0, dtype, shape));
  const slices = step.slices.map((s): V => {
    switch (s.from) {
      case 'parameter':
        return scan.operand(s.parameter);
      case 'kept':
        return scan.result(stackOfNode(forward, s.node));
      case 'gradient':
        return known(grads[s.result], `the gradient of result ${s.result}`);
    }
  });
  const invariants = step.invariants.map((p) => scan.operand(p));
  const dims: ScanDims = { region: step.region, length, reverse: !reverse };
  const operands = [...carries, ...sums, ...slices, ...invariants];
  const results = step.region.results.length === 0 ? [] : ops.scan(dims, operands);
  const count = step.carries.length;
  const stacks = results.slice(count + step.sums.length);
  const arrays = {
    operand: (slice: number) => slices[slice],
    stack: (stack: number) => stacks[stack],
    carry: (carry: number) => results[count + carry],
  };
  return forward.parameters.map((_, p): V | null => {
    if (p < forward.carries) {
      const at = step.carries.indexOf(p);
      return at < 0 ? null : results[at];
    }
    if (p < forward.carries + forward.slices) {
      const stack = step.sliceGradients[p - forward.carries];
      return stack === null ? null : stacks[stack];
    }
    const sum = step.invariantGradients[p - forward.carries - forward.slices];
    return sum === null ? null : sumOfSteps(ops, sum, arrays);
  });
}
