/**
 * Programs over tensors as plain data: what fixtures from PyTorch and random tests are written in. `scripts/pytorch-fixtures.py` runs
 * the same programs with PyTorch; the names of steps are those of Tensor methods and functions here.
 *
 * A program has numbered tensors: its inputs first, then the result of every step that gives one. A step is
 * `[name, operands, ...parameters]`. Steps without a result update a tensor in place, read one, or go back over the tape.
 */
import type { DType, TypedArray } from '../../src/index.js';
import { autograd, fromTypedArray, type Tensor } from '../../src/index.js';
import { type Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import type { Plain } from './plain.js';
import { decode, pattern } from './plain.js';
import { convolutionSteps } from './steps/convolution.js';
import { coreSteps } from './steps/core.js';
import { elementwiseSteps } from './steps/elementwise.js';
import { inPlaceSteps } from './steps/in-place.js';
import { nnSteps } from './steps/nn.js';
import type { Parameter, Rule } from './steps/parameters.js';
import { spatialSteps } from './steps/spatial.js';
import { tensorSteps } from './steps/tensor.js';

export type { Element, Plain } from './plain.js';
export { decode } from './plain.js';

export interface Input extends Plain {
  readonly grad?: boolean;
}

export type Step = readonly [name: string, operands: readonly number[], ...parameters: Parameter[]];

export interface Program {
  readonly inputs: readonly Input[];
  readonly steps: readonly Step[];
  /** Tensors that are read at the end, in this order. */
  readonly outputs: readonly number[];
}

export interface Snapshot {
  readonly of: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: TypedArray;
}

export interface Outcome {
  /** Values read on the way and at the end, then gradients; a value that cannot be read any more is named with its error. */
  readonly snapshots: readonly (Snapshot | { readonly of: string; readonly error: string })[];
  /** The step that threw, if any, and what. */
  readonly thrown: { readonly step: number; readonly error: Error } | null;
}

export const rules: { readonly [name: string]: Rule } = {
  ...coreSteps,
  ...convolutionSteps,
  ...elementwiseSteps,
  ...inPlaceSteps,
  ...nnSteps,
  ...spatialSteps,
  ...tensorSteps,
};

/** Steps that read: `run` takes a snapshot there. `second` takes gradients of gradients. */
const reads = new Set(['read', 'second']);

export function isKnownStep(name: string): boolean {
  return name in rules || reads.has(name);
}

/** Gradients of a weighted sum of the gradients of `y`, for all inputs that want one. */
function secondGradients(y: Tensor, leaves: readonly Tensor[]): (Tensor | null)[] {
  const first = autograd.grad([y], leaves, {
    gradOutputs: [pattern(y)],
    createGraph: true,
    allowUnused: true,
  });
  const parts = first.filter((g) => g?.requiresGrad).map((g) => g as Tensor);
  if (parts.length === 0) return leaves.map(() => null);
  const total = parts.map((g) => g.mul(pattern(g)).sum()).reduce((a, b) => a.add(b));
  return autograd.grad([total], leaves, { allowUnused: true });
}

export interface RunOptions {
  /** Read every tensor as soon as it is there, so that no two steps are fused. */
  readonly eager?: boolean;
  /** Called with the result of every step (after an update, with what was updated) and its operands; gives the tensor to go on with. */
  readonly after?: (step: number, t: Tensor, operands: readonly Tensor[]) => Tensor;
}

export function runProgram(space: Workspace, program: Program, options: RunOptions = {}): Outcome {
  return withWorkspace(space, () => {
    const tensors: Tensor[] = [];
    const snapshots: (Snapshot | { of: string; error: string })[] = [];
    const look = (of: string, t: Tensor | null): void => {
      if (t === null) return;
      try {
        snapshots.push({ of, shape: t.shape, dtype: t.dtype, data: t.dataSync() });
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'StaleValueError') throw error;
        snapshots.push({ of, error: error.name });
      }
    };
    for (const p of program.inputs) {
      tensors.push(fromTypedArray(decode(p), p.shape, { dtype: p.dtype, requiresGrad: p.grad ?? false }));
    }
    const leaves = tensors.filter((t) => t.requiresGrad);
    let at = 0;
    try {
      for (; at < program.steps.length; at++) {
        const [name, operands, ...parameters] = program.steps[at];
        const taken = operands.map((i) => tensors[i]);
        if (name === 'read') look(`step ${at}`, taken[0]);
        else if (name === 'second') {
          secondGradients(taken[0], leaves).forEach((g, i) => {
            look(`second gradient ${i}`, g);
          });
        } else {
          const rule = rules[name];
          if (rule === undefined) throw new TypeError(`no step is called ${name}`);
          const made = rule(taken, parameters);
          if (made !== null) tensors.push(options.after ? options.after(at, made, taken) : made);
          else if (options.after) options.after(at, taken[0], taken);
          if (options.eager) {
            (made ?? taken[0]).dataSync();
            for (const leaf of leaves) leaf.grad?.dataSync();
          }
        }
      }
      for (const i of program.outputs) look(`%${i}`, tensors[i]);
      leaves.forEach((leaf, i) => {
        look(`gradient ${i}`, leaf.grad);
      });
    } catch (error) {
      return {
        snapshots,
        thrown: { step: at, error: error instanceof Error ? error : new Error(String(error)) },
      };
    }
    return { snapshots, thrown: null };
  });
}

// --- printing --------------------------------------------------------------------------------------------------------------

function show(p: Plain): string {
  const few =
    p.data.length <= 24
      ? p.data.join(', ')
      : `${p.data.slice(0, 24).join(', ')}, ... ${p.data.length} in all`;
  return `${p.dtype}[${p.shape.join(', ')}] {${few}}`;
}

/** A program as people read it, one step a line. */
export function printProgram(program: Program): string {
  const lines = program.inputs.map((p, i) => `%${i} = ${show(p)}${p.grad ? ' requires grad' : ''}`);
  let next = program.inputs.length;
  for (const [name, operands, ...parameters] of program.steps) {
    const text = [...operands.map((i) => `%${i}`), ...parameters.map((p) => JSON.stringify(p))].join(', ');
    const gives = !(
      name.endsWith('_') ||
      reads.has(name) ||
      ['backward', 'update', 'zeroGrad'].includes(name)
    );
    lines.push(gives ? `%${next++} = ${name}(${text})` : `${name}(${text})`);
  }
  lines.push(`outputs ${program.outputs.map((i) => `%${i}`).join(', ')}`);
  return lines.join('\n');
}
